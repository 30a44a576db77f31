/**
 * Simulates two worlds under faults: sidecars, control and recovery with model nodes (`lanes`), and control
 * replicas with an engine (`replicas`). `--world` says which; all by default.
 *
 *   npm run sim -- --seeds N [--from S] [--seconds T]    many seeds; exit 1 if one broke a rule
 *   npm run sim -- --seed S --trace                      one seed, and what happened in it
 *   npm run sim -- --bugs [--only NAME,NAME]             each planted bug must be found
 *   npm run sim -- --bug NAME --seed S --trace           one of them at work
 */
import { register } from 'node:module';
import { Command, Option } from 'commander';
import { SMALL_BOUNDS } from './bounds.ts';
import { findBugs } from './bugs/find.ts';
import type { Bug } from './bugs/list.ts';
import { Coverage } from './coverage.ts';
import { type FailedSeed, type JobsResult, runJobs } from './jobs.ts';
import { missing, SEEDS_FOR_ALL } from './sometimes.ts';
import { LANES, REPLICAS, type SimulatedWorld } from './worlds.ts';

const TRACE_LINES = 200;

interface Options {
  readonly world: string;
  readonly seeds: string;
  readonly from: string;
  readonly seconds?: string;
  readonly jobs: string;
  readonly seed?: string;
  readonly trace?: boolean;
  readonly keepGoing?: boolean;
  readonly bug?: string;
  readonly bugs?: boolean;
  readonly only?: string;
}

const options = new Command('sim')
  .addOption(
    new Option('--world <name>', 'what is simulated')
      .choices(['lanes', 'replicas', 'all'])
      .default('all'),
  )
  .option('--seeds <count>', 'how many seeds', '2000')
  .option('--from <seed>', 'the first of them', '1')
  .option('--seconds <seconds>', 'stop after so long')
  .option('--jobs <count>', 'processes', '2')
  .option('--seed <seed>', 'only this one')
  .option('--trace', 'print all that happened in it')
  .option('--keep-going', 'look at all seeds, whatever fails')
  .option('--bug <name>', 'plant this bug')
  .option('--bugs', 'plant each bug and demand that it is found')
  .option('--only <names>', 'of the bugs only these')
  .parse()
  .opts<Options>();

const worlds = [LANES, REPLICAS].filter(
  ({ name }) => options.world === 'all' || options.world === name,
);
const closing: string[] = [];
let exitCode = 0;
for (const world of worlds) {
  if (worlds.length > 1) console.log(`--- ${world.name}`);
  exitCode = Math.max(exitCode, await simulate(world));
}
if (closing.length > 0) console.log(closing.join('; '));
process.exitCode = exitCode;

function simulate(world: SimulatedWorld): Promise<number> {
  if (options.bugs === true) return allBugs(world);
  return options.seed === undefined ? manySeeds(world) : oneSeed(world, Number(options.seed));
}

async function allBugs(world: SimulatedWorld): Promise<number> {
  const names = options.only?.split(',');
  const bugs = world.bugs.filter((bug) => names?.includes(bug.name) !== false);
  const found = await findBugs(bugs, {
    world: world.name,
    turns: world.turns,
    seeds: Number(options.seeds),
    onResult: (line) => console.log(line),
  });
  closing.push(`${world.name}: ${found} of ${bugs.length} planted bugs found`);
  return found === bugs.length ? 0 : 1;
}

async function oneSeed(world: SimulatedWorld, seed: number): Promise<number> {
  const bug = plantedBug(world);
  if (options.bug !== undefined && bug === undefined) return 0;
  register('../kit/patch-hook.js', import.meta.url, {
    data: [...SMALL_BOUNDS, ...(bug?.patches ?? [])],
  });
  const play =
    world === LANES
      ? (await import('./run-seed.ts')).runSeed
      : (await import('./replication/run-seed.ts')).runReplicaSeed;
  const result = play(seed, { coverage: new Coverage(), turns: world.turns, isTraced: true });
  const lines = options.trace === true ? result.lines : result.lines.slice(-TRACE_LINES);
  if (options.trace === true || result.rule !== null) for (const line of lines) console.log(line);
  console.log(
    result.rule === null ? `seed ${seed}: no rule broken` : `seed ${seed}: ${result.words}`,
  );
  return result.rule === null ? 0 : 1;
}

/** The one that was asked for, if it is one of this world. */
function plantedBug(world: SimulatedWorld): Bug | undefined {
  const isKnown = [LANES, REPLICAS].some(({ bugs }) =>
    bugs.some(({ name }) => name === options.bug),
  );
  if (options.bug !== undefined && !isKnown) throw new Error(`no bug ${options.bug}`);
  return world.bugs.find(({ name }) => name === options.bug);
}

async function manySeeds(world: SimulatedWorld): Promise<number> {
  const bug = plantedBug(world);
  if (options.bug !== undefined && bug === undefined) return 0;
  const result = await runJobs({
    world: world.name,
    from: Number(options.from),
    count: Number(options.seeds),
    turns: world.turns,
    jobCount: Number(options.jobs),
    limitMs: Number(options.seconds ?? 1e9) * 1_000,
    patches: bug?.patches ?? [],
    keepsGoing: options.keepGoing === true,
  });
  printCoverage(result.coverage);
  printFailures(result.failures);
  if (result.errors !== '') console.log(result.errors);
  const lacking = result.count >= SEEDS_FOR_ALL ? missing(result.coverage, world.sometimes) : [];
  for (const words of lacking) console.log(`TOO RARE ${words}`);
  closing.push(sumOf(world, result));
  const [first] = result.failures;
  if (first !== undefined) {
    console.log(`see: npm run sim -- --world ${world.name} --seed ${first.seed} --trace`);
  }
  return result.failures.length > 0 || lacking.length > 0 || result.errors !== '' ? 1 : 0;
}

function printCoverage(coverage: Coverage): void {
  for (const [name, hits] of [...coverage.counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    console.log(`${String(hits).padStart(10)}  ${name}`);
  }
}

function printFailures(failures: readonly FailedSeed[]): void {
  const byRule = new Map<string, FailedSeed[]>();
  for (const failure of failures) {
    byRule.set(failure.rule, [...(byRule.get(failure.rule) ?? []), failure]);
  }
  for (const [rule, own] of byRule) {
    const seeds = own.map(({ seed }) => seed);
    console.log(`BROKEN ${rule}: ${seeds.length} seeds: ${seeds.slice(0, 10).join(' ')}`);
    console.log(`  ${own[0]?.words.slice(0, 1_500)}`);
  }
}

function sumOf(world: SimulatedWorld, { count, failures, seconds }: JobsResult): string {
  const rate = (count / seconds).toFixed(1);
  return `${world.name}: ${count} seeds, ${failures.length} violations, ${seconds.toFixed(1)} s, ${rate} seeds/s`;
}
