/**
 * Keeps chosen fields of a document, on its bytes. Same rules as a node's (its ValuePathsVisitor): `a`
 * keeps the member a whole; `a.b` keeps the member a with, inside its objects, only what lies under the
 * path a.b or leads to it; a member whose name is literally `a.b` is kept by `a.b`.
 */
import { type ByteWriter, Items, Members, skipValue } from '../json/slice.ts';

const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** Bytes of `{}`. */
const EMPTY_LENGTH = 2;

/** Whether `selector` is `field` or lies inside it: `a.b` is in `a`, `ab` is not. */
export function isWithin(selector: string, field: string): boolean {
  return (
    selector.startsWith(field) &&
    (selector.length === field.length || selector.charCodeAt(field.length) === 0x2e)
  );
}

/** Whether a list of field names covers a field: names it or one of its parents. */
export function isCovered(field: string, names: readonly string[]): boolean {
  return names.some((name) => isWithin(field, name));
}

/** What becomes of one member: kept whole, left out, or its value walked. */
export type MemberChoice = 'keep' | 'drop' | 'walk';

/** What the selectors make of a top-level member of this name. */
export function chooseMember(name: string, selectors: readonly string[]): MemberChoice {
  let choice: MemberChoice = 'drop';
  for (const selector of selectors) {
    // Under the empty name paths have no first part, so what lies inside must be looked at.
    if (selector === name) return name === '' ? 'walk' : 'keep';
    if (selector.length > name.length && isWithin(selector, name)) choice = 'walk';
  }
  return choice;
}

/** What is kept of a value found under `path`. */
export interface Selection {
  readonly path: string;
  readonly selectors: readonly string[];
  /** As in `_formatted`: what leads to no selector is left out, of items too. */
  readonly isStrict: boolean;
}

/** Whether a value holds others, which selectors may lead to. */
export function isContainer(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === OPEN_BRACE || bytes[at] === OPEN_BRACKET;
}

/**
 * Writes the value at `at` with only what the selectors keep. Inside objects a member stays if its path is
 * a selector, lies in one, or leads to one; scalars and items all stay, unless the selection is strict.
 */
export function writeSelected(
  writer: ByteWriter,
  bytes: Uint8Array,
  at: number,
  selection: Selection,
): number {
  const first = bytes[at];
  if (first === OPEN_BRACE) return writeObject(writer, bytes, at, selection);
  if (first === OPEN_BRACKET) {
    const items = new Items(bytes, at);
    writer.byte(OPEN_BRACKET);
    let isFirst = true;
    while (items.next()) {
      if (selection.isStrict && !isContainer(bytes, items.start)) continue;
      const { length } = writer;
      if (!isFirst) writer.byte(COMMA);
      const start = writer.length;
      writeSelected(writer, bytes, items.start, selection);
      // Of an object nothing may be left.
      const isEmpty = bytes[items.start] === OPEN_BRACE && writer.length === start + EMPTY_LENGTH;
      if (selection.isStrict && isEmpty) writer.truncate(length);
      else isFirst = false;
    }
    writer.byte(CLOSE_BRACKET);
    return items.end;
  }
  const end = skipValue(bytes, at);
  writer.copy(bytes, at, end);
  return end;
}

function writeObject(
  writer: ByteWriter,
  bytes: Uint8Array,
  at: number,
  selection: Selection,
): number {
  const { selectors, isStrict } = selection;
  const members = new Members(bytes, at);
  writer.byte(OPEN_BRACE);
  let isFirst = true;
  while (members.next()) {
    const name = members.name();
    const path = selection.path === '' ? name : `${selection.path}.${name}`;
    const isKept = path !== '' && selectors.some((selector) => isWithin(path, selector));
    if (!isKept && !selectors.some((selector) => isWithin(selector, path))) continue;
    if (!isKept && isStrict && !isContainer(bytes, members.valueStart)) continue;
    if (!isFirst) writer.byte(COMMA);
    isFirst = false;
    writer.copy(bytes, members.nameStart - 1, isKept ? members.valueEnd : members.valueStart);
    if (!isKept) writeSelected(writer, bytes, members.valueStart, { path, selectors, isStrict });
  }
  writer.byte(CLOSE_BRACE);
  return members.end;
}

/** Called with each leaf value of a field of the object at `at`: its position and end. */
export function visitLeaves(
  bytes: Uint8Array,
  at: number,
  path: string,
  visit: (start: number, end: number) => void,
): void {
  const members = new Members(bytes, at);
  while (members.next()) {
    const name = members.name();
    if (name === path) {
      visitItems(bytes, members.valueStart, members.valueEnd, visit);
    } else if (path.length > name.length && isWithin(path, name)) {
      visitInner(bytes, members.valueStart, path.slice(name.length + 1), visit);
    }
  }
}

function visitInner(
  bytes: Uint8Array,
  at: number,
  path: string,
  visit: (start: number, end: number) => void,
): void {
  if (bytes[at] === OPEN_BRACE) {
    visitLeaves(bytes, at, path, visit);
  } else if (bytes[at] === OPEN_BRACKET) {
    const items = new Items(bytes, at);
    while (items.next()) visitInner(bytes, items.start, path, visit);
  }
}

function visitItems(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (start: number, end: number) => void,
): void {
  if (bytes[start] !== OPEN_BRACKET) {
    visit(start, end);
    return;
  }
  const items = new Items(bytes, start);
  while (items.next()) visitItems(bytes, items.start, items.end, visit);
}
