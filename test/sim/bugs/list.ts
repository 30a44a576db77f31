/**
 * Planted bugs: each takes one rule of the write protocol out of the compiled production code. The
 * simulation is worth something only if it finds every one of them.
 */
import type { Patch } from '../../kit/patch-hook.ts';
import { LANE_BUGS } from './lane.ts';
import { RECOVERY_BUGS } from './recovery.ts';

/** A rule that is taken out. */
export interface Bug {
  /** Short, for the command line. */
  readonly name: string;
  /** What is left out. */
  readonly hole: string;
  readonly patches: readonly Patch[];
  /** Found soon enough to be looked for with every change. */
  readonly isQuick?: boolean;
}

/** All of them. */
export const BUGS: readonly Bug[] = [...LANE_BUGS, ...RECOVERY_BUGS];
