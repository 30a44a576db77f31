/**
 * Simulates sidecars, control and recovery with model nodes under faults.
 *
 *   npm run sim -- --seeds N [--from S] [--seconds T]    many seeds; exit 1 if one broke a rule
 *   npm run sim -- --seed S --trace                      one seed, and what happened in it
 *   npm run sim -- --bugs [--only NAME,NAME]             each planted bug must be found
 *   npm run sim -- --bug NAME --seed S --trace           one of them at work
 */
import { register } from 'node:module';
import { Command } from 'commander';
import { SMALL_BOUNDS } from './bounds.ts';
import { findBugs } from './bugs/find.ts';
import { BUGS } from './bugs/list.ts';
import { Coverage } from './coverage.ts';
import { type FailedSeed, type JobsResult, runJobs } from './jobs.ts';
import { missing, SEEDS_FOR_ALL } from './sometimes.ts';

const TURNS = 300;
const TRACE_LINES = 200;

interface Options {
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

if (options.bugs === true) process.exitCode = await allBugs();
else if (options.seed !== undefined) process.exitCode = await oneSeed(Number(options.seed));
else process.exitCode = await manySeeds();

async function allBugs(): Promise<number> {
  const names = options.only?.split(',');
  const bugs = BUGS.filter((bug) => names?.includes(bug.name) !== false);
  const found = await findBugs(bugs, {
    turns: TURNS,
    seeds: Number(options.seeds),
    onResult: (line) => console.log(line),
  });
  console.log(`${found} of ${bugs.length} planted bugs found`);
  return found === bugs.length ? 0 : 1;
}

async function oneSeed(seed: number): Promise<number> {
  const bug = BUGS.find(({ name }) => name === options.bug);
  if (options.bug !== undefined && bug === undefined) throw new Error(`no bug ${options.bug}`);
  register('../kit/patch-hook.js', import.meta.url, {
    data: [...SMALL_BOUNDS, ...(bug?.patches ?? [])],
  });
  const { runSeed } = await import('./run-seed.ts');
  const result = runSeed(seed, { coverage: new Coverage(), turns: TURNS, isTraced: true });
  const lines = options.trace === true ? result.lines : result.lines.slice(-TRACE_LINES);
  if (options.trace === true || result.rule !== null) for (const line of lines) console.log(line);
  console.log(
    result.rule === null ? `seed ${seed}: no rule broken` : `seed ${seed}: ${result.words}`,
  );
  return result.rule === null ? 0 : 1;
}

async function manySeeds(): Promise<number> {
  const bug = BUGS.find(({ name }) => name === options.bug);
  const result = await runJobs({
    from: Number(options.from),
    count: Number(options.seeds),
    turns: TURNS,
    jobCount: Number(options.jobs),
    limitMs: Number(options.seconds ?? 1e9) * 1_000,
    patches: bug?.patches ?? [],
    keepsGoing: options.keepGoing === true,
  });
  printCoverage(result.coverage);
  printFailures(result.failures);
  if (result.errors !== '') console.log(result.errors);
  const lacking = result.count >= SEEDS_FOR_ALL ? missing(result.coverage) : [];
  for (const words of lacking) console.log(`TOO RARE ${words}`);
  printSum(result);
  const [first] = result.failures;
  if (first !== undefined) {
    console.log(`see: npm run sim -- --seed ${first.seed} --trace`);
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

function printSum({ count, failures, seconds }: JobsResult): void {
  const rate = (count / seconds).toFixed(1);
  console.log(
    `${count} seeds, ${failures.length} violations, ${seconds.toFixed(1)} s, ${rate} seeds/s`,
  );
}
