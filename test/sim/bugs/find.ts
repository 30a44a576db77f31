/** Plants bugs one after another and looks for the first seed that each of them breaks. */
import type { WorldName } from '../job/main.ts';
import { type FailedSeed, runJobs } from '../jobs.ts';
import type { Bug } from './list.ts';

/** How long is looked, and who hears of each bug. */
export interface FindOptions {
  readonly world: WorldName;
  readonly turns: number;
  readonly seeds: number;
  readonly onResult: (line: string) => void;
}

/** Looks for all of them, two at a time; returns how many were found. */
export async function findBugs(bugs: readonly Bug[], options: FindOptions): Promise<number> {
  const left = [...bugs];
  let found = 0;
  const work = async (): Promise<void> => {
    for (let bug = left.shift(); bug !== undefined; bug = left.shift()) {
      if (await findBug(bug, options)) found += 1;
    }
  };
  await Promise.all([work(), work()]);
  return found;
}

async function findBug(bug: Bug, options: FindOptions): Promise<boolean> {
  const startedMs = performance.now();
  const say = (words: string): void => {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    options.onResult(`${bug.name.padEnd(34)} ${words}, ${seconds} s`);
  };
  for (let from = 1; from <= options.seeds; ) {
    const { failures, errors } = await play(bug, options, {
      from,
      count: options.seeds - from + 1,
    });
    const [first] = failures;
    // A change that cannot run at all says nothing of the rule.
    const broken = errors !== '' ? errors : brokenWords(first);
    if (broken !== undefined) {
      say(`cannot be run: ${broken.slice(0, 400)}`);
      return false;
    }
    if (first === undefined) break;
    const clean = await play(undefined, options, { from: first.seed, count: 1 });
    if (clean.failures.length === 0) {
      say(`found after ${first.seed} seeds: ${first.rule}`);
      return true;
    }
    from = first.seed + 1;
  }
  say(`NOT FOUND in ${options.seeds} seeds`);
  return false;
}

function brokenWords(failed: FailedSeed | undefined): string | undefined {
  return /(Type|Reference|Syntax)Error/.test(failed?.words ?? '') ? failed?.words : undefined;
}

function play(
  bug: Bug | undefined,
  { turns, world }: FindOptions,
  seeds: { readonly from: number; readonly count: number },
) {
  return runJobs({
    ...seeds,
    world,
    turns,
    jobCount: 1,
    limitMs: 1e9,
    patches: bug?.patches ?? [],
    keepsGoing: false,
  });
}
