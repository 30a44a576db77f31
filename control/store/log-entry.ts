/**
 * One entry of the log of changes: what one commit wrote, chained to the entry before it. A position is
 * (index, chain): two logs with the same chain at an index are equal up to it.
 *
 *   epoch u64 · chain 16 bytes · count u32 · count x (key length u16, key, value length u32, value)
 *
 * All numbers little endian; a removed key has value length 0xffffffff. A value has its checksum before it, as
 * it lies in the state (codec.ts), and that is where it is put from.
 */
import { createHash } from 'node:crypto';
import { assert } from '../../core/assert.ts';
import { CRC_BYTES, sealInto } from './codec.ts';

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

/** Encodes the changes of one commit that follows an entry whose chain was `previous`. */
export function encodeEntry(
  epoch: bigint,
  previous: Uint8Array,
  changes: readonly Change[],
): { readonly bytes: Buffer; readonly chain: Uint8Array } {
  let size = HEAD_BYTES;
  for (const { key, value } of changes) {
    size += 6 + Buffer.byteLength(key) + (value === undefined ? 0 : CRC_BYTES + value.length);
  }
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeBigUInt64LE(epoch, 0);
  bytes.writeUInt32LE(changes.length, 24);
  let at = HEAD_BYTES;
  for (const { key, value } of changes) {
    const keyBytes = bytes.write(key, at + 2);
    bytes.writeUInt16LE(keyBytes, at);
    at += 2 + keyBytes;
    bytes.writeUInt32LE(value === undefined ? REMOVED : CRC_BYTES + value.length, at);
    at += 4;
    if (value !== undefined) at = sealInto(bytes, at, key, value);
  }
  assert(at === size, 'a log entry fills its buffer');
  const chain = chainAfter(previous, bytes);
  bytes.set(chain, 8);
  return { bytes, chain };
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
  const hash = createHash('sha256').update(previous);
  hash.update(bytes.subarray(0, 8)).update(bytes.subarray(24));
  return hash.digest().subarray(0, CHAIN_BYTES);
}
