/**
 * Places in the log, compared. As each leader's log holds all that was committed before it, the replica
 * whose last entry has the highest epoch, then the highest index, holds every committed entry.
 */
import type { LogPosition } from './types.ts';

/** Before the first entry. */
export const NOWHERE: LogPosition = { epoch: 0, index: 0 };

/** Whether `left` is a lower position than `right`. */
export function isBehind(left: LogPosition, right: LogPosition): boolean {
  return left.epoch < right.epoch || (left.epoch === right.epoch && left.index < right.index);
}
