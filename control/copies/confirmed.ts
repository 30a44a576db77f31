/**
 * Which views sidecars may still read from. A sidecar is live from the opening of its Watch until its lease
 * lapses, and holds at least the view it confirmed. After a start of control leases of the last process may
 * still be held for as long as one lasts.
 *
 * What was confirmed once stays so: from then on a lease is granted to no older view (sidecars.ts), by this
 * leader or, as it is on disk, by the next. So after a change of leader nothing has to be waited for where
 * no copy was taken away since.
 */
import type { IndexRecord, State } from '../state/index.ts';
import { newestOutstanding, raiseConfirmed, shrunkAt } from './shrunk.ts';

/** How long a sidecar may read without a word from control. */
export const TOPOLOGY_LEASE_MS = 2_000;

/** Whether no sidecar reads, or will read, from a view of before this commit. */
function isConfirmed(state: State, index: number): boolean {
  if (index <= state.views.confirmedIndex) return true;
  if (state.nowMs < state.startedMs + TOPOLOGY_LEASE_MS) return false;
  for (const lease of state.sidecars.values()) {
    if (lease.untilMs > state.nowMs && lease.index < index) return false;
  }
  raiseConfirmed(state, index);
  return true;
}

/** Whether no live sidecar can read a copy of these shards that was taken away. */
export function isShrinkConfirmed(
  state: State,
  index: IndexRecord,
  shards: readonly number[],
): boolean {
  // What readers were never shown they do not read, and no view would come to say what it lost.
  if (index.visibleUid === null) return true;
  if (index.copiesPerShard === 1 || shards.length === 0) return true;
  let newest = 0;
  for (const shard of shards) newest = Math.max(newest, shrunkAt(state, index, shard));
  return isConfirmed(state, newest);
}

/** Looks whether all is confirmed by now, so that the next leader finds it so. */
export function settleConfirmed(state: State): void {
  isConfirmed(state, newestOutstanding(state));
}
