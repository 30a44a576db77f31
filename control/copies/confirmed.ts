/**
 * Which views sidecars may still read from. A sidecar is live from the opening of its Watch until its lease
 * lapses, and holds at least the view it confirmed. After a start of control leases of the last process may
 * still be held for as long as one lasts.
 */
import type { IndexRecord, State } from '../state/index.ts';
import { shrunkKey } from './copy.ts';

/** How long a sidecar may read without a word from control. */
export const TOPOLOGY_LEASE_MS = 2_000;

/** Whether every live sidecar holds a view of at least this commit. 0: there is nothing to know. */
export function isConfirmed(state: State, index: number): boolean {
  if (index === 0) return true;
  if (state.nowMs < state.startedMs + TOPOLOGY_LEASE_MS) return false;
  for (const lease of state.sidecars.values()) {
    if (lease.untilMs > state.nowMs && lease.index < index) return false;
  }
  return true;
}

/** The commit that last took a readable copy of the shard away; 0 if none did. */
export function shrunkAt(state: State, index: IndexRecord, shard: number): number {
  if (index.copiesPerShard === 1) return 0;
  return Math.max(state.shrunkFloor, state.shrunk.get(shrunkKey(index.id, shard)) ?? 0);
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
  let newest = state.shrunkFloor;
  for (const shard of shards) newest = Math.max(newest, shrunkAt(state, index, shard));
  return isConfirmed(state, newest);
}
