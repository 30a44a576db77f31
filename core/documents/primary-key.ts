/**
 * Primary keys as Meilisearch handles them: which field it infers, where a nested one (`a.b`) is looked
 * for, and which values are identifiers.
 * Source: Meilisearch 1.50, milli/src/documents/primary_key.rs and update/new/indexer/{de,guess_primary_key}.rs.
 */
import type { ByteWindow } from '../json/byte-source.ts';
import { readNumber } from '../json/serde-number.ts';
import { SerdeReader } from '../json/serde-reader.ts';

/** A name that a document may hold on one level, and what is left to look for inside its value. */
export interface KeyLevel {
  readonly name: string;
  /** Empty: the value itself is the identifier. */
  readonly rest: string;
}

/** Where the identifier may be: for `a.b`, in `b` of `a`, or in a field literally named `a.b`. */
export function keyLevels(primaryKey: string): KeyLevel[] {
  const levels: KeyLevel[] = [];
  for (let dot = primaryKey.indexOf('.'); dot >= 0; dot = primaryKey.indexOf('.', dot + 1)) {
    levels.push({ name: primaryKey.slice(0, dot), rest: primaryKey.slice(dot + 1) });
  }
  levels.push({ name: primaryKey, rest: '' });
  return levels;
}

const IDENTIFIER = /^[0-9A-Za-z_-]{1,511}$/;

/** Whether a text is a valid document identifier. */
export function isDocumentId(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** Names of a first document that inference considers, in the order of their bytes. */
export function keyCandidates(names: readonly string[]): string[] {
  return names
    .filter((name) => name.toLowerCase().endsWith('id'))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Bytes from `start` to `end` of a window. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What was found under the names of a primary key. */
export type KeyMatch =
  | { readonly kind: 'found'; readonly id: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'too-many' }
  /** There is a value, at `span`, that is no identifier. */
  | { readonly kind: 'invalid'; readonly span: Span };

const NONE: KeyMatch = { kind: 'none' };

/** Looks for the identifier in members of an object, given in order. */
export function matchMembers(
  window: ByteWindow,
  members: Iterable<readonly [name: string, value: Span]>,
  primaryKey: string,
): KeyMatch {
  const levels = keyLevels(primaryKey);
  let found: KeyMatch = NONE;
  for (const [name, value] of members) {
    const level = levels.find((candidate) => candidate.name === name);
    if (level === undefined || level.name === '') continue;
    const match = matchValue(window, value, level.rest);
    if (match.kind === 'none') continue;
    if (match.kind !== 'found') return match;
    if (found.kind === 'found') return { kind: 'too-many' };
    found = match;
  }
  return found;
}

function matchValue(window: ByteWindow, value: Span, rest: string): KeyMatch {
  if (rest === '') {
    const id = readDocumentId(window, value);
    return id === undefined ? { kind: 'invalid', span: value } : { kind: 'found', id };
  }
  const reader = new SerdeReader(window, value.start, value.end);
  if (reader.skipBlanks() !== 0x7b) return NONE;
  return matchMembers(window, readSpans(reader), rest);
}

/** Members of the object at hand with the places of their values. */
export function readSpans(reader: SerdeReader): [name: string, value: Span][] {
  const members: [string, Span][] = [];
  reader.readMembers((name) => {
    reader.skipBlanks();
    const start = reader.index;
    reader.skipValue();
    members.push([name, { start, end: reader.index }]);
  });
  return members;
}

/** The identifier's text, or undefined if the value is none. */
function readDocumentId(window: ByteWindow, value: Span): string | undefined {
  const reader = new SerdeReader(window, value.start, value.end);
  const byte = reader.skipBlanks();
  if (byte === 0x22) {
    reader.index += 1;
    const text = reader.readString();
    return isDocumentId(text) ? text : undefined;
  }
  if (byte !== 0x2d && (byte < 0x30 || byte > 0x39)) return undefined;
  const number = readNumber(reader.window.slice(value.start, value.end).toString('latin1'));
  return number.kind === 'integer' ? number.text : undefined;
}
