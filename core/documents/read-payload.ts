/**
 * The exact walk over a payload, one document at a time: what Meilisearch's own reading of a JSON or
 * NDJSON body decides between documents. The splitter asks for it where the fast scanner cannot go on.
 * Source: Meilisearch 1.50, meilisearch-types/src/document_formats.rs (read_json, read_ndjson).
 */
import { isUtf8 } from 'node:buffer';
import type { ByteWindow } from '../json/byte-source.ts';
import { JsonFault } from '../json/json-fault.ts';
import { SerdeReader } from '../json/serde-reader.ts';
import { malformedJson, type Rejection } from './failures.ts';
import { findNonObject } from './non-object.ts';
import type { Span } from './primary-key.ts';

/** Where in its payload the walk is. */
export type PayloadPlace =
  /** Before the first byte that is no blank (JSON only). */
  | 'start'
  /** Behind the bracket that opens the array. */
  | 'array-first'
  /** Behind an element of the array. */
  | 'array-next'
  /** Between the values of NDJSON. */
  | 'lines'
  /** Behind a payload that is one object. */
  | 'single-end'
  /** Nothing more is looked at. */
  | 'end';

/** One step of the walk. */
export type PayloadStep =
  | {
      readonly kind: 'document';
      readonly span: Span;
      readonly next: PayloadPlace;
      readonly offset: number;
    }
  /** No document, but a known place to go on from. */
  | { readonly kind: 'moved'; readonly next: PayloadPlace; readonly offset: number }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

const NEITHER = 'data are neither an object nor a list of objects';
const UTF8_CHECK_BYTES = 1024 * 1024;

/** Walks on from `offset`. Every way the payload can be refused is a value. */
export function readPayloadStep(
  window: ByteWindow,
  place: PayloadPlace,
  offset: number,
): PayloadStep {
  const format = place === 'lines' ? 'ndjson' : 'json';
  const reader = new SerdeReader(window, offset);
  try {
    if (place === 'start') return readStart(reader);
    if (place === 'lines') return readLine(reader);
    if (place === 'array-first' || place === 'array-next') return readElement(reader, place);
    if (place === 'single-end' && reader.skipBlanks() >= 0) reader.failAtPeek('trailingCharacters');
    return { kind: 'moved', next: 'end', offset: reader.index };
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return { kind: 'rejected', rejection: malformedJson(format, error.describe(window, 0)) };
  }
}

function readStart(reader: SerdeReader): PayloadStep {
  const byte = reader.skipBlanks();
  if (byte === 0x5b) return { kind: 'moved', next: 'array-first', offset: reader.index + 1 };
  const start = reader.index;
  reader.checkValue();
  if (byte !== 0x7b) return { kind: 'rejected', rejection: malformedJson('json', NEITHER) };
  const span = { start, end: reader.index };
  if (reader.skipBlanks() >= 0) reader.failAtPeek('trailingCharacters');
  return { kind: 'document', span, next: 'end', offset: reader.index };
}

function readLine(reader: SerdeReader): PayloadStep {
  const byte = reader.skipBlanks();
  if (byte < 0) return { kind: 'moved', next: 'end', offset: reader.index };
  const span = readRawValue(reader);
  const endsItself = byte === 0x7b || byte === 0x5b || byte === 0x22;
  if (!endsItself) {
    const next = reader.peek();
    const isEnd = next < 0 || ' \n\t\r"[]{},:'.includes(String.fromCharCode(next));
    if (!isEnd) reader.failAtPeek('trailingCharacters');
  }
  const refusal = refuseNonDocument(reader.window, span, 'ndjson');
  if (refusal !== undefined) return { kind: 'rejected', rejection: refusal };
  return { kind: 'document', span, next: 'lines', offset: reader.index };
}

function readElement(reader: SerdeReader, place: 'array-first' | 'array-next'): PayloadStep {
  if (!reader.nextElement(place === 'array-first')) {
    return { kind: 'moved', next: 'end', offset: reader.index + 1 };
  }
  const span = readRawValue(reader);
  const refusal = refuseNonDocument(reader.window, span, 'json');
  if (refusal !== undefined) {
    passArrayEnd(reader);
    return { kind: 'rejected', rejection: refusal };
  }
  return { kind: 'document', span, next: 'array-next', offset: reader.index };
}

/** After an element that is no document the node expects the array to end, and says so first. */
function passArrayEnd(reader: SerdeReader): void {
  const byte = reader.skipBlanks();
  if (byte === 0x5d) return;
  if (byte < 0) reader.failAtPeek('eofList');
  if (byte === 0x2c) {
    reader.index += 1;
    if (reader.skipBlanks() === 0x5d) reader.failAtPeek('trailingComma');
  }
  reader.failAtPeek('trailingCharacters');
}

function readRawValue(reader: SerdeReader): Span {
  const start = reader.index;
  reader.skipValue();
  for (let from = start; from < reader.index; ) {
    const part = reader.window.slice(from, Math.min(reader.index, from + UTF8_CHECK_BYTES));
    const isLast = from + part.length === reader.index;
    const whole = isLast ? part.length : part.length - cutBytes(part);
    if (!isUtf8(part.subarray(0, whole))) reader.fail('unicode');
    from += whole;
  }
  return { start, end: reader.index };
}

/** Bytes at the end that begin a character which is not complete; at most 3. */
function cutBytes(bytes: Uint8Array): number {
  for (let count = 1; count <= 3; count += 1) {
    const byte = bytes[bytes.length - count] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return byte >= 0xc0 ? count : 0;
  }
  return 0;
}

/** Refuses a value that is no object, or whose names are no texts; undefined if it is a document. */
function refuseNonDocument(
  window: ByteWindow,
  span: Span,
  format: 'json' | 'ndjson',
): Rejection | undefined {
  try {
    const message = findNonObject(window, span);
    return message === undefined ? undefined : { code: 'internal', message };
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return malformedJson(format, error.describe(window, span.start));
  }
}
