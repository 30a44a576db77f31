/**
 * JSON read without losing what a comparison needs: order of members, and the text of numbers.
 */
import { decodeString, Items, Members } from '../../core/json/slice.ts';

/** A number by its text. */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A JSON value. */
export type Tree = null | boolean | string | NumberText | Tree[] | Map<string, Tree>;

/** Reads the value at `at`. */
export function readTree(bytes: Uint8Array, at = 0, end = bytes.length): Tree {
  const first = bytes[at];
  if (first === 0x7b) {
    const tree = new Map<string, Tree>();
    const members = new Members(bytes, at);
    while (members.next()) {
      tree.set(members.name(), readTree(bytes, members.valueStart, members.valueEnd));
    }
    return tree;
  }
  if (first === 0x5b) {
    const tree: Tree[] = [];
    const items = new Items(bytes, at);
    while (items.next()) tree.push(readTree(bytes, items.start, items.end));
    return tree;
  }
  if (first === 0x22) return decodeString(bytes, at, end);
  const text = Buffer.from(bytes.subarray(at, end)).toString('latin1').trim();
  if (text === 'null') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  return new NumberText(text);
}

/** Whether two values are equal: numbers by value, members in any order. */
export function isSameTree(left: Tree | undefined, right: Tree | undefined): boolean {
  if (left instanceof NumberText && right instanceof NumberText) return isSameNumber(left, right);
  if (Array.isArray(left) && Array.isArray(right)) {
    return (
      left.length === right.length && left.every((item, place) => isSameTree(item, right[place]))
    );
  }
  if (left instanceof Map && right instanceof Map) {
    return (
      left.size === right.size &&
      [...left].every(([name, value]) => right.has(name) && isSameTree(value, right.get(name)))
    );
  }
  return left === right;
}

const INTEGER = /^-?\d+$/;

function isSameNumber(left: NumberText, right: NumberText): boolean {
  if (left.text === right.text) return true;
  if (INTEGER.test(left.text) && INTEGER.test(right.text)) return false;
  return Object.is(Number(left.text), Number(right.text));
}
