/** CSV as a node reads it: RFC 4180 quoting, typed headers `name:number`, ragged rows refused. */
import { isUtf8 } from 'node:buffer';
import { EngineError } from './errors.ts';
import { Float, type Json, type JsonObject } from './value.ts';

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/** One record and where it began. */
interface Row {
  readonly fields: string[];
  readonly line: number;
  readonly byte: number;
}

type ColumnType = 'string' | 'number' | 'boolean';

/** Documents of a CSV payload. Throws malformed_payload. */
export function readCsv(bytes: Buffer, delimiter: string): JsonObject[] {
  const rows = splitRows(bytes, delimiter.charCodeAt(0));
  const header = rows[0];
  if (header === undefined) return [];
  const columns = header.fields.map(parseHeader);
  return rows.slice(1).map((row, i) => toDocument(row, { columns, header, number: i + 1 }));
}

function malformed(message: string): EngineError {
  return new EngineError(
    'malformed_payload',
    `The \`csv\` payload provided is malformed: \`${message}\`.`,
  );
}

function parseHeader(text: string): { name: string; type: ColumnType } {
  const colonAt = text.lastIndexOf(':');
  const type = text.slice(colonAt + 1);
  if (colonAt >= 0 && (type === 'string' || type === 'number' || type === 'boolean')) {
    return { name: text.slice(0, colonAt), type };
  }
  return { name: text, type: 'string' };
}

interface RowPlace {
  readonly columns: readonly { name: string; type: ColumnType }[];
  readonly header: Row;
  readonly number: number;
}

function toDocument(row: Row, place: RowPlace): JsonObject {
  const { columns, number } = place;
  if (row.fields.length !== columns.length) {
    throw malformed(
      `CSV error: record ${number} (line: ${row.line}, byte: ${row.byte}): found record with ${row.fields.length} fields, but the previous record has ${columns.length} fields`,
    );
  }
  const document: JsonObject = new Map();
  for (const [i, column] of columns.entries()) {
    document.set(column.name, toCell(row.fields[i] ?? '', column.type, number));
  }
  return document;
}

function toCell(text: string, type: ColumnType, line: number): Json {
  if (type === 'string') return text === '' ? null : text;
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (type === 'boolean') {
    if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true';
    throw malformed(
      `Error parsing boolean "${text}" at line ${line}: provided string was not \`true\` or \`false\``,
    );
  }
  if (/^[+-]?\d+$/.test(trimmed)) {
    const exact = BigInt(trimmed.replace('+', ''));
    if (exact >= -(2n ** 63n) && exact < 2n ** 63n) {
      const rounded = Number(exact);
      return Number.isSafeInteger(rounded) ? rounded : exact;
    }
  }
  if (/^[+-]?(inf|infinity|nan)$/i.test(trimmed)) return null;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(trimmed)) {
    throw malformed(`Error parsing number "${text}" at line ${line}: invalid float literal`);
  }
  const value = Number(trimmed);
  return Number.isFinite(value) ? new Float(value) : null;
}

type State = 'start' | 'field' | 'quoted' | 'afterQuote';

function splitRows(bytes: Buffer, delimiter: number): Row[] {
  const rows: Row[] = [];
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  let state: State = 'start';
  let fields: string[] = [];
  let cell: number[] = [];
  let line = 1;
  let rowLine = 1;
  let rowByte = 0;
  let isRowOpen = false;
  const endField = () => {
    const raw = Buffer.from(cell);
    if (!isUtf8(raw)) throw badText(rows.length, fields.length, { line: rowLine, byte: rowByte });
    fields.push(raw.toString());
    cell = [];
    state = 'start';
  };
  const endRow = () => {
    endField();
    rows.push({ fields, line: rowLine, byte: rowByte });
    fields = [];
    isRowOpen = false;
  };
  for (let i = hasMark ? 3 : 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    const isEnd = byte === LF || byte === CR;
    if (!isRowOpen) {
      if (isEnd) {
        if (byte === LF) line += 1;
        continue;
      }
      isRowOpen = true;
      rowLine = line;
      rowByte = i;
    }
    if (byte === LF) line += 1;
    if (state === 'quoted') {
      if (byte === QUOTE) state = 'afterQuote';
      else cell.push(byte);
    } else if (state === 'start' && byte === QUOTE) {
      state = 'quoted';
    } else if (state === 'afterQuote' && byte === QUOTE) {
      cell.push(byte);
      state = 'quoted';
    } else if (byte === delimiter) {
      endField();
    } else if (isEnd) {
      endRow();
    } else {
      cell.push(byte);
      state = 'field';
    }
  }
  if (isRowOpen) endRow();
  return rows;
}

function badText(
  record: number,
  field: number,
  place: { readonly line: number; readonly byte: number },
): EngineError {
  return malformed(
    `CSV parse error: record ${record} (line ${place.line}, field: ${field}, byte: ${place.byte}): invalid utf-8: invalid UTF-8 in field ${field} near byte index 0`,
  );
}
