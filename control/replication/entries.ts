/** Entries of the log between the store, which has bytes and big integers, and the core. */
import { readHead } from '../store/index.ts';
import type { Entry } from './core/types.ts';

/** An entry as the core knows it; it shares the memory of the bytes. */
export function entryOf(index: number, bytes: Buffer): Entry {
  const { epoch, chain } = readHead(bytes);
  return { index, epoch: Number(epoch), chain: hexOf(chain), bytes };
}

/** A chain as the core knows it. */
export function hexOf(chain: Uint8Array): string {
  return Buffer.from(chain.buffer, chain.byteOffset, chain.byteLength).toString('hex');
}

/** The bytes of an entry as the store takes them. */
export function bufferOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
