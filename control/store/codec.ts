/**
 * How a value lies in the file: 4 bytes CRC-32 (little endian) of what follows, then the bytes. LMDB
 * serves flipped bits without a word (tried), so every value is checked when it is read.
 */
import { crc32 } from 'node:zlib';

const CRC_BYTES = 4;

/** A value that does not match its checksum: the file is damaged and must not be served from. */
export class DamagedValue extends Error {
  override name = 'DamagedValue';

  constructor(key: string) {
    super(`the value of ${JSON.stringify(key)} does not match its checksum`);
  }
}

/** Puts the checksum before the bytes. */
export function sealValue(bytes: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(CRC_BYTES + bytes.length);
  sealed.writeUInt32LE(crc32(bytes), 0);
  sealed.set(bytes, CRC_BYTES);
  return sealed;
}

/** Checks and removes the checksum. Throws DamagedValue. The answer shares the memory of `sealed`. */
export function openValue(key: string, sealed: Uint8Array): Buffer {
  const buffer = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (buffer.length < CRC_BYTES) throw new DamagedValue(key);
  const bytes = buffer.subarray(CRC_BYTES);
  if (crc32(bytes) !== buffer.readUInt32LE(0)) throw new DamagedValue(key);
  return bytes;
}
