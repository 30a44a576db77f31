/**
 * The one hash of placement: xxh3-64 with seed 0. A document's shard is the low bits of the hash of its
 * primary key's UTF-8 text; the hash of an integer key is that of its decimal text, since to Meilisearch
 * 5 and "5" are the same document.
 */
import { xxh3 } from '@node-rs/xxhash';
import { assert } from '../assert.ts';

/** Most shards an index may have: the shard field holds three hex digits. */
export const SHARD_COUNT_MAX = 4096;

/** A 64-bit hash as two unsigned 32-bit halves: numbers, so that hot loops allocate nothing. */
export interface HashHalves {
  low: number;
  high: number;
}

const scratch64 = new BigUint64Array(1);
const scratch32 = new Uint32Array(scratch64.buffer);
// The two halves lie in the order of this machine's bytes.
scratch64[0] = 1n;
const LOW = scratch32[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

/** xxh3-64, seed 0, of the UTF-8 bytes of a primary key. */
export function hashPrimaryKey(key: string | Uint8Array): bigint {
  return xxh3.xxh64(key);
}

/** xxh3-64, seed 0, of a document's canonical content. */
export function hashContent(content: Uint8Array): bigint {
  return xxh3.xxh64(content);
}

/** As hashPrimaryKey, written into `into` without making a bigint that outlives the call. */
export function hashPrimaryKeyInto(key: string | Uint8Array, into: HashHalves): void {
  scratch64[0] = xxh3.xxh64(key);
  into.low = scratch32[LOW] as number;
  into.high = scratch32[HIGH] as number;
}

/** Shard of a hash: its low bits. `shardCount` is a power of two, at most SHARD_COUNT_MAX. */
export function shardOf(hash: bigint, shardCount: number): number {
  assertShardCount(shardCount);
  return Number(hash & 0xffffffffn) & (shardCount - 1);
}

/** Shard of a primary key in one step, for hot loops: the caller has checked `shardCount`. */
export function shardOfKey(key: string | Uint8Array, shardCount: number): number {
  scratch64[0] = xxh3.xxh64(key);
  return (scratch32[LOW] as number) & (shardCount - 1);
}

/** Throws BrokenInvariant unless `shardCount` is a power of two from 1 to SHARD_COUNT_MAX. */
export function assertShardCount(shardCount: number): void {
  assert(
    Number.isInteger(shardCount) &&
      shardCount >= 1 &&
      shardCount <= SHARD_COUNT_MAX &&
      (shardCount & (shardCount - 1)) === 0,
    `shard count ${shardCount} is not a power of two from 1 to ${SHARD_COUNT_MAX}`,
  );
}
