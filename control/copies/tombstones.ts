/**
 * Documents deleted by id. A copy that missed the deletion still has them, and no version tells: their keys
 * are kept from the moment the deletion begins; recovery drops them when no copy can have missed it. Above a
 * bound the oldest are dropped, and copies that may have missed them are compared id by id instead.
 */
import type { OpenIntent, State } from '../state/index.ts';
import { copiesOf } from './copy.ts';
import { openNotes } from './notes.ts';

/** Keys kept over all indexes: 32 MB. */
const HASHES_MAX = 4_000_000;

/** Keeps the keys of a deletion by id that begins, where a shard has more than one copy. */
export function noteTombstones(state: State, open: OpenIntent): void {
  const { intent, hashes } = open;
  const index = state.indexes.get(intent.indexId ?? '');
  if (intent.kind !== 'documentsDeleteById' || intent.scope !== 'keys') return;
  if (index === undefined || index.copiesPerShard === 1) return;
  state.tombstones.set(intent.seq, { seq: intent.seq, indexId: index.id, hashes });
  state.touchedTombstones.add(intent.seq);
  state.tombstoneCount += hashes.length / 8;
  if (state.tombstoneCount <= HASHES_MAX) return;
  state.tombstoneCount = countAll(state);
  while (state.tombstoneCount > HASHES_MAX && state.tombstones.size > 1) dropOldest(state);
}

/** Those that every copy has applied were dropped without being counted. */
function countAll(state: State): number {
  let count = 0;
  for (const { hashes } of state.tombstones.values()) count += hashes.length / 8;
  return count;
}

function dropOldest(state: State): void {
  for (const dead of state.tombstones.values()) {
    const index = state.indexes.get(dead.indexId);
    drop(state, dead.seq);
    if (index === undefined) return;
    for (let shard = 0; shard < index.shardCount; shard += 1) {
      for (const { nodeId, state: copyState } of copiesOf(index, shard)) {
        if (copyState === 'in-sync' || copyState === 'held' || copyState === 'leaving') continue;
        const notes = openNotes(state, { index, shard, nodeId });
        notes.isKeyless = true;
        if (notes.fill !== null) notes.fill = { ...notes.fill, isKeyless: true };
      }
    }
    return;
  }
}

function drop(state: State, seq: number): void {
  state.tombstoneCount -= (state.tombstones.get(seq)?.hashes.length ?? 0) / 8;
  state.tombstones.delete(seq);
  state.touchedTombstones.add(seq);
}
