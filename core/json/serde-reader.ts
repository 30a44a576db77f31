/**
 * The exact reader: decides about untrusted JSON as serde_json does, byte for byte and error for error.
 *
 * It knows the two ways Meilisearch reads documents. `skipValue` walks a value of any depth and checks
 * its grammar only (how elements of an array and NDJSON lines are taken in). `checkValue` is what turning
 * the value into data needs on top: at most 127 levels, numbers inside a double's range, whole
 * surrogate pairs, UTF-8 (how a single object is taken in, and what indexing does with every field later).
 *
 * It is several times slower than the fast scanner and is asked only about documents that the scanner
 * would not vouch for. Memory is one window plus one bit per open container, whatever the input.
 */
import { isUtf8 } from 'node:buffer';
import type { ByteWindow } from './byte-source.ts';
import { type FaultKind, JsonFault } from './json-fault.ts';
import { readNumber } from './serde-number.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Levels that may be open at once when a value is turned into data. */
export const VALUE_DEPTH_MAX = 127;

/** A number of so many characters without an exponent fits a double. */
const DIGITS_SAFE = 300;

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isBlank = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x09 || byte === 0x0d;

/** Reads bytes from `index` to `end`. Every fault is thrown as JsonFault. */
export class SerdeReader {
  readonly window: ByteWindow;
  readonly end: number;
  /** Next byte to read. */
  index: number;

  constructor(window: ByteWindow, start = 0, end: number = window.byteLength) {
    this.window = window;
    this.index = start;
    this.end = end;
  }

  /** The next byte, or -1 at the end. */
  peek(): number {
    return this.index < this.end ? this.window.at(this.index) : -1;
  }

  /** Passes blanks and returns the next byte, or -1 at the end. */
  skipBlanks(): number {
    let byte = this.peek();
    while (isBlank(byte)) {
      this.index += 1;
      byte = this.peek();
    }
    return byte;
  }

  /** Throws a fault placed behind the byte at hand. */
  failAtPeek(kind: FaultKind): never {
    throw new JsonFault(kind, Math.min(this.end, this.index + 1));
  }

  /** Throws a fault placed behind the last byte read. */
  fail(kind: FaultKind): never {
    throw new JsonFault(kind, this.index);
  }

  /** Walks one value, grammar only; any depth. */
  skipValue(): void {
    const open = new OpenContainers();
    for (;;) {
      const byte = this.skipBlanks();
      let isFirst = false;
      if (byte === BRACKET_OPEN || byte === BRACE_OPEN) {
        this.index += 1;
        open.push(byte === BRACE_OPEN);
        isFirst = true;
      } else {
        this.#skipScalar(byte);
        if (open.depth === 0) return;
      }
      if (!this.#skipToNextValue(open, isFirst)) return;
    }
  }

  /** Closes what ends here and passes comma and name; false if the outermost value is complete. */
  #skipToNextValue(open: OpenContainers, isFirst: boolean): boolean {
    let acceptsComma = !isFirst;
    for (;;) {
      const byte = this.skipBlanks();
      const isObject = open.isObject();
      if (byte !== (isObject ? BRACE_CLOSE : BRACKET_CLOSE)) {
        this.#passComma(byte, isObject, acceptsComma);
        if (isObject) this.#skipName();
        return true;
      }
      this.index += 1;
      open.pop();
      if (open.depth === 0) return false;
      acceptsComma = true;
    }
  }

  #passComma(byte: number, isObject: boolean, acceptsComma: boolean): void {
    if (byte < 0) this.failAtPeek(isObject ? 'eofObject' : 'eofList');
    if (!acceptsComma) return;
    if (byte !== COMMA) this.failAtPeek(isObject ? 'objectCommaOrEnd' : 'listCommaOrEnd');
    this.index += 1;
  }

  #skipName(): void {
    const byte = this.skipBlanks();
    if (byte < 0) this.failAtPeek('eofObject');
    if (byte !== QUOTE) this.failAtPeek('keyString');
    this.index += 1;
    this.#skipString();
    this.passColon();
  }

  /** Passes blanks and the colon behind a name. */
  passColon(): void {
    const byte = this.skipBlanks();
    if (byte < 0) this.failAtPeek('eofObject');
    if (byte !== COLON) this.failAtPeek('colon');
    this.index += 1;
  }

  #skipScalar(byte: number): void {
    if (byte < 0) this.failAtPeek('eofValue');
    if (byte === QUOTE) {
      this.index += 1;
      this.#skipString();
    } else if (byte === MINUS || isDigit(byte)) this.#skipNumber();
    else this.passLiteral(byte);
  }

  /** Passes true, false or null, which begins with `byte`. */
  passLiteral(byte: number): void {
    const rest = byte === 0x6e ? 'ull' : byte === 0x74 ? 'rue' : byte === 0x66 ? 'alse' : undefined;
    if (rest === undefined) this.failAtPeek('value');
    this.index += 1;
    for (let i = 0; i < rest.length; i += 1) {
      const next = this.peek();
      if (next < 0) this.fail('eofValue');
      this.index += 1;
      if (next !== rest.charCodeAt(i)) this.fail('ident');
    }
  }

  /** A string without looking at surrogates and UTF-8; the opening quote is passed. */
  #skipString(): void {
    for (;;) {
      this.index = this.window.skipPlain(this.index, this.end);
      const byte = this.peek();
      if (byte < 0) this.fail('eofString');
      if (byte < 0x20) this.fail('control');
      this.index += 1;
      if (byte === QUOTE) return;
      if (byte === BACKSLASH) this.#passEscape();
    }
  }

  /** An escape behind its backslash; returns its UTF-16 unit if it is `\u`, else -1. */
  #passEscape(): number {
    const letter = this.peek();
    if (letter < 0) this.fail('eofString');
    this.index += 1;
    if (letter === 0x75) return this.#readHex();
    if (!'"\\/bfnrt'.includes(String.fromCharCode(letter))) this.fail('escape');
    return -1;
  }

  #readHex(): number {
    if (this.index + 4 > this.end) {
      this.index = this.end;
      this.fail('eofString');
    }
    let text = '';
    for (let i = 0; i < 4; i += 1) text += String.fromCharCode(this.window.at(this.index + i));
    this.index += 4;
    if (!/^[0-9a-fA-F]{4}$/.test(text)) this.fail('escape');
    return Number.parseInt(text, 16);
  }

  /** Behaves as skipping does: a missing digit at the end is an invalid number, not an early end. */
  #skipNumber(): void {
    if (this.peek() === MINUS) this.index += 1;
    this.#passWhole(false);
    if (this.peek() === 0x2e) {
      this.index += 1;
      if (!isDigit(this.peek())) this.failAtPeek('number');
      while (isDigit(this.peek())) this.index += 1;
    }
    if (this.peek() === 0x65 || this.peek() === 0x45) this.#passExponent(false);
  }

  #passWhole(isStrict: boolean): void {
    const first = this.peek();
    if (isStrict && first < 0) this.fail('eofValue');
    if (first >= 0) this.index += 1;
    if (!isDigit(first)) this.fail('number');
    if (first === ZERO) {
      if (isDigit(this.peek())) this.failAtPeek('number');
    } else while (isDigit(this.peek())) this.index += 1;
  }

  #passExponent(isStrict: boolean): void {
    this.index += 1;
    if (this.peek() === 0x2b || this.peek() === MINUS) this.index += 1;
    const first = this.peek();
    if (isStrict && first < 0) this.fail('eofValue');
    if (first >= 0) this.index += 1;
    if (!isDigit(first)) this.fail('number');
    while (isDigit(this.peek())) this.index += 1;
  }

  /** Reads a number as data and returns its text; throws `range` if no double can hold it. */
  readNumberText(): string {
    const start = this.index;
    if (this.peek() === MINUS) this.index += 1;
    this.#passWhole(true);
    if (this.peek() === 0x2e) {
      this.index += 1;
      if (!isDigit(this.peek())) this.failAtPeek(this.peek() < 0 ? 'eofValue' : 'number');
      while (isDigit(this.peek())) this.index += 1;
    }
    const hasExponent = this.peek() === 0x65 || this.peek() === 0x45;
    if (hasExponent) this.#passExponent(true);
    const text = this.window.slice(start, this.index).toString('latin1');
    const mayOverflow = hasExponent || text.length > DIGITS_SAFE;
    if (mayOverflow && readNumber(text).kind === 'out-of-range') {
      this.index = start + rangeFaultLength(text);
      this.fail('range');
    }
    return text;
  }

  /** Reads a string as data and returns it; the opening quote is passed. */
  readString(): string {
    const start = this.index;
    let hasEscape = false;
    for (;;) {
      this.index = this.window.skipPlain(this.index, this.end);
      const byte = this.peek();
      if (byte < 0) this.fail('eofString');
      this.index += 1;
      if (byte === QUOTE) break;
      if (byte < 0x20) this.fail('control');
      if (byte !== BACKSLASH) continue;
      hasEscape = true;
      this.#passCharacterEscape();
    }
    const bytes = this.window.slice(start, this.index - 1);
    if (!isUtf8(bytes)) this.fail('unicode');
    const text = bytes.toString('utf8');
    return hasEscape ? (JSON.parse(`"${text}"`) as string) : text;
  }

  /** An escape whose surrogates must come in pairs. */
  #passCharacterEscape(): void {
    const unit = this.#passEscape();
    if (unit >= 0xdc00 && unit <= 0xdfff) this.fail('loneSurrogate');
    if (unit < 0xd800 || unit > 0xdbff) return;
    for (const expected of [BACKSLASH, 0x75]) {
      const next = this.peek();
      if (next < 0) this.fail('eofString');
      this.index += 1;
      if (next !== expected) this.fail('hexEnd');
    }
    const second = this.#readHex();
    if (second < 0xdc00 || second > 0xdfff) this.fail('loneSurrogate');
  }

  /** Walks one value as data. `levels` more containers may be open at once. */
  checkValue(levels: number = VALUE_DEPTH_MAX): void {
    const byte = this.skipBlanks();
    if (byte < 0) this.failAtPeek('eofValue');
    if (byte === QUOTE) {
      this.index += 1;
      this.readString();
    } else if (byte === MINUS || isDigit(byte)) this.readNumberText();
    else if (byte !== BRACKET_OPEN && byte !== BRACE_OPEN) this.passLiteral(byte);
    else if (levels === 0) this.failAtPeek('recursion');
    else if (byte === BRACE_OPEN) this.readMembers(() => this.checkValue(levels - 1));
    else {
      this.index += 1;
      for (let isFirst = true; this.nextElement(isFirst); isFirst = false) {
        this.checkValue(levels - 1);
      }
      this.index += 1;
    }
  }

  /** Whether another element of an array follows (and goes to it), or the closing bracket is at hand. */
  nextElement(isFirst: boolean): boolean {
    const byte = this.skipBlanks();
    if (byte < 0) this.failAtPeek('eofList');
    if (byte === BRACKET_CLOSE) return false;
    if (isFirst) return true;
    if (byte !== COMMA) this.failAtPeek('listCommaOrEnd');
    this.index += 1;
    const next = this.skipBlanks();
    if (next === BRACKET_CLOSE) this.failAtPeek('trailingComma');
    if (next < 0) this.failAtPeek('eofValue');
    return true;
  }

  /**
   * Walks an object: for each member calls `onMember` with the decoded name while the colon is passed
   * and the value not begun; `onMember` must walk exactly the value.
   */
  readMembers(onMember: (name: string) => void): void {
    this.index += 1;
    for (let isFirst = true; ; isFirst = false) {
      const byte = this.skipBlanks();
      if (byte < 0) this.failAtPeek('eofObject');
      if (byte === BRACE_CLOSE) break;
      if (!isFirst) {
        if (byte !== COMMA) this.failAtPeek('objectCommaOrEnd');
        this.index += 1;
        const next = this.skipBlanks();
        if (next === BRACE_CLOSE) this.failAtPeek('trailingComma');
        if (next < 0) this.failAtPeek('eofValue');
        if (next !== QUOTE) this.failAtPeek('keyString');
      } else if (byte !== QUOTE) this.failAtPeek('keyString');
      this.index += 1;
      const name = this.readString();
      this.passColon();
      onMember(name);
    }
    this.index += 1;
  }
}

const EXPONENT_MAX = 2 ** 31 - 1;

/** How much of a number is read until it is found too large: an exponent above 31 bits ends it early. */
function rangeFaultLength(text: string): number {
  const exponentAt = text.search(/\d*$/);
  for (let end = exponentAt + 1; end < text.length; end += 1) {
    if (/[eE]/.test(text) && Number(text.slice(exponentAt, end)) > EXPONENT_MAX) return end;
  }
  return text.length;
}

/** Which containers are open: one bit each, 1 for an object. */
class OpenContainers {
  depth = 0;
  #bits = new Uint8Array(16);

  push(isObject: boolean): void {
    if (this.depth >>> 3 === this.#bits.length) {
      const larger = new Uint8Array(this.#bits.length * 2);
      larger.set(this.#bits);
      this.#bits = larger;
    }
    const bit = 1 << (this.depth & 7);
    const at = this.depth >>> 3;
    const byte = this.#bits[at] as number;
    this.#bits[at] = isObject ? byte | bit : byte & ~bit;
    this.depth += 1;
  }

  pop(): void {
    this.depth -= 1;
  }

  /** Whether the innermost open container is an object. */
  isObject(): boolean {
    const at = this.depth - 1;
    return ((this.#bits[at >>> 3] as number) & (1 << (at & 7))) !== 0;
  }
}
