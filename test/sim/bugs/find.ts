/** Plants bugs one after another and looks for the first seed that each of them breaks. */
import { runJobs } from '../jobs.ts';
import type { Bug } from './list.ts';

/** How long is looked, and who hears of each bug. */
export interface FindOptions {
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
  const { count, failures, seconds, errors } = await runJobs({
    from: 1,
    count: options.seeds,
    turns: options.turns,
    jobCount: 1,
    limitMs: 1e9,
    patches: bug.patches,
    keepsGoing: false,
  });
  const [first] = failures;
  // A change that cannot run at all says nothing of the rule.
  const isBroken = errors !== '' || /(Type|Reference|Syntax)Error/.test(first?.words ?? '');
  const isFound = first !== undefined && !isBroken;
  const words = isBroken
    ? `cannot be run: ${(errors || (first?.words ?? '')).slice(0, 400)}`
    : isFound
      ? `found after ${count} seeds (${first.seed}): ${first.rule}`
      : `NOT FOUND in ${count} seeds`;
  options.onResult(`${bug.name.padEnd(34)} ${words}, ${seconds.toFixed(1)} s`);
  return isFound;
}
