/**
 * The state as a stream of bytes: what a replica is refilled with and what a backup holds.
 *
 *   stream = chunks of at most 256 KiB: length u32 · CRC-32 u32 · payload
 *   payloads joined = records: kind u8 ·
 *     1 header  length u32, JSON
 *     2 value   key length u16, key, value length u32, value    (keys in order)
 *     3 end     count of values u64, SHA-256 of all payload bytes before the digest
 *
 * All numbers little endian. It is read in one read transaction, so it is the state of one moment; that keeps
 * old pages from being used again, so its age is bounded.
 */
import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { assert } from '../../core/assert.ts';
import { openValue } from './codec.ts';
import type { Environment, ReadTransaction } from './environment.ts';
import { UnusableSnapshot } from './errors.ts';
import { placeAt } from './log.ts';
import { parseMeta, readRawMeta, SCHEMA_VERSION } from './meta.ts';

/** Version of the stream. */
export const SNAPSHOT_FORMAT = 1;
/** Bytes of a chunk at most, with its length and checksum. */
export const CHUNK_BYTES_MAX = 256 * 1024;
/** Bytes before a chunk's payload. */
export const CHUNK_HEAD_BYTES = 8;
/** Kinds of records. */
export const RECORD = { header: 1, value: 2, end: 3 } as const;

const AGE_MAX_MS = 60_000;
const READ_BYTES = 1024 * 1024;

/** What a snapshot says of itself. */
export interface SnapshotHeader {
  readonly format: number;
  readonly schema: number;
  readonly clusterId: string;
  /** The last entry of the log that the state holds, and its chain in hex. */
  readonly epoch: string;
  readonly index: string;
  readonly chain: string;
}

/** How a snapshot is taken. */
export interface SnapshotOptions {
  readonly clusterId: string;
  /** Default: a minute. */
  readonly ageMaxMs?: number;
}

/** Streams the state. Throws UnusableSnapshot when it takes too long. */
export async function* takeSnapshot(
  environment: Environment,
  options: SnapshotOptions,
): AsyncGenerator<Buffer> {
  const transaction = environment.root.useReadTransaction();
  let isTooOld = false;
  const limit = setTimeout(() => {
    isTooOld = true;
    transaction.done();
  }, options.ageMaxMs ?? AGE_MAX_MS);
  limit.unref();
  try {
    const packer = new ChunkPacker();
    packer.add(headerRecord(environment, transaction, options));
    let after: string | undefined;
    let count = 0n;
    for (;;) {
      if (isTooOld) throw new UnusableSnapshot('reading the snapshot took too long');
      const pairs = readPairs(environment, transaction, after);
      if (pairs.length === 0) break;
      count += BigInt(pairs.length);
      after = pairs.at(-1)?.key;
      for (const { key, value } of pairs) packer.add(valueRecord(key, value));
      yield* packer.take();
    }
    packer.end(count);
    yield* packer.take();
    yield packer.rest();
  } finally {
    clearTimeout(limit);
    if (!isTooOld) transaction.done();
  }
}

function headerRecord(
  environment: Environment,
  transaction: ReadTransaction,
  options: SnapshotOptions,
): Buffer {
  const raw = readRawMeta(environment, transaction);
  assert(raw !== undefined, 'an open store describes itself');
  const meta = parseMeta(raw);
  const place = placeAt(environment.log, meta, meta.appliedIndex, transaction);
  assert(place !== undefined, 'the last applied entry, or its place, is kept');
  const header: SnapshotHeader = {
    format: SNAPSHOT_FORMAT,
    schema: SCHEMA_VERSION,
    clusterId: options.clusterId,
    epoch: String(place.epoch),
    index: String(place.index),
    chain: Buffer.from(place.chain).toString('hex'),
  };
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(5);
  head.writeUInt8(RECORD.header, 0);
  head.writeUInt32LE(json.length, 1);
  return Buffer.concat([head, json]);
}

/** About a megabyte of values after a key, read in one go: no cursor stays open between chunks. */
function readPairs(
  { state }: Environment,
  transaction: ReadTransaction,
  after: string | undefined,
): { readonly key: string; readonly value: Buffer }[] {
  const pairs: { key: string; value: Buffer }[] = [];
  let bytesCount = 0;
  const start = after === undefined ? {} : { start: after, exclusiveStart: true };
  for (const { key, value } of state.getRange({ ...start, transaction })) {
    pairs.push({ key, value: openValue(key, value) });
    bytesCount += value.length;
    if (bytesCount >= READ_BYTES) break;
  }
  return pairs;
}

function valueRecord(key: string, value: Buffer): Buffer {
  const name = Buffer.from(key);
  const record = Buffer.allocUnsafe(7 + name.length + value.length);
  record.writeUInt8(RECORD.value, 0);
  record.writeUInt16LE(name.length, 1);
  record.set(name, 3);
  record.writeUInt32LE(value.length, 3 + name.length);
  record.set(value, 7 + name.length);
  return record;
}

/** Joins records and cuts them into chunks. */
class ChunkPacker {
  readonly #hash: Hash = createHash('sha256');
  #waiting: Buffer[] = [];
  #bytesCount = 0;

  add(record: Buffer): void {
    this.#hash.update(record);
    this.#push(record);
  }

  end(count: bigint): void {
    const head = Buffer.alloc(9);
    head.writeUInt8(RECORD.end, 0);
    head.writeBigUInt64LE(count, 1);
    this.add(head);
    this.#push(this.#hash.digest());
  }

  /** Full chunks. */
  *take(): Generator<Buffer> {
    const payloadMax = CHUNK_BYTES_MAX - CHUNK_HEAD_BYTES;
    if (this.#bytesCount < payloadMax) return;
    const joined = Buffer.concat(this.#waiting);
    let at = 0;
    for (; joined.length - at >= payloadMax; at += payloadMax) {
      yield chunkOf(joined.subarray(at, at + payloadMax));
    }
    this.#waiting = [joined.subarray(at)];
    this.#bytesCount = joined.length - at;
  }

  /** The last chunk. */
  rest(): Buffer {
    return chunkOf(Buffer.concat(this.#waiting));
  }

  #push(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#bytesCount += bytes.length;
  }
}

function chunkOf(payload: Buffer): Buffer {
  const chunk = Buffer.allocUnsafe(CHUNK_HEAD_BYTES + payload.length);
  chunk.writeUInt32LE(payload.length, 0);
  chunk.writeUInt32LE(crc32(payload), 4);
  chunk.set(payload, CHUNK_HEAD_BYTES);
  return chunk;
}
