/**
 * Documents as nodes store them, read from a node's answer without parsing: their identifier, their version
 * as one number, their canonical content, and the bytes to write them elsewhere.
 *
 * `_vectors` needs care. A node prints vectors only if asked, and then prints them for every embedder:
 * `{"embeddings": […], "regenerate": …}`. Written back so, vectors the user provided and vectors a node
 * computed both survive without being computed again. What a node computed itself may differ in its last
 * digits from what another computed of the same text, so such numbers are no part of the content.
 */
import { type MemberRule, writeCanonical } from '../json/canonical.ts';
import {
  type ByteWriter,
  decodeString,
  findMember,
  isText,
  MalformedAnswer,
  Members,
  skipSpace,
  textOf,
} from '../json/slice.ts';
import { POSITION_DIGITS, SEQ_DIGITS, VERSION_FIELD } from '../reserved/index.ts';
import { keyLevels } from './primary-key.ts';

const VECTORS_FIELD = '_vectors';
const DIGIT_BYTES = 3;
const DIGIT_TAIL = 0x90;
const VERSION_BYTES = (SEQ_DIGITS + POSITION_DIGITS) * DIGIT_BYTES;
const SEQ_SHIFT = BigInt(POSITION_DIGITS * 4);
const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Top-level fields that may hold the identifier, and the version: what a list of a shard asks for. */
export function listedFields(primaryKey: string): string[] {
  const names = keyLevels(primaryKey).map((level) => level.name);
  return [...new Set(names), VERSION_FIELD];
}

/** Text of the identifier of the document at `at`. Throws MalformedAnswer if it has none. */
export function storedId(bytes: Uint8Array, at: number, primaryKey: string): string {
  const id = findId(bytes, at, primaryKey);
  if (id === undefined) throw new MalformedAnswer(`no primary key in the document at byte ${at}`);
  return id;
}

function findId(bytes: Uint8Array, at: number, primaryKey: string): string | undefined {
  for (const { name, rest } of keyLevels(primaryKey)) {
    const span = findMember(bytes, at, name);
    if (span === undefined) continue;
    if (rest === '') return idText(bytes, span.start, span.end);
    const nested = bytes[span.start] === OPEN_BRACE ? findId(bytes, span.start, rest) : undefined;
    if (nested !== undefined) return nested;
  }
  return undefined;
}

function idText(bytes: Uint8Array, start: number, end: number): string {
  return bytes[start] === QUOTE ? decodeString(bytes, start, end) : textOf(bytes, start, end);
}

/**
 * Version of the document at `at` as one number that orders as versions do: 40 bits of place in the lane,
 * 24 of place in the payload. 0 for a document without one: below every version there is.
 */
export function storedVersion(bytes: Uint8Array, at: number): bigint {
  const span = findMember(bytes, at, VERSION_FIELD);
  if (span === undefined || span.end - span.start !== VERSION_BYTES + 2) return 0n;
  let high = 0;
  let low = 0;
  for (let digit = 0; digit < SEQ_DIGITS + POSITION_DIGITS; digit += 1) {
    const value = (bytes[span.start + 1 + digit * DIGIT_BYTES + 2] as number) - DIGIT_TAIL;
    if (digit < 8) high = high * 16 + value;
    else low = low * 16 + value;
  }
  return (BigInt(high) << 32n) | BigInt(low);
}

/** The lowest version that the write at this place in the lane can give. */
export function firstVersionOf(seq: number): bigint {
  return BigInt(seq) << SEQ_SHIFT;
}

/** Appends what two equal documents have in common, whatever node they lie on. */
export function writeContent(bytes: Uint8Array, at: number, writer: ByteWriter): void {
  writeCanonical(bytes, at, writer, withoutComputedVectors);
}

const withoutComputedVectors: MemberRule = (bytes, member, writer) => {
  const { nameStart, nameEnd, valueStart } = member;
  if (!isText(bytes, nameStart + 1, nameEnd - 1, VECTORS_FIELD)) return 'plain';
  if (bytes[valueStart] !== OPEN_BRACE) return 'plain';
  if (isEmptyObject(bytes, valueStart)) return 'omitted';
  writeCanonical(bytes, valueStart, writer, regenerated);
  return 'written';
};

/** Of one embedder: nothing but that there are such vectors. */
const regenerated: MemberRule = (bytes, { valueStart }, writer) => {
  if (bytes[valueStart] !== OPEN_BRACE) return 'plain';
  const span = findMember(bytes, valueStart, 'regenerate');
  if (span === undefined || !isText(bytes, span.start, span.end, 'true')) return 'plain';
  writer.text('"computed"');
  return 'written';
};

/** Appends the document as another node is to get it: as it is, without an empty `_vectors`. */
export function writeStored(
  bytes: Uint8Array,
  span: { readonly start: number; readonly end: number },
  writer: ByteWriter,
): void {
  const members = new Members(bytes, span.start);
  let cutFrom = -1;
  while (members.next()) {
    if (!members.isNamed(VECTORS_FIELD) || !isEmptyObject(bytes, members.valueStart)) continue;
    cutFrom = members.nameStart - 1;
    break;
  }
  if (cutFrom < 0) {
    writer.copy(bytes, span.start, span.end);
    return;
  }
  writeWithout(bytes, span, { start: cutFrom, end: members.valueEnd }, writer);
}

/** A document without one of its members and the comma that belongs to it. */
function writeWithout(
  bytes: Uint8Array,
  span: { readonly start: number; readonly end: number },
  cut: { readonly start: number; readonly end: number },
  writer: ByteWriter,
): void {
  let start = cut.start;
  let end = skipSpace(bytes, cut.end);
  if (bytes[end] === CLOSE_BRACE) {
    while (start > span.start + 1 && (bytes[start - 1] as number) !== 0x2c) start -= 1;
    if (bytes[start - 1] === 0x2c) start -= 1;
  } else end += 1;
  writer.copy(bytes, span.start, start);
  writer.copy(bytes, end, span.end);
}

function isEmptyObject(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === OPEN_BRACE && bytes[skipSpace(bytes, at + 1)] === CLOSE_BRACE;
}
