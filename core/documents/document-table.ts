/**
 * Where the documents of a payload lie and which primary keys they have: one row per document in typed
 * arrays that grow, so that a payload of millions of documents costs no object per document.
 */
import { assert } from '../assert.ts';

const ROWS_AT_FIRST = 1024;

/** Rows in the order of the payload. Read the arrays directly in hot loops, up to `count`. */
export class DocumentTable {
  count = 0;
  /** Offset of the document's first byte in the spooled bytes. */
  offsets = new Float64Array(ROWS_AT_FIRST);
  /** Length in bytes. */
  lengths = new Uint32Array(ROWS_AT_FIRST);
  /** Halves of the xxh3-64 of the primary key's text. */
  hashLows = new Uint32Array(ROWS_AT_FIRST);
  hashHighs = new Uint32Array(ROWS_AT_FIRST);

  /** Adds a row. */
  add(offset: number, length: number, hashLow: number, hashHigh: number): void {
    const row = this.count;
    if (row === this.lengths.length) this.#grow();
    this.offsets[row] = offset;
    this.lengths[row] = length;
    this.hashLows[row] = hashLow;
    this.hashHighs[row] = hashHigh;
    this.count = row + 1;
  }

  /** The hashes, 8 bytes little endian each, as Begin takes them. */
  hashBytes(): Uint8Array {
    const bytes = new Uint8Array(this.count * 8);
    const view = new DataView(bytes.buffer);
    for (let row = 0; row < this.count; row += 1) {
      view.setUint32(row * 8, this.hashLows[row] as number, true);
      view.setUint32(row * 8 + 4, this.hashHighs[row] as number, true);
    }
    return bytes;
  }

  #grow(): void {
    const rows = this.lengths.length * 2;
    assert(rows <= 2 ** 26, 'a payload has a bounded number of documents');
    const offsets = new Float64Array(rows);
    offsets.set(this.offsets);
    this.offsets = offsets;
    this.lengths = larger(this.lengths, rows);
    this.hashLows = larger(this.hashLows, rows);
    this.hashHighs = larger(this.hashHighs, rows);
  }
}

function larger(array: Uint32Array, rows: number): Uint32Array<ArrayBuffer> {
  const result = new Uint32Array(rows);
  result.set(array);
  return result;
}
