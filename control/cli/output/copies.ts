/** Counts of copies by state, in words. */
import type { CopyCounts } from '../../../proto/gen/miroir/admin/v1/common.ts';
import { grouped } from './words.ts';

const NONE: CopyCounts = {
  inSync: 0n,
  behind: 0n,
  suspect: 0n,
  filling: 0n,
  leaving: 0n,
  held: 0n,
};

/** All copies. */
export function allCopies(counts: CopyCounts = NONE): bigint {
  const { inSync, behind, suspect, filling, leaving, held } = counts;
  return inSync + behind + suspect + filling + leaving + held;
}

/** Copies that are read or, held for a moment, could be. */
export function goodCopies(counts: CopyCounts = NONE): bigint {
  return counts.inSync + counts.held;
}

/** `512/768`: those in sync of all. */
export function shareInSync(counts: CopyCounts = NONE): string {
  return `${grouped(goodCopies(counts))}/${grouped(allCopies(counts))}`;
}

/** `256 behind, 3 filling`: those that are not; empty if all are. */
export function notInSync(counts: CopyCounts = NONE): string {
  return (['behind', 'suspect', 'filling', 'leaving'] as const)
    .filter((state) => counts[state] > 0n)
    .map((state) => `${grouped(counts[state])} ${state}`)
    .join(', ');
}
