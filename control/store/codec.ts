/**
 * How a value lies in the file: 4 bytes CRC-32 (little endian) of its key and what follows, then the bytes.
 * LMDB serves flipped bits without a word (tried), in keys as well, so every value is checked when it is read.
 */
import { crc32 } from 'node:zlib';

/** Bytes that a sealed value is longer than what it holds. */
export const CRC_BYTES = 4;

/** A value that does not match its checksum: the file is damaged and must not be served from. */
export class DamagedValue extends Error {
  override name = 'DamagedValue';

  constructor(key: string) {
    super(`the value of ${JSON.stringify(key)} does not match its checksum`);
  }
}

/** Puts the checksum before the bytes. */
export function sealValue(key: string, bytes: Uint8Array): Buffer {
  return seal(crc32(bytes, sumOf(key)), bytes);
}

/** The same into a buffer that has room for it; where it ends. */
export function sealInto(target: Buffer, at: number, key: string, bytes: Uint8Array): number {
  target.writeUInt32LE(crc32(bytes, sumOf(key)), at);
  target.set(bytes, at + CRC_BYTES);
  return at + CRC_BYTES + bytes.length;
}

/** The same where the bytes already stand behind the room for their checksum. */
export function sealInPlace(key: string, room: Buffer): void {
  room.writeUInt32LE(crc32(room.subarray(CRC_BYTES), sumOf(key)), 0);
}

/** Checks and removes the checksum. Throws DamagedValue. The answer shares the memory of `sealed`. */
export function openValue(key: string, sealed: Uint8Array): Buffer {
  return open(key, sealed, sumOf(key));
}

/** The same without the key in the checksum: the record that every version can read, and the first schema. */
export function sealPlain(bytes: Uint8Array): Buffer {
  return seal(crc32(bytes), bytes);
}

/** Opens what sealPlain sealed; `key` is for the message alone. Throws DamagedValue. */
export function openPlain(key: string, sealed: Uint8Array): Buffer {
  return open(key, sealed, 0);
}

function seal(sum: number, bytes: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(CRC_BYTES + bytes.length);
  sealed.writeUInt32LE(sum, 0);
  sealed.set(bytes, CRC_BYTES);
  return sealed;
}

function open(key: string, sealed: Uint8Array, start: number): Buffer {
  const buffer = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (buffer.length < CRC_BYTES) throw new DamagedValue(key);
  const bytes = buffer.subarray(CRC_BYTES);
  if (crc32(bytes, start) !== buffer.readUInt32LE(0)) throw new DamagedValue(key);
  return bytes;
}

/** CRC-32 of a key. Handing a short text over to zlib takes longer than this. */
function sumOf(key: string): number {
  let sum = -1;
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at);
    if (code > 0x7f) return crc32(key);
    sum = (TABLE[(sum ^ code) & 0xff] as number) ^ (sum >>> 8);
  }
  return ~sum >>> 0;
}

/** Of the polynomial that zlib uses. */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});
