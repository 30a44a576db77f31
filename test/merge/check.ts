/** Runs every case of a folder of fixtures and counts. */
import { judge } from './compare.ts';
import { type MergeCase, type MergeFixture, readFixtures } from './fixture.ts';
import { runCase } from './run-case.ts';

/** Counts of one class. */
export interface ClassCount {
  passed: number;
  failed: number;
}

/** What a run came to. */
export interface CheckResult {
  readonly classes: ReadonlyMap<string, ClassCount>;
  readonly failures: readonly string[];
  readonly passed: number;
  readonly failed: number;
}

/** Checks all fixtures of a folder. */
export function checkFolder(folder: string): CheckResult {
  const classes = new Map<string, ClassCount>();
  const failures: string[] = [];
  for (const fixture of readFixtures(folder)) {
    for (const one of fixture.cases) {
      const reason = checkCase(fixture, one);
      const count = classes.get(one.expect) ?? { passed: 0, failed: 0 };
      classes.set(one.expect, count);
      if (reason === undefined) count.passed += 1;
      else {
        count.failed += 1;
        failures.push(`${fixture.name} ${one.n} (${one.kind}, ${one.expect}): ${reason}`);
      }
    }
  }
  const sum = (pick: (count: ClassCount) => number) =>
    [...classes.values()].reduce((total, count) => total + pick(count), 0);
  return {
    classes,
    failures,
    passed: sum((count) => count.passed),
    failed: sum((count) => count.failed),
  };
}

/** Why a case fails; undefined if it passes. A case that cannot be run fails. */
export function checkCase(fixture: MergeFixture, one: MergeCase): string | undefined {
  try {
    return judge(fixture, one, runCase(fixture, one));
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
