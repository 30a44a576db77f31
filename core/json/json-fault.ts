/**
 * What a Rust JSON reader (serde_json, which Meilisearch reads documents with) says is wrong with a text,
 * and where. The texts reach clients inside `malformed_payload` errors and must be equal to the byte.
 */
import type { ByteWindow } from './byte-source.ts';

/** Texts of the faults, by short names. */
export const FAULT_TEXTS = {
  eofList: 'EOF while parsing a list',
  eofObject: 'EOF while parsing an object',
  eofString: 'EOF while parsing a string',
  eofValue: 'EOF while parsing a value',
  colon: 'expected `:`',
  listCommaOrEnd: 'expected `,` or `]`',
  objectCommaOrEnd: 'expected `,` or `}`',
  ident: 'expected ident',
  value: 'expected value',
  escape: 'invalid escape',
  number: 'invalid number',
  range: 'number out of range',
  unicode: 'invalid unicode code point',
  control: 'control character (\\u0000-\\u001F) found while parsing a string',
  keyString: 'key must be a string',
  loneSurrogate: 'lone leading surrogate in hex escape',
  trailingComma: 'trailing comma',
  trailingCharacters: 'trailing characters',
  hexEnd: 'unexpected end of hex escape',
  recursion: 'recursion limit exceeded',
} as const;

/** Short name of a fault. */
export type FaultKind = keyof typeof FAULT_TEXTS;

/** Thrown by the exact reader, and caught where a document or payload is judged. */
export class JsonFault extends Error {
  override name = 'JsonFault';
  /** Offset in the source that the position in the text is made from: bytes before it count. */
  readonly offset: number;

  constructor(kind: FaultKind, offset: number) {
    super(FAULT_TEXTS[kind]);
    this.offset = offset;
  }

  /** The text with line and column, counted from `base` on. */
  describe(window: ByteWindow, base: number): string {
    const { line, column } = this.placeFrom(window, base);
    return `${this.message} at line ${line} column ${column}`;
  }

  /** Line (from 1) and column (bytes since the line began), counted from `base` on. */
  placeFrom(window: ByteWindow, base: number): { line: number; column: number } {
    return positionOf(window, base, this.offset);
  }
}

const NEWLINE = 0x0a;
const READ_BYTES = 64 * 1024;

function positionOf(
  window: ByteWindow,
  base: number,
  offset: number,
): { line: number; column: number } {
  let line = 1;
  let lineStart = base;
  for (let from = base; from < offset; from += READ_BYTES) {
    const chunk = window.slice(from, Math.min(offset, from + READ_BYTES));
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) {
      line += 1;
      lineStart = from + at + 1;
    }
  }
  return { line, column: offset - lineStart };
}
