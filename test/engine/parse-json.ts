/**
 * A JSON parser over bytes that keeps numbers exact and words its errors as a node does: reason, line
 * and column (in bytes) of serde_json, where "peek" errors point at the byte not yet taken.
 *
 * Two ways of reading: strict (`parseJson`: a whole body) and lazy (`elements of a document list`),
 * where a node looks at strings and numbers inside a document only when it indexes them. What it would
 * complain about then is kept as `lateError`.
 */
import { isUtf8 } from 'node:buffer';
import { Float, type Json, type JsonObject } from './value.ts';

/** Text that is not JSON; the message carries line and column. */
export class JsonSyntaxError extends Error {
  override name = 'JsonSyntaxError';
}

const DEPTH_STRICT = 128;
const DEPTH_LAZY = 1000;

/** Parses a whole text. Throws JsonSyntaxError. */
export function parseJson(bytes: Buffer): Json {
  const reader = new JsonReader(bytes, false);
  const value = reader.value();
  reader.end();
  return value;
}

/** Reads values one after the other from bytes. */
export class JsonReader {
  at = 0;
  /** The first complaint a node would make only while indexing (lazy reading). */
  lateError: string | undefined;
  private readonly bytes: Buffer;
  private readonly isLazy: boolean;
  private readonly isText: boolean;
  private depth: number;
  /** Where the value began in which a late complaint is counted from. */
  private lateStart = 0;

  constructor(bytes: Buffer, isLazy: boolean) {
    this.bytes = bytes;
    this.isLazy = isLazy;
    this.isText = isUtf8(bytes);
    this.depth = isLazy ? DEPTH_LAZY : DEPTH_STRICT;
  }

  /** The next byte that is not white space, not taken; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    while (this.at < bytes.length) {
      const byte = bytes[this.at] as number;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.at += 1;
    }
    return -1;
  }

  /** Demands that the bytes since `start` are UTF-8. */
  demandTextSince(start: number): void {
    if (!this.isText && !isUtf8(this.bytes.subarray(start, this.at))) {
      throw this.error('invalid unicode code point');
    }
  }

  /** Demands that nothing but white space is left. */
  end(): void {
    if (this.peek() !== -1) throw this.peekError('trailing characters');
  }

  value(): Json {
    const byte = this.peek();
    switch (byte) {
      case 0x7b:
        return this.object();
      case 0x5b:
        return this.array();
      case 0x22:
        return this.string();
      case 0x74:
        return this.word('true', true);
      case 0x66:
        return this.word('false', false);
      case 0x6e:
        return this.word('null', null);
      case -1:
        throw this.peekError('EOF while parsing a value');
      default:
        if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return this.number();
        throw this.peekError('expected value');
    }
  }

  /** An error that points at the byte before the present place. */
  error(reason: string): JsonSyntaxError {
    return this.errorAt(reason, this.at);
  }

  /** An error that points at the byte to come. */
  peekError(reason: string): JsonSyntaxError {
    return this.errorAt(reason, Math.min(this.bytes.length, this.at + 1));
  }

  private errorAt(reason: string, index: number): JsonSyntaxError {
    let line = 1;
    let lineStart = 0;
    for (let i = 0; i < index; i++) {
      if (this.bytes[i] === 0x0a) {
        line += 1;
        lineStart = i + 1;
      }
    }
    return new JsonSyntaxError(`${reason} at line ${line} column ${index - lineStart}`);
  }

  private enter(): void {
    this.depth -= 1;
    if (this.depth === 0) throw this.peekError('recursion limit exceeded');
  }

  private array(): Json[] {
    const items: Json[] = [];
    this.enter();
    this.at += 1;
    while (this.hasNextItem(items.length === 0)) items.push(this.value());
    this.at += 1;
    this.depth += 1;
    return items;
  }

  /** Steps to the next list item; false before the closing bracket, which is not taken. */
  hasNextItem(isFirst: boolean): boolean {
    const byte = this.peek();
    if (byte === -1) throw this.peekError('EOF while parsing a list');
    if (byte === 0x5d) return false;
    if (isFirst) return true;
    if (byte !== 0x2c) throw this.peekError('expected `,` or `]`');
    this.at += 1;
    const after = this.peek();
    if (after === 0x5d) throw this.peekError('trailing comma');
    if (after === -1) throw this.peekError('EOF while parsing a value');
    return true;
  }

  private object(): JsonObject {
    const members: JsonObject = new Map();
    this.enter();
    const isTop = this.isLazy && this.depth === DEPTH_LAZY - 1;
    this.at += 1;
    for (let isFirst = true; this.hasNextKey(isFirst); isFirst = false) {
      const key = this.string();
      this.colon();
      if (isTop) {
        this.peek();
        this.lateStart = this.at;
      }
      members.set(key, this.value());
    }
    this.at += 1;
    this.depth += 1;
    return members;
  }

  private hasNextKey(isFirst: boolean): boolean {
    const byte = this.peek();
    if (byte === -1) throw this.peekError('EOF while parsing an object');
    if (byte === 0x7d) return false;
    if (isFirst) {
      if (byte !== 0x22) throw this.peekError('key must be a string');
      return true;
    }
    if (byte !== 0x2c) throw this.peekError('expected `,` or `}`');
    this.at += 1;
    const after = this.peek();
    if (after === 0x22) return true;
    if (after === 0x7d) throw this.peekError('trailing comma');
    if (after === -1) throw this.peekError('EOF while parsing a value');
    throw this.peekError('key must be a string');
  }

  private colon(): void {
    const byte = this.peek();
    if (byte === -1) throw this.peekError('EOF while parsing an object');
    if (byte !== 0x3a) throw this.peekError('expected `:`');
    this.at += 1;
  }

  private word<T extends Json>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++) {
      if (this.at >= this.bytes.length) throw this.error('EOF while parsing a value');
      const byte = this.bytes[this.at];
      this.at += 1;
      if (byte !== word.charCodeAt(i)) throw this.error('expected ident');
    }
    return value;
  }

  private string(): string {
    const { bytes } = this;
    const start = this.at + 1;
    let isAscii = true;
    let at = start;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === 0x22) {
        this.at = at + 1;
        if (isAscii) return bytes.toString('latin1', start, at);
        if (!this.isText) this.demandText(start, at);
        return bytes.toString('utf8', start, at);
      }
      if (byte === 0x5c) {
        this.at = at;
        return this.escapedString(start);
      }
      if (byte < 0x20) {
        this.at = this.isLazy ? at : at + 1;
        throw this.error('control character (\\u0000-\\u001F) found while parsing a string');
      }
      if (byte >= 0x80) isAscii = false;
    }
    this.at = at;
    throw this.error('EOF while parsing a string');
  }

  private demandText(start: number, end: number): void {
    if (!this.isLazy && !isUtf8(this.bytes.subarray(start, end)))
      throw this.error('invalid unicode code point');
  }

  /** A string with escapes; `at` is at the first backslash. */
  private escapedString(start: number): string {
    const { bytes } = this;
    let text = bytes.toString('utf8', start, this.at);
    for (;;) {
      if (this.at >= bytes.length) throw this.error('EOF while parsing a string');
      const byte = bytes[this.at] as number;
      if (byte === 0x22) {
        this.at += 1;
        if (!this.isText) this.demandText(start, this.at - 1);
        return text;
      }
      if (byte === 0x5c) {
        this.at += 1;
        text += this.escape();
      } else if (byte < 0x20) {
        if (!this.isLazy) this.at += 1;
        throw this.error('control character (\\u0000-\\u001F) found while parsing a string');
      } else {
        const from = this.at;
        while (this.at < bytes.length && isPlain(bytes[this.at] as number)) this.at += 1;
        text += bytes.toString('utf8', from, this.at);
      }
    }
  }

  private escape(): string {
    if (this.at >= this.bytes.length) throw this.error('EOF while parsing a string');
    const byte = this.bytes[this.at] as number;
    this.at += 1;
    const simple = ESCAPES.get(byte);
    if (simple !== undefined) return simple;
    if (byte !== 0x75) throw this.error('invalid escape');
    const unit = this.hex();
    if (unit >= 0xdc00 && unit <= 0xdfff) {
      return this.complainLate('lone leading surrogate in hex escape');
    }
    if (unit < 0xd800 || unit > 0xdbff) return String.fromCharCode(unit);
    if (this.bytes[this.at] !== 0x5c || this.bytes[this.at + 1] !== 0x75) {
      if (!this.isLazy && this.bytes[this.at] === 0x5c) this.at += 1;
      if (!this.isLazy || this.at < this.bytes.length) this.at += this.isLazy ? 0 : 1;
      return this.complainLate('unexpected end of hex escape');
    }
    this.at += 2;
    const low = this.hex();
    if (low < 0xdc00 || low > 0xdfff) {
      return this.complainLate('lone leading surrogate in hex escape');
    }
    return String.fromCharCode(unit, low);
  }

  /** Strict: throws. Lazy: notes the complaint, counted from the start of the top-level value. */
  private complainLate(reason: string): string {
    if (!this.isLazy) throw this.error(reason);
    const column = this.at - this.lateStart + (reason.startsWith('unexpected') ? 1 : 0);
    this.lateError ??= `${reason} at line 1 column ${column}`;
    return '�';
  }

  private hex(): number {
    if (this.at + 4 > this.bytes.length) {
      this.at = this.bytes.length;
      throw this.error('EOF while parsing a string');
    }
    const digits = this.bytes.toString('latin1', this.at, this.at + 4);
    this.at += 4;
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.error('invalid escape');
    return Number.parseInt(digits, 16);
  }

  private number(): Json {
    const { bytes } = this;
    const start = this.at;
    let isFloat = false;
    if (bytes[this.at] === 0x2d) this.at += 1;
    if (bytes[this.at] === 0x30) {
      this.at += 1;
      if (isDigit(bytes[this.at])) throw this.peekError('invalid number');
    } else {
      if (!isDigit(bytes[this.at])) throw this.numberError();
      while (isDigit(bytes[this.at])) this.at += 1;
    }
    if (bytes[this.at] === 0x2e) {
      isFloat = true;
      this.at += 1;
      if (!isDigit(bytes[this.at])) throw this.digitError();
      while (isDigit(bytes[this.at])) this.at += 1;
    }
    if (bytes[this.at] === 0x65 || bytes[this.at] === 0x45) {
      isFloat = true;
      this.at += 1;
      if (bytes[this.at] === 0x2b || bytes[this.at] === 0x2d) this.at += 1;
      if (!isDigit(bytes[this.at])) throw this.numberError();
      while (isDigit(bytes[this.at])) this.at += 1;
    }
    return this.toNumber(bytes.toString('latin1', start, this.at), isFloat);
  }

  private toNumber(text: string, isFloat: boolean): Json {
    if (!isFloat && text.length < 16) return text === '-0' ? new Float(-0) : Number(text);
    if (!isFloat) {
      const exact = BigInt(text);
      if (exact >= -(2n ** 63n) && exact < 2n ** 64n) {
        const rounded = Number(exact);
        return Number.isSafeInteger(rounded) ? rounded : exact;
      }
    }
    const value = Number(text);
    if (!Number.isFinite(value)) {
      this.complainLate('number out of range');
      return null;
    }
    return new Float(value);
  }

  private digitError(): JsonSyntaxError {
    return this.at >= this.bytes.length
      ? this.peekError('EOF while parsing a value')
      : this.peekError('invalid number');
  }

  private numberError(): JsonSyntaxError {
    if (this.at >= this.bytes.length) return this.error('EOF while parsing a value');
    this.at += 1;
    return this.error('invalid number');
  }
}

const ESCAPES = new Map<number, string>([
  [0x22, '"'],
  [0x5c, '\\'],
  [0x2f, '/'],
  [0x62, '\b'],
  [0x66, '\f'],
  [0x6e, '\n'],
  [0x72, '\r'],
  [0x74, '\t'],
]);

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isPlain(byte: number): boolean {
  return byte !== 0x22 && byte !== 0x5c && byte >= 0x20;
}
