/**
 * The fields Miroir keeps inside every stored document, invisible to clients everywhere.
 *
 * Values are fixed-width hexadecimal written with the sixteen characters U+2290..U+229F: to a node's
 * tokenizer they are separators, so no query ever matches them, yet they filter with `=`, `IN`, `<`
 * and `>` and compare as bytes in the order of the numbers they stand for. Fixed width lets the bytes
 * of a document be sized before its version is known.
 */
import { assert } from '../assert.ts';

/** Every field name beginning so belongs to Miroir; clients may not name one. */
export const RESERVED_PREFIX = '_miroir_';
/** Shard of the document: 3 digits, at most 4096 shards. */
export const SHARD_FIELD = '_miroir_shard';
/** Place of the write in the lane (10 digits), then place in its payload (6 digits). */
export const VERSION_FIELD = '_miroir_version';
/** Milliseconds since 1970 after which the document is gone: 12 digits. */
export const EXPIRES_AT_FIELD = '_miroir_expires_at';

/** Digits of `_miroir_shard`. */
export const SHARD_DIGITS = 3;
/** Digits of the lane's part of `_miroir_version`. */
export const SEQ_DIGITS = 10;
/** Digits of the payload's part of `_miroir_version`. */
export const POSITION_DIGITS = 6;
/** Digits of `_miroir_expires_at`. */
export const EXPIRES_AT_DIGITS = 12;
/** One more than the highest place a document may have in its payload. */
export const POSITION_LIMIT: number = 16 ** POSITION_DIGITS;
/** One more than the highest place in the lane. */
export const SEQ_LIMIT: number = 16 ** SEQ_DIGITS;

/** Code point of the digit 0; the digit d is this plus d. */
const DIGIT_ZERO = 0x2290;
/** UTF-8 of a digit: these two bytes, then 0x90 plus the digit. */
const DIGIT_HEAD = [0xe2, 0x8a] as const;
const DIGIT_TAIL = 0x90;
const DIGIT_BYTES = 3;

/** A document's version. */
export interface Version {
  /** Place of the write in the lane. */
  readonly seq: number;
  /** 0-based place of the document in its payload. */
  readonly position: number;
}

/** Whether a top-level field name belongs to Miroir. */
export function isReservedName(name: string): boolean {
  return name.startsWith(RESERVED_PREFIX);
}

/** Value of `_miroir_shard`. */
export function encodeShard(shard: number): string {
  return encodeDigits(shard, SHARD_DIGITS);
}

/** Value of `_miroir_version`. */
export function encodeVersion(version: Version): string {
  return encodeDigits(version.seq, SEQ_DIGITS) + encodeDigits(version.position, POSITION_DIGITS);
}

/** Value of `_miroir_expires_at`. */
export function encodeExpiresAt(milliseconds: number): string {
  return encodeDigits(milliseconds, EXPIRES_AT_DIGITS);
}

/** Reads `_miroir_shard`; undefined if the text is none. */
export function decodeShard(text: string): number | undefined {
  return decodeDigits(text, SHARD_DIGITS);
}

/** Reads `_miroir_version`; undefined if the text is none. */
export function decodeVersion(text: string): Version | undefined {
  const seq = decodeDigits(text.slice(0, SEQ_DIGITS), SEQ_DIGITS);
  const position = decodeDigits(text.slice(SEQ_DIGITS), POSITION_DIGITS);
  return seq === undefined || position === undefined ? undefined : { seq, position };
}

/** Reads `_miroir_expires_at`; undefined if the text is none. */
export function decodeExpiresAt(text: string): number | undefined {
  return decodeDigits(text, EXPIRES_AT_DIGITS);
}

/** `value` in so many digits. Throws BrokenInvariant if it does not fit. */
export function encodeDigits(value: number, digits: number): string {
  assert(
    Number.isSafeInteger(value) && value >= 0 && value < 16 ** digits,
    `${value} does not fit in ${digits} digits`,
  );
  let text = '';
  for (const digit of value.toString(16).padStart(digits, '0')) {
    text += String.fromCharCode(DIGIT_ZERO + Number.parseInt(digit, 16));
  }
  return text;
}

/** The number that exactly `digits` digits stand for; undefined if the text is anything else. */
export function decodeDigits(text: string, digits: number): number | undefined {
  if (text.length !== digits) return undefined;
  let value = 0;
  for (let i = 0; i < digits; i += 1) {
    const digit = text.charCodeAt(i) - DIGIT_ZERO;
    if (digit < 0 || digit > 15) return undefined;
    value = value * 16 + digit;
  }
  return value;
}

const zeros = (digits: number): string => encodeDigits(0, digits);
const TAIL_TEXT = `,"${SHARD_FIELD}":"${zeros(SHARD_DIGITS)}","${VERSION_FIELD}":"${zeros(SEQ_DIGITS)}${zeros(POSITION_DIGITS)}"}`;
const SHARD_AT = Buffer.byteLength(`,"${SHARD_FIELD}":"`);
const SEQ_AT = SHARD_AT + SHARD_DIGITS * DIGIT_BYTES + Buffer.byteLength(`","${VERSION_FIELD}":"`);
const POSITION_AT = SEQ_AT + SEQ_DIGITS * DIGIT_BYTES;

/** Length of what replaces the closing brace of a document that has at least one field. */
export const TAIL_BYTES: number = Buffer.byteLength(TAIL_TEXT);

/**
 * The bytes that replace a document's closing brace: both internal fields and the brace, for one place
 * in the lane. Shard and position are zero and are set by `patchTail` after each copy.
 */
export function tailTemplate(seq: number): Uint8Array {
  const bytes = Buffer.from(TAIL_TEXT);
  let rest = seq;
  assert(Number.isSafeInteger(seq) && seq >= 0 && seq < SEQ_LIMIT, `seq ${seq} out of range`);
  for (let digit = SEQ_DIGITS - 1; digit >= 0; digit -= 1) {
    bytes[SEQ_AT + digit * DIGIT_BYTES + 2] = DIGIT_TAIL + (rest % 16);
    rest = Math.floor(rest / 16);
  }
  assert(bytes[SEQ_AT] === DIGIT_HEAD[0] && bytes[SEQ_AT + 1] === DIGIT_HEAD[1], 'tail layout');
  return bytes;
}

/** Writes shard and position into a copy of the tail that begins at `at`. Hot: checks nothing. */
export function patchTail(target: Uint8Array, at: number, shard: number, position: number): void {
  const shardAt = at + SHARD_AT + 2;
  target[shardAt] = DIGIT_TAIL + (shard >>> 8);
  target[shardAt + 3] = DIGIT_TAIL + ((shard >>> 4) & 15);
  target[shardAt + 6] = DIGIT_TAIL + (shard & 15);
  const positionAt = at + POSITION_AT + 2;
  target[positionAt] = DIGIT_TAIL + ((position >>> 20) & 15);
  target[positionAt + 3] = DIGIT_TAIL + ((position >>> 16) & 15);
  target[positionAt + 6] = DIGIT_TAIL + ((position >>> 12) & 15);
  target[positionAt + 9] = DIGIT_TAIL + ((position >>> 8) & 15);
  target[positionAt + 12] = DIGIT_TAIL + ((position >>> 4) & 15);
  target[positionAt + 15] = DIGIT_TAIL + (position & 15);
}

/**
 * What every edit begins with on nodes: the version of each document it touches. Always of the same
 * number of characters, since it moves the positions in error texts.
 */
export function editPrefix(seq: number): string {
  return `doc.${VERSION_FIELD} = "${encodeVersion({ seq, position: 0 })}"; `;
}
