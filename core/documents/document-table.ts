/**
 * Where the documents of a payload lie and which primary keys they have: one row per document in typed
 * arrays that grow, so that a payload of millions of documents costs no object per document.
 */
import { assert } from '../assert.ts';

const ROWS_AT_FIRST = 1024;
const HASH_BYTES = 8;

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

  /**
   * The hashes, 8 bytes little endian each, as Begin takes them; undefined if there are more than
   * `countMax` different ones.
   */
  hashBytes(countMax: number): Uint8Array | undefined {
    const hashes = new BigUint64Array(this.count);
    for (let row = 0; row < this.count; row += 1) {
      hashes[row] =
        (BigInt(this.hashHighs[row] as number) << 32n) | BigInt(this.hashLows[row] as number);
    }
    const kept = this.count > countMax ? different(hashes, countMax) : hashes;
    if (kept === undefined) return undefined;
    const bytes = new Uint8Array(kept.length * HASH_BYTES);
    const view = new DataView(bytes.buffer);
    kept.forEach((hash, i) => {
      view.setBigUint64(i * HASH_BYTES, hash, true);
    });
    return bytes;
  }

  /** Whether a later row has the same primary key. */
  isReplacedLater(row: number): boolean {
    const { hashLows, hashHighs } = this;
    for (let later = row + 1; later < this.count; later += 1) {
      if (hashLows[later] === hashLows[row] && hashHighs[later] === hashHighs[row]) return true;
    }
    return false;
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

/** Each hash once; undefined if there are more than `countMax`. */
function different(hashes: BigUint64Array, countMax: number): BigUint64Array | undefined {
  hashes.sort();
  let count = 0;
  for (let i = 0; i < hashes.length; i += 1) {
    const hash = hashes[i] as bigint;
    if (i > 0 && hash === hashes[count - 1]) continue;
    if (count === countMax) return undefined;
    hashes[count] = hash;
    count += 1;
  }
  return hashes.subarray(0, count);
}

function larger(array: Uint32Array, rows: number): Uint32Array<ArrayBuffer> {
  const result = new Uint32Array(rows);
  result.set(array);
  return result;
}
