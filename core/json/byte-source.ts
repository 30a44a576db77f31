/**
 * Bytes that can be read at any place: a buffer, or a spooled upload that lies in memory or in a file.
 */

/** Reads are synchronous: they come from memory or from pages the system has just been given. */
export interface ByteSource {
  readonly byteLength: number;
  /** Copies bytes from `offset` on into `target` and returns how many; at least one before the end. */
  read(offset: number, target: Uint8Array): number;
}

/** 1 for bytes that stand for themselves inside a JSON string: no quote, backslash or control character. */
const PLAIN = new Uint8Array(256).fill(1, 0x20);
PLAIN[0x22] = 0;
PLAIN[0x5c] = 0;
const WINDOW_BYTES = 64 * 1024;
const NO_BYTES = new Uint8Array(0);

/**
 * Looks at single bytes of a source through a window, so that a source of any size costs little memory.
 * Of a buffer the window is the buffer itself.
 */
export class ByteWindow {
  readonly byteLength: number;
  readonly #source: ByteSource | undefined;
  #window: Uint8Array;
  #from = 0;
  #to: number;

  constructor(from: ByteSource | Uint8Array) {
    const isBuffer = from instanceof Uint8Array;
    this.byteLength = from.byteLength;
    this.#source = isBuffer ? undefined : from;
    this.#window = isBuffer ? from : NO_BYTES;
    this.#to = this.#window.length;
  }

  /** The byte at `offset`, or -1 behind the end. */
  at(offset: number): number {
    if (offset < this.#from || offset >= this.#to) {
      if (offset >= this.byteLength || this.#source === undefined) return -1;
      if (this.#window === NO_BYTES) this.#window = new Uint8Array(WINDOW_BYTES);
      this.#from = offset;
      this.#to = offset + this.#source.read(offset, this.#window);
    }
    return this.#window[offset - this.#from] as number;
  }

  /** The first place from `offset` on, before `end`, where a string does not simply go on. */
  skipPlain(offset: number, end: number): number {
    let at = offset;
    while (at < end && this.at(at) >= 0) {
      const limit = Math.min(end, this.#to);
      const shift = this.#from;
      while (at < limit && PLAIN[this.#window[at - shift] as number] === 1) at += 1;
      if (at < limit) return at;
    }
    return at;
  }

  /** The bytes from `start` to `end`; a copy unless they lie in one buffer anyway. */
  slice(start: number, end: number): Buffer {
    if (this.#source === undefined) {
      return Buffer.from(this.#window.buffer, this.#window.byteOffset + start, end - start);
    }
    const bytes = Buffer.allocUnsafe(end - start);
    for (let done = 0; done < bytes.length; ) {
      const count = this.#source.read(start + done, bytes.subarray(done));
      if (count === 0) return bytes.subarray(0, done);
      done += count;
    }
    return bytes;
  }
}
