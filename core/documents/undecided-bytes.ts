/**
 * The bytes of a payload that are not yet decided, in one contiguous buffer that is followed by a zero,
 * as the scanner wants them. Grows for a large document, up to a bound, and moves along with the payload.
 */
import type { ByteSource } from '../json/byte-source.ts';

const BYTES_AT_FIRST = 256 * 1024;
/** Larger documents are left to the exact reader. */
export const UNDECIDED_BYTES_MAX: number = 32 * 1024 * 1024;

/** A window on the payload. Everything from `cursor` to `filled` is undecided. */
export class UndecidedBytes {
  buffer: Buffer = Buffer.alloc(BYTES_AT_FIRST);
  /** Place of the buffer's first byte in the payload. */
  base = 0;
  cursor = 0;
  filled = 0;

  /** Place in the payload of the first undecided byte. */
  get offset(): number {
    return this.base + this.cursor;
  }

  /** How many bytes are undecided. */
  get count(): number {
    return this.filled - this.cursor;
  }

  /** Adds the payload's next bytes; false if the buffer would get too large. */
  append(bytes: Uint8Array): boolean {
    this.#compact();
    if (!this.makeRoom(bytes.length)) return false;
    this.buffer.set(bytes, this.filled);
    this.filled += bytes.length;
    return true;
  }

  /** Fills the buffer from the whole payload; false if there is nothing undecided then. */
  load(payload: ByteSource): boolean {
    if (this.base + this.filled < payload.byteLength) {
      this.#compact();
      const free = this.buffer.subarray(this.filled, this.buffer.length - 1);
      this.filled += payload.read(this.base + this.filled, free);
    }
    return this.cursor < this.filled;
  }

  /** Whether the buffer reaches to the payload's end. */
  isAllLoaded(payload: ByteSource): boolean {
    return this.base + this.filled === payload.byteLength;
  }

  /** Grows the buffer for so many more bytes and the zero; false if it would get too large. */
  makeRoom(bytes: number): boolean {
    const needed = this.filled + bytes + 1;
    if (needed <= this.buffer.length) return true;
    if (needed > UNDECIDED_BYTES_MAX) return false;
    const size = Math.min(UNDECIDED_BYTES_MAX, Math.max(needed, this.buffer.length * 2));
    const larger = Buffer.alloc(size);
    this.buffer.copy(larger, 0, 0, this.filled);
    this.buffer = larger;
    return true;
  }

  /** Decides everything before a place in the payload. */
  goTo(offset: number): void {
    if (offset <= this.base + this.filled) {
      this.cursor = offset - this.base;
      return;
    }
    this.base = offset;
    this.cursor = 0;
    this.filled = 0;
  }

  /** Moves what is undecided to the front of the buffer. */
  #compact(): void {
    if (this.cursor === 0) return;
    this.buffer.copyWithin(0, this.cursor, this.filled);
    this.base += this.cursor;
    this.filled -= this.cursor;
    this.cursor = 0;
  }
}
