/**
 * Keeps chosen fields of a document, on its bytes. Same rules as a node's (its permissive JSON
 * pointers): `a` keeps the member a whole, `a.b` keeps b inside the object a or inside each object of the
 * array a, and also a member whose name is literally `a.b`.
 */
import { type ByteWriter, Items, Members } from '../json/slice.ts';

const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

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

/** What becomes of one member: kept as it is, left out, or its value walked with these selectors. */
export type MemberChoice = 'keep' | 'drop' | readonly string[];

/** What the selectors make of a member of this name whose value starts with `firstByte`. */
export function chooseMember(
  name: string,
  firstByte: number,
  selectors: readonly string[],
): MemberChoice {
  const isSelected = selectors.includes(name);
  if (isSelected && !name.includes('.')) return 'keep';
  const inner: string[] = [];
  for (const selector of selectors) {
    if (selector.length > name.length && isWithin(selector, name)) {
      inner.push(selector.slice(name.length + 1));
    }
  }
  if (inner.length === 0) return isSelected ? 'keep' : 'drop';
  return firstByte === OPEN_BRACE || firstByte === OPEN_BRACKET ? inner : 'drop';
}

/** Writes the value at `at` (an object or array) with only what the selectors keep; returns its end. */
export function writeSelected(
  writer: ByteWriter,
  bytes: Uint8Array,
  at: number,
  selectors: readonly string[],
): number {
  return bytes[at] === OPEN_BRACKET
    ? writeArray(writer, bytes, at, selectors)
    : writeObject(writer, bytes, at, selectors);
}

function writeObject(
  writer: ByteWriter,
  bytes: Uint8Array,
  at: number,
  selectors: readonly string[],
): number {
  const members = new Members(bytes, at);
  writer.byte(OPEN_BRACE);
  const start = writer.length;
  while (members.next()) {
    const choice = chooseMember(members.name(), bytes[members.valueStart] as number, selectors);
    if (choice === 'drop') continue;
    if (writer.length > start) writer.byte(COMMA);
    if (choice === 'keep') {
      writer.copy(bytes, members.nameStart - 1, members.valueEnd);
    } else {
      writer.copy(bytes, members.nameStart - 1, members.valueStart);
      writeSelected(writer, bytes, members.valueStart, choice);
    }
  }
  writer.byte(CLOSE_BRACE);
  return members.end;
}

/** Items that are no objects or arrays go; objects of which nothing is left go too. */
function writeArray(
  writer: ByteWriter,
  bytes: Uint8Array,
  at: number,
  selectors: readonly string[],
): number {
  const items = new Items(bytes, at);
  writer.byte(OPEN_BRACKET);
  const start = writer.length;
  while (items.next()) {
    const first = bytes[items.start];
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET) continue;
    const before = writer.length;
    if (before > start) writer.byte(COMMA);
    const valueStart = writer.length;
    writeSelected(writer, bytes, items.start, selectors);
    const isEmptyObject = first === OPEN_BRACE && writer.length === valueStart + 2;
    if (isEmptyObject) writer.truncate(before);
  }
  writer.byte(CLOSE_BRACKET);
  return items.end;
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
