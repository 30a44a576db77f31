/**
 * Documents deleted by id. A copy that missed the deletion still has them, and no version tells: their keys
 * are kept, from the moment the deletion begins, until every copy of their shards has applied it. Above a
 * bound the oldest are dropped, and copies that may have missed them are compared id by id instead.
 */
import type { OpenIntent, State } from '../state/index.ts';
import { copiesOf, hasOtherCopies } from './copy.ts';
import { openNotes } from './notes.ts';
import { appliedUpTo, openOnShard } from './sends.ts';

/** Keys kept over all indexes: 32 MB. */
const HASHES_MAX = 4_000_000;
const DROPPED_AT_ONCE_MAX = 200;

/** Keeps the keys of a deletion by id that begins, where a shard has more than one copy. */
export function noteTombstones(state: State, open: OpenIntent): void {
  const { intent, hashes } = open;
  const index = state.indexes.get(intent.indexId ?? '');
  if (intent.kind !== 'documentsDeleteById' || intent.scope !== 'keys') return;
  if (index === undefined || index.copiesPerShard === 1) return;
  state.tombstones.set(intent.seq, { seq: intent.seq, indexId: index.id, hashes });
  state.touchedTombstones.add(intent.seq);
  state.tombstoneCount += hashes.length / 8;
  while (state.tombstoneCount > HASHES_MAX && state.tombstones.size > 1) dropOldest(state);
}

/** Keys of one shard that were deleted by id at `from` or later. */
export function* tombstonesOf(
  state: State,
  at: { readonly indexId: string; readonly shard: number; readonly from: number },
): Generator<{ readonly hash: bigint; readonly seq: number }> {
  const index = state.indexes.get(at.indexId);
  if (index === undefined) return;
  for (const dead of state.tombstones.values()) {
    if (dead.indexId !== at.indexId || dead.seq < at.from) continue;
    for (let place = 0; place + 8 <= dead.hashes.length; place += 8) {
      if ((dead.hashes.readUInt32LE(place) & (index.shardCount - 1)) !== at.shard) continue;
      yield { hash: dead.hashes.readBigUInt64LE(place), seq: dead.seq };
    }
  }
}

/** Drops, oldest first, what every copy has applied; a few at a time. */
export function dropTombstones(state: State): void {
  let looked = 0;
  for (const dead of state.tombstones.values()) {
    looked += 1;
    if (looked > DROPPED_AT_ONCE_MAX) return;
    if (isApplied(state, dead.indexId, dead.hashes, dead.seq)) drop(state, dead.seq);
  }
}

function isApplied(state: State, indexId: string, hashes: Buffer, seq: number): boolean {
  const index = state.indexes.get(indexId);
  if (index === undefined) return true;
  if (hasOtherCopies(index)) return false;
  const shards = new Set<number>();
  for (let place = 0; place + 8 <= hashes.length; place += 8) {
    shards.add(hashes.readUInt32LE(place) & (index.shardCount - 1));
  }
  for (const shard of shards) {
    for (const _ of openOnShard(state, index, shard)) return false;
    for (const { nodeId } of copiesOf(index, shard)) {
      if (appliedUpTo(state, { index, shard, nodeId }) < seq) return false;
    }
  }
  return true;
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
