/**
 * The equality fuzzer against copies with different histories: while it loads and asks, one node after the
 * other is killed, sometimes wiped, started again and refilled.
 *
 *   node dist/test/chaos/equality/main.js --rf 2 --groups 2 --nodes 4 --seed 1 --count 2000
 *
 * Needs a real Meilisearch for the reference; prints what the fuzzer prints. Exit code of the fuzzer.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { findNode } from '../../../envoy/start/find-nodes.ts';
import { freePort } from '../../../envoy/start/ports.ts';
import { buildRoot } from '../../kit/paths.ts';
import { drain } from '../drain.ts';
import { EngineProcess } from '../engine-process.ts';
import { MASTER_KEY } from '../gateway.ts';
import { Rng } from '../rng.ts';
import { World } from '../world.ts';

const CALM_MS = 4_000;
const AWAY_MS_MAX = 3_000;
const DRAIN_LIMIT_MS = 120_000;
const WIPE_PROBABILITY = 0.3;

const program = new Command('equality of copies')
  .option('--rf <copies>', 'copies of each shard in a group', '2')
  .option('--groups <groups>', 'replica groups', '2')
  .option('--nodes <nodes>', 'nodes', '4')
  .option('--spread <spread>', 'as of npm start', 'all')
  .option('--seed <seed>', 'a whole number', '1')
  .option('--count <requests>', 'how many requests', '2000')
  .option('--shards <shards>', 'shards of an index', '32')
  .option('--calm', 'leave the nodes alone')
  .option('--fuzz <flags>', 'more flags of the fuzzer, separated by spaces', '')
  .parse();
const options = program.opts<Record<string, string>>();

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const found = await findNode(process.env, () => {});
  if (found.kind !== 'meilisearch') throw new Error('equality needs a real Meilisearch');
  const world = await World.start({
    nodeCount: Number(options['nodes']),
    factor: Number(options['rf']),
    groups: Number(options['groups']),
    spread: options['spread'] ?? 'all',
    config: { sharding: { shards: Number(options['shards']) } },
  });
  const reference = new EngineProcess({
    found,
    port: await freePort(),
    folder: join(world.folder, 'reference'),
    masterKey: MASTER_KEY,
  });
  try {
    await reference.start();
    const disturbance = { isOver: false, kills: 0, wipes: 0, left: '' };
    const disturbing = options['calm'] === undefined ? disturb(world, disturbance) : undefined;
    const code = await fuzz(world.url, reference.url);
    disturbance.isOver = true;
    await disturbing;
    console.log(`${disturbance.kills} nodes killed, ${disturbance.wipes} of them wiped`);
    if (disturbance.left !== '') console.log(`not refilled: ${disturbance.left}`);
    return disturbance.left === '' ? code : 1;
  } finally {
    await reference.kill();
    await world.stop();
  }
}

/** One node at a time; the next only when all copies are in sync again. */
async function disturb(
  world: World,
  progress: { isOver: boolean; kills: number; wipes: number; left: string },
): Promise<void> {
  const rng = new Rng(Number(options['seed']));
  while (!progress.isOver && progress.left === '') {
    await sleep(rng.between(CALM_MS / 2, CALM_MS));
    const { engine } = rng.pick(world.nodes);
    await engine.kill();
    progress.kills += 1;
    if (rng.isTrue(WIPE_PROBABILITY)) {
      engine.wipe();
      progress.wipes += 1;
    }
    await sleep(rng.between(0, AWAY_MS_MAX));
    await engine.start();
    // The fuzzer goes on: its tasks come and go, and only copies count.
    progress.left = (await drain(world, DRAIN_LIMIT_MS, 'copies')).left;
  }
}

function fuzz(target: string, reference: string): Promise<number> {
  const copies = Number(options['rf']) * Number(options['groups']);
  // biome-ignore format: flag and value belong on one line
  const flags = [
    '--target', target,
    '--reference', reference,
    '--key', MASTER_KEY,
    '--spread', options['spread'] ?? 'all',
    '--copies', String(copies),
    '--seed', options['seed'] ?? '1',
    '--count', options['count'] ?? '2000',
    ...(options['fuzz'] ?? '').split(' ').filter((flag) => flag !== ''),
  ];
  return new Promise((resolve) => {
    const file = join(buildRoot, 'test', 'fuzz', 'main.js');
    const child = spawn(process.execPath, ['--enable-source-maps', file, ...flags], {
      stdio: 'inherit',
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
