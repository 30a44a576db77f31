/**
 * One form for all JSON texts that mean the same document: members in the order of their names' bytes at
 * every depth, no white space, numbers and strings as the node wrote them. Two nodes that hold the same
 * document may list its fields in different orders (each numbers fields as it first met them), but print
 * equal values with equal text, so equal canonical bytes are equal documents.
 *
 * For a node's own answers only (see slice.ts).
 */
import { type ByteWriter, Items, Members, skipValue } from './slice.ts';

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** A member as found. */
interface Member {
  /** Position of the name's opening quote, and after its closing one. */
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Writes a member's value itself and says true, or leaves it to writeCanonical. */
export type MemberRule = (
  bytes: Uint8Array,
  member: Member,
  writer: ByteWriter,
) => 'written' | 'omitted' | 'plain';

const PLAIN: MemberRule = () => 'plain';

/** Appends the canonical form of the value at `at`. `rule` is asked for the members of the outermost object. */
export function writeCanonical(
  bytes: Uint8Array,
  at: number,
  writer: ByteWriter,
  rule: MemberRule = PLAIN,
): void {
  const first = bytes[at];
  if (first === OPEN_BRACE) writeObject(bytes, at, writer, rule);
  else if (first === OPEN_BRACKET) writeArray(bytes, at, writer);
  else writer.copy(bytes, at, skipValue(bytes, at));
}

function writeArray(bytes: Uint8Array, at: number, writer: ByteWriter): void {
  const items = new Items(bytes, at);
  let isFirst = true;
  writer.byte(OPEN_BRACKET);
  while (items.next()) {
    if (!isFirst) writer.byte(COMMA);
    isFirst = false;
    writeCanonical(bytes, items.start, writer);
  }
  writer.byte(CLOSE_BRACKET);
}

function writeObject(bytes: Uint8Array, at: number, writer: ByteWriter, rule: MemberRule): void {
  const found: Member[] = [];
  const members = new Members(bytes, at);
  while (members.next()) {
    found.push({
      nameStart: members.nameStart - 1,
      nameEnd: members.nameEnd + 1,
      valueStart: members.valueStart,
      valueEnd: members.valueEnd,
    });
  }
  found.sort((left, right) => compareNames(bytes, left, right));
  let isFirst = true;
  writer.byte(OPEN_BRACE);
  for (const member of found) {
    const start = writer.length;
    if (!isFirst) writer.byte(COMMA);
    writer.copy(bytes, member.nameStart, member.nameEnd);
    writer.byte(COLON);
    const verdict = rule(bytes, member, writer);
    if (verdict === 'omitted') {
      writer.truncate(start);
      continue;
    }
    if (verdict === 'plain') writeCanonical(bytes, member.valueStart, writer);
    isFirst = false;
  }
  writer.byte(CLOSE_BRACE);
}

function compareNames(bytes: Uint8Array, left: Member, right: Member): number {
  const leftLength = left.nameEnd - left.nameStart;
  const rightLength = right.nameEnd - right.nameStart;
  const shared = Math.min(leftLength, rightLength);
  for (let at = 0; at < shared; at += 1) {
    const difference =
      (bytes[left.nameStart + at] as number) - (bytes[right.nameStart + at] as number);
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
