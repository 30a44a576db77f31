/**
 * Which documents of a shard clients' writes may have changed since a moment. A watch begins with every
 * open write that the source has not yet applied, and takes in every write that begins later: between the
 * two there is nothing it could miss, since a write that is not open any more is applied everywhere.
 */
import { headOf, openOnShard } from '../copies/index.ts';
import type { IndexRecord, OpenIntent, State, WriteWatch } from '../state/index.ts';

/** Begins a watch: writes after the place `after` that are open now, and all that begin from now on. */
export function beginWatch(
  state: State,
  index: IndexRecord,
  shard: number,
  after: number,
): WriteWatch {
  const watch = { hashes: new Set<bigint>(), isAll: false, highest: -1, scannedTo: headOf(state) };
  for (const open of openOnShard(state, index, shard)) {
    if (open.intent.internal === null && open.intent.seq > after) {
      add(watch, open, { index, shard });
    }
  }
  return watch;
}

/** Takes in the writes that began since the last look. To be called after every event. */
export function updateWatch(
  state: State,
  index: IndexRecord,
  shard: number,
  watch: WriteWatch,
): void {
  // Under a hold nothing is watched: what begins waits.
  if (watch.scannedTo === Number.POSITIVE_INFINITY) return;
  const head = headOf(state);
  for (let seq = watch.scannedTo + 1; seq <= head; seq += 1) {
    const open = state.open.get(seq);
    if (open === undefined || open.intent.indexId !== index.id) continue;
    if (open.intent.shards.includes(shard)) add(watch, open, { index, shard });
  }
  watch.scannedTo = head;
}

/** Whether a document may have been changed. */
export function isTouched(watch: WriteWatch, hash: bigint): boolean {
  return watch.isAll || watch.hashes.has(hash);
}

function add(
  watch: WriteWatch,
  open: OpenIntent,
  of: { readonly index: IndexRecord; readonly shard: number },
): void {
  watch.highest = Math.max(watch.highest, open.intent.seq);
  if (open.intent.scope !== 'keys') {
    watch.isAll = true;
    return;
  }
  for (const hash of hashesOfShard(open.hashes, of.index, of.shard)) watch.hashes.add(hash);
}

/** Of primary key hashes, 8 bytes each, those in one shard. */
export function* hashesOfShard(
  hashes: Buffer,
  index: IndexRecord,
  shard: number,
): Generator<bigint> {
  const mask = index.shardCount - 1;
  for (let at = 0; at + 8 <= hashes.length; at += 8) {
    if ((hashes.readUInt32LE(at) & mask) === shard) yield hashes.readBigUInt64LE(at);
  }
}
