/**
 * Kills, freezes and cuts off real processes under load, and judges what is left.
 *
 *   npm run chaos -- --cycles 50 --minutes 15 --seed 1
 *   npm run chaos -- --control 3 --cycles 50
 *
 * The second runs so many replicas of control in a real etcd, and faults of these alone.
 * Nodes are real ones where a Meilisearch is found, else the stand-in. Prints a row per cycle and, last,
 * what was done. Exit 1 at the first violation; data and logs are then kept.
 */
import { Command } from 'commander';
import { CONTROL_FAULTS } from './control/faults.ts';
import { whyNoNamespaces } from './control/namespaces.ts';
import { CONTROL_HEAD, controlRow, controlSummary } from './control/report.ts';
import { runControlCycles } from './control/run.ts';
import { startControlWorld } from './control/start-world.ts';
import { HEAD, row, summary } from './report.ts';
import { runCycles } from './run.ts';
import { World } from './world.ts';

const VIOLATIONS_SHOWN = 20;
const STOP_LIMIT_MS = 30_000;
/** Default of `control.expiry_ms`. */
const EXPIRY_MS = 6_000;

const program = new Command('chaos')
  .option('--cycles <count>', 'cycles of load and faults', '50')
  .option('--minutes <minutes>', 'no cycle begins later', '15')
  .option('--seed <seed>', 'a whole number', '1')
  .option('--rf <copies>', 'copies of each shard in a group', '2')
  .option('--groups <groups>', 'replica groups', '1')
  .option('--nodes <nodes>', 'nodes', '2')
  .option('--spread <spread>', 'as of npm start', 'all')
  .option('--shards <shards>', 'shards of an index', '64')
  .option('--control <replicas>', 'several replicas of control, and faults of these alone')
  .option('--fault <name>', 'of control: this one alone')
  .option('--namespaces', 'of control: cut by network namespaces instead of proxies')
  .option('--keep', 'leave data and logs')
  .parse();

const options = program.opts<Record<string, string>>();
try {
  process.exitCode = await (options['control'] === undefined ? main() : mainOfControl());
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const factor = Number(options['rf']);
  const groups = Number(options['groups']);
  const world = await World.start({
    nodeCount: Number(options['nodes']),
    factor,
    groups,
    spread: options['spread'] ?? 'all',
    config: { sharding: { shards: Number(options['shards']) } },
  });
  stopWhenAsked(() => world.stop());
  let isClean = false;
  try {
    console.log(`nodes: ${world.isReal ? 'Meilisearch' : 'stand-in'}, seed ${options['seed']}`);
    console.log(HEAD);
    const results = await runCycles(world, {
      seed: Number(options['seed']),
      cycles: Number(options['cycles']),
      limitMs: Number(options['minutes']) * 60_000,
      factor,
      groups,
      onCycle: (result) => {
        console.log(row(result));
        for (const line of result.violations.slice(0, VIOLATIONS_SHOWN)) console.log(`  ${line}`);
      },
    });
    for (const line of summary(results)) console.log(line);
    isClean = results.every(({ violations }) => violations.length === 0);
    return isClean ? 0 : 1;
  } finally {
    const isKept = !isClean || options['keep'] !== undefined;
    await world.stop(isKept);
    if (isKept) console.log(`data and logs are kept in ${world.folder}`);
  }
}

async function mainOfControl(): Promise<number> {
  const reason = options['namespaces'] === undefined ? undefined : whyNoNamespaces();
  if (reason !== undefined) {
    console.log(`skipped: ${reason}`);
    return 0;
  }
  const factor = Number(options['rf']);
  const world = await startControlWorld({
    replicas: Number(options['control']),
    nodeCount: Number(options['nodes']),
    factor,
    inNamespaces: options['namespaces'] !== undefined,
  });
  stopWhenAsked(() => world.stop());
  let isClean = false;
  try {
    console.log(`nodes: ${world.isReal ? 'Meilisearch' : 'stand-in'}, seed ${options['seed']}`);
    console.log(CONTROL_HEAD);
    const results = await runControlCycles(world, {
      seed: Number(options['seed']),
      cycles: Number(options['cycles']),
      limitMs: Number(options['minutes']) * 60_000,
      factor,
      expiryMs: EXPIRY_MS,
      faults: CONTROL_FAULTS.filter((name) => name === (options['fault'] ?? name)),
      onCycle: (result) => {
        console.log(controlRow(result));
        for (const line of result.violations.slice(0, VIOLATIONS_SHOWN)) console.log(`  ${line}`);
      },
    });
    for (const line of controlSummary(results)) console.log(line);
    isClean = results.every(({ violations }) => violations.length === 0);
    return isClean ? 0 : 1;
  } finally {
    const isKept = !isClean || options['keep'] !== undefined;
    await world.stop(isKept);
    if (isKept) console.log(`data and logs are kept in ${world.folder}`);
  }
}

function stopWhenAsked(end: () => Promise<void>): void {
  const stop = (): void => {
    setTimeout(() => process.exit(1), STOP_LIMIT_MS);
    void end().finally(() => process.exit(1));
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
}
