/**
 * Tombstones (write-protocol rule 21) are kept while some copy may have missed the deletion: until every
 * copy of the index is in-sync and nothing up to the deletion is open any more.
 */
import { hasOtherCopies } from '../copies/index.ts';
import type { State } from '../state/index.ts';

/** Looked at in one go, oldest first. */
const DROPPED_MAX = 1_000;

/** Forgets what all copies have seen. */
export function dropTombstones(state: State): void {
  if (state.tombstones.size === 0) return;
  const lowestOpen = new Map<string, number>();
  let looked = 0;
  for (const [seq, dead] of state.tombstones) {
    looked += 1;
    if (looked > DROPPED_MAX) return;
    const index = state.indexes.get(dead.indexId);
    if (index !== undefined) {
      if (hasOtherCopies(index)) continue;
      const lowest = lowestOpen.get(index.id) ?? lowestOpenSeq(state, index.id);
      lowestOpen.set(index.id, lowest);
      if (lowest <= seq) continue;
    }
    state.tombstones.delete(seq);
    state.touchedTombstones.add(seq);
  }
}

function lowestOpenSeq(state: State, indexId: string): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const seq of state.openByIndex.get(indexId) ?? []) {
    const intent = state.open.get(seq)?.intent;
    if (intent?.internal === null) lowest = Math.min(lowest, seq);
  }
  return lowest;
}
