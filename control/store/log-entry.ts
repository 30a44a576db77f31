/**
 * One entry of the log of changes: what one commit wrote, chained to the entry before it. A position is
 * (index, chain): two logs with the same chain at an index are equal up to it.
 *
 *   epoch u64 · chain 16 bytes · count u32 · count x (key length u16, key, value length u32, value)
 *
 * All numbers little endian; a removed key has value length 0xffffffff. A value has its checksum before it, as
 * it lies in the state (codec.ts), and that is where it is put from.
 */
import { createHash, hash } from 'node:crypto';
import { assert } from '../../core/assert.ts';
import { CRC_BYTES, sealInPlace, sealInto, sealValue } from './codec.ts';

const HEAD_BYTES = 28;
const CHAIN_BYTES = 16;
const REMOVED = 0xffffffff;

/** One write of a commit; `value` undefined removes the key. */
export interface Change {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** An entry as read back. */
export interface LogEntry {
  readonly epoch: bigint;
  readonly chain: Uint8Array;
  readonly changes: readonly Change[];
}

/** The chain before the first entry. */
export const FIRST_CHAIN: Uint8Array = new Uint8Array(CHAIN_BYTES);

/** A write of the state as it lies in an entry; the value has its checksum. */
export interface SealedChange {
  readonly key: string;
  readonly sealed: Buffer | undefined;
}

/** What is known of an entry that was encoded here, as long as it is in memory. */
interface Made {
  /** The entry with room for a checksum before it, as it is put into the file. */
  readonly room: Buffer;
  /** The chain it was encoded onto. */
  readonly previous: Uint8Array;
}
const MADE = new WeakMap<Buffer, Made>();

/** How an entry is encoded. */
export interface EncodeOptions {
  /** Memory that may be used, if it is large enough; whoever gives it keeps it until the entry is written. */
  readonly scratch?: Buffer;
  /** The writes of the state are added here, as they lie in the entry. */
  readonly sealed?: SealedChange[];
}

/** Encodes the changes of one commit that follows an entry whose chain was `previous`. */
export function encodeEntry(
  epoch: bigint,
  previous: Uint8Array,
  changes: readonly Change[],
  { scratch, sealed }: EncodeOptions = {},
): { readonly bytes: Buffer; readonly chain: Uint8Array } {
  let size = HEAD_BYTES;
  for (const { key, value } of changes) {
    size += 6 + Buffer.byteLength(key) + (value === undefined ? 0 : CRC_BYTES + value.length);
  }
  const room = roomFor(CRC_BYTES + size, scratch);
  const bytes = room.subarray(CRC_BYTES);
  bytes.writeUInt32LE(changes.length, 24);
  let at = HEAD_BYTES;
  for (const { key, value } of changes) {
    const keyBytes = bytes.write(key, at + 2);
    bytes.writeUInt16LE(keyBytes, at);
    at += 2 + keyBytes;
    bytes.writeUInt32LE(value === undefined ? REMOVED : CRC_BYTES + value.length, at);
    at += 4;
    const from = at;
    if (value !== undefined) at = sealInto(bytes, at, key, value);
    sealed?.push({ key, sealed: value === undefined ? undefined : bytes.subarray(from, at) });
  }
  assert(at === size, 'a log entry fills its buffer');
  // What is hashed has the same length as the entry, so it stands in its place for a moment.
  bytes.set(previous, 0);
  bytes.writeBigUInt64LE(epoch, CHAIN_BYTES);
  const chain = hash('sha256', bytes, 'buffer').subarray(0, CHAIN_BYTES);
  bytes.writeBigUInt64LE(epoch, 0);
  bytes.set(chain, 8);
  MADE.set(bytes, { room, previous });
  return { bytes, chain };
}

/** An entry as it lies in the file, under this key. */
export function sealedEntry(key: string, bytes: Buffer): Buffer {
  const room = MADE.get(bytes)?.room;
  if (room === undefined) return sealValue(key, bytes);
  sealInPlace(key, room);
  return room;
}

/** Whether an entry was encoded here, onto this chain: then it follows it. */
export function isMadeOnto(previous: Uint8Array, bytes: Buffer): boolean {
  const made = MADE.get(bytes);
  return made !== undefined && Buffer.compare(made.previous, previous) === 0;
}

/** Epoch and chain of an entry. The chain shares its memory. */
export function readHead(bytes: Buffer): { readonly epoch: bigint; readonly chain: Uint8Array } {
  return { epoch: bytes.readBigUInt64LE(0), chain: bytes.subarray(8, 24) };
}

/** The writes of an entry. Values share its memory. */
export function sealedChanges(bytes: Buffer): SealedChange[] {
  const changes: SealedChange[] = [];
  const count = bytes.readUInt32LE(24);
  let at = HEAD_BYTES;
  for (let place = 0; place < count; place += 1) {
    const keyEnd = at + 2 + bytes.readUInt16LE(at);
    const key = bytes.toString('utf8', at + 2, keyEnd);
    const length = bytes.readUInt32LE(keyEnd);
    at = keyEnd + 4;
    if (length === REMOVED) changes.push({ key, sealed: undefined });
    else {
      changes.push({ key, sealed: bytes.subarray(at, at + length) });
      at += length;
    }
  }
  return changes;
}

/** Reads an entry. */
export function decodeEntry(bytes: Buffer): LogEntry {
  const changes = sealedChanges(bytes).map(({ key, sealed }): Change => {
    return { key, value: sealed?.subarray(CRC_BYTES) };
  });
  return { ...readHead(bytes), changes };
}

/** Whether an entry follows one whose chain was `previous`. */
export function followsChain(previous: Uint8Array, bytes: Buffer): boolean {
  return chainAfter(previous, bytes).equals(bytes.subarray(8, 24));
}

function chainAfter(previous: Uint8Array, bytes: Buffer): Buffer {
  const digest = createHash('sha256').update(previous);
  digest.update(bytes.subarray(0, 8)).update(bytes.subarray(24));
  return digest.digest().subarray(0, CHAIN_BYTES);
}

function roomFor(size: number, scratch: Buffer | undefined): Buffer {
  return scratch !== undefined && size <= scratch.length
    ? scratch.subarray(0, size)
    : Buffer.allocUnsafe(size);
}
