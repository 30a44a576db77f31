/**
 * CSV as Meilisearch reads it (the Rust csv reader in its default mode), turned into NDJSON on the way in.
 *
 * Records end with CR, LF or both, blank lines are passed over, a quote counts only at the start of a
 * field, doubled quotes stand for one, text behind a closing quote is kept, an open quote ends with the
 * file, all records have as many fields as the first. A header `name:type` with the type string, number
 * or boolean converts its column; empty cells become null.
 * Source: Meilisearch 1.50, meilisearch-types/src/document_formats.rs, and csv-core 0.1 (reader.rs).
 */
import { isUtf8 } from 'node:buffer';
import { formatDouble } from '../json/serde-number.ts';

/** Thrown for a payload that is not CSV; the message is Meilisearch's inner text. */
export class CsvFault extends Error {
  override name = 'CsvFault';
}

const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;
const FIELD_BYTES_AT_FIRST = 4096;

type State = 'record' | 'field' | 'plain' | 'quoted' | 'quote-in-quoted' | 'after-cr';

/** Converts a stream of CSV bytes, cut anywhere, to NDJSON bytes. */
export class CsvConverter {
  readonly #delimiter: number;
  #state: State = 'record';
  #isStart = true;
  /** Bytes held back while they may be the start of a byte order mark. */
  #held: Uint8Array = new Uint8Array(0);
  #bytes = Buffer.alloc(FIELD_BYTES_AT_FIRST);
  #used = 0;
  #ends: number[] = [];
  #columns: Column[] | undefined;
  #fieldCount = -1;
  #record = 0;
  #line = 1;
  #offset = 0;
  #recordLine = 1;
  #recordOffset = 0;

  /** @param delimiter the ASCII code between fields */
  constructor(delimiter: number) {
    this.#delimiter = delimiter;
  }

  /** Takes the next bytes and returns complete lines of NDJSON, maybe none. Throws CsvFault. */
  push(chunk: Uint8Array): Buffer {
    const lines: string[] = [];
    for (const byte of this.#withoutMark(chunk, false)) this.#take(byte, lines);
    return Buffer.from(lines.join(''));
  }

  /** Ends the payload and returns what is left. Throws CsvFault. */
  finish(): Buffer {
    const lines: string[] = [];
    for (const byte of this.#withoutMark(new Uint8Array(0), true)) this.#take(byte, lines);
    if (this.#state !== 'record' && this.#state !== 'after-cr') {
      this.#endField();
      this.#endRecord(lines);
    }
    return Buffer.from(lines.join(''));
  }

  /** Drops a byte order mark, which may come in several chunks. */
  #withoutMark(chunk: Uint8Array, isLast: boolean): Uint8Array {
    if (!this.#isStart) return chunk;
    const bytes = Buffer.concat([this.#held, chunk]);
    if (bytes.length < 3 && !isLast) {
      this.#held = bytes;
      return new Uint8Array(0);
    }
    this.#isStart = false;
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    if (!hasMark) return bytes;
    this.#offset = 3;
    return bytes.subarray(3);
  }

  #take(byte: number, lines: string[]): void {
    this.#offset += 1;
    if (byte === LF) this.#line += 1;
    if (this.#state === 'after-cr') {
      this.#state = 'record';
      if (byte === LF) return;
    }
    if (this.#state === 'record') {
      if (byte === CR || byte === LF) return;
      this.#state = 'field';
    }
    if (this.#state === 'quoted') {
      if (byte === QUOTE) this.#state = 'quote-in-quoted';
      else this.#keep(byte);
    } else if (byte === QUOTE && this.#state === 'field') this.#state = 'quoted';
    else if (byte === QUOTE && this.#state === 'quote-in-quoted') {
      this.#state = 'quoted';
      this.#keep(byte);
    } else if (byte === this.#delimiter) {
      this.#endField();
      this.#state = 'field';
    } else if (byte === CR || byte === LF) {
      this.#endField();
      this.#endRecord(lines);
      this.#state = byte === CR ? 'after-cr' : 'record';
    } else {
      this.#state = 'plain';
      this.#keep(byte);
    }
  }

  #keep(byte: number): void {
    if (this.#used === this.#bytes.length) {
      const larger = Buffer.alloc(this.#used * 2);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    this.#bytes[this.#used] = byte;
    this.#used += 1;
  }

  #endField(): void {
    this.#ends.push(this.#used);
  }

  #endRecord(lines: string[]): void {
    const count = this.#ends.length;
    if (this.#fieldCount < 0) this.#fieldCount = count;
    else if (count !== this.#fieldCount) {
      throw new CsvFault(
        `CSV error: record ${this.#record} (line: ${this.#recordLine}, byte: ${this.#recordOffset}): found record with ${count} fields, but the previous record has ${this.#fieldCount} fields`,
      );
    }
    const fields = this.#readFields();
    if (this.#columns === undefined) this.#columns = readHeader(fields);
    else lines.push(toLine(this.#columns, fields, this.#record));
    this.#record += 1;
    this.#recordLine = this.#line;
    this.#recordOffset = this.#offset;
    this.#used = 0;
    this.#ends = [];
  }

  #readFields(): string[] {
    let start = 0;
    return this.#ends.map((end, field) => {
      const bytes = this.#bytes.subarray(start, end);
      if (!isUtf8(bytes)) {
        throw new CsvFault(
          `CSV parse error: record ${this.#record} (line ${this.#recordLine}, field: ${field}, byte: ${this.#recordOffset}): invalid utf-8: invalid UTF-8 in field ${field} near byte index ${validBytes(bytes)}`,
        );
      }
      start = end;
      return bytes.toString('utf8');
    });
  }
}

/** How many bytes from the start are UTF-8. */
function validBytes(bytes: Buffer): number {
  let low = 0;
  // A character may be cut: only places where one begins count.
  for (let end = 1; end <= bytes.length; end += 1) {
    if (isUtf8(bytes.subarray(low, end))) low = end;
    else if (end - low >= 4) break;
  }
  return low;
}

type CellType = 'string' | 'number' | 'boolean';

interface Column {
  readonly name: string;
  readonly type: CellType;
}

function readHeader(fields: readonly string[]): Column[] {
  return fields.map((field) => {
    const colon = field.lastIndexOf(':');
    const type = field.slice(colon + 1);
    if (colon >= 0 && (type === 'string' || type === 'number' || type === 'boolean')) {
      return { name: field.slice(0, colon), type };
    }
    return { name: field, type: 'string' };
  });
}

/** One document; of columns with the same name the last counts, at the place of the first. */
function toLine(columns: readonly Column[], fields: readonly string[], record: number): string {
  const members = new Map<string, string>();
  columns.forEach(({ name, type }, i) => {
    members.set(name, toValue(fields[i] ?? '', type, record));
  });
  const texts = Array.from(members, ([name, value]) => `${JSON.stringify(name)}:${value}`);
  return `{${texts.join(',')}}\n`;
}

/** What Rust counts as white space, which is not quite what JavaScript does. */
const TRIM =
  /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g;

function toValue(cell: string, type: CellType, record: number): string {
  if (type === 'string') return cell === '' ? 'null' : JSON.stringify(cell);
  const text = cell.replace(TRIM, '');
  if (text === '') return 'null';
  if (type === 'boolean') {
    if (text === 'true' || text === 'false') return text;
    throw new CsvFault(
      `Error parsing boolean ${debugText(cell)} at line ${record}: provided string was not \`true\` or \`false\``,
    );
  }
  const number = toNumber(text);
  if (number !== undefined) return number;
  throw new CsvFault(
    `Error parsing number ${debugText(cell)} at line ${record}: invalid float literal`,
  );
}

const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 63n - 1n;

/** A cell as a JSON number; infinite ones and NaN become null. Undefined if it is no number. */
function toNumber(text: string): string | undefined {
  if (/^[+-]?\d+$/.test(text)) {
    const integer = BigInt(text.replace(/^\+/, ''));
    if (integer >= INTEGER_MIN && integer <= INTEGER_MAX) return integer.toString();
  }
  if (/^[+-]?(inf|infinity|nan)$/i.test(text)) return 'null';
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? formatDouble(value) : 'null';
}

const NOT_PRINTED = /["\\\p{C}\p{Mn}\p{Me}]|(?! )\p{Z}/gu;

/** A text as Rust prints it for debugging. */
export function debugText(text: string): string {
  const escaped = text.replace(NOT_PRINTED, (letter) => {
    if (letter === '"' || letter === '\\') return `\\${letter}`;
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' }[letter];
    return short ?? `\\u{${letter.codePointAt(0)?.toString(16)}}`;
  });
  return `"${escaped}"`;
}
