/**
 * Reads JSON that a node made, without parsing it: where members, items and values start and end.
 * Documents and hits travel through the gateway as the bytes so found, so numbers keep their text and
 * nothing is serialised a second time.
 *
 * For TRUSTED answers only (valid JSON of a node): the grammar is not checked beyond what is needed to
 * walk. Clients' payloads go through scan.ts. A broken answer ends in MalformedAnswer, never in a loop.
 */

/** A node's answer that is not the JSON it should be. The caller treats the node's call as failed. */
export class MalformedAnswer extends Error {
  override name = 'MalformedAnswer';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;

/** First position at or after `at` that is not white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let position = at;
  while (position < bytes.length && (bytes[position] as number) <= SPACE) position += 1;
  return position;
}

/** End of the string whose opening quote is at `at`: the position after its closing quote. */
export function skipString(bytes: Uint8Array, at: number): number {
  const length = bytes.length;
  for (let position = at + 1; position < length; position += 1) {
    const byte = bytes[position];
    if (byte === QUOTE) return position + 1;
    if (byte === BACKSLASH) position += 1;
  }
  throw new MalformedAnswer(`string at byte ${at} does not end`);
}

/** End of the value that starts at `at` (not at white space). */
export function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, at);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(bytes, at);
  const length = bytes.length;
  let position = at;
  while (position < length) {
    const byte = bytes[position] as number;
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= SPACE) break;
    position += 1;
  }
  if (position === at) throw new MalformedAnswer(`no value at byte ${at}`);
  return position;
}

function skipNested(bytes: Uint8Array, at: number): number {
  const length = bytes.length;
  let depth = 0;
  for (let position = at; position < length; position += 1) {
    const byte = bytes[position] as number;
    if (byte === QUOTE) {
      position = skipString(bytes, position) - 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return position + 1;
    }
  }
  throw new MalformedAnswer(`value at byte ${at} does not end`);
}

/**
 * Walks the members of an object. After `next()` gave true the positions of one member are in the
 * fields; after it gave false, `end` is the position after the closing brace. One object serves any
 * number of walks (`reset`), so that hot loops allocate nothing.
 */
export class Members {
  bytes: Uint8Array;
  /** Inside the quotes. */
  nameStart = 0;
  nameEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  end = 0;
  #position = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.reset(bytes, at);
  }

  /** Starts a walk over the object at `at`, which may be preceded by white space. */
  reset(bytes: Uint8Array, at: number): void {
    const start = skipSpace(bytes, at);
    if (bytes[start] !== OPEN_BRACE) throw new MalformedAnswer(`no object at byte ${at}`);
    this.bytes = bytes;
    this.#position = start + 1;
  }

  next(): boolean {
    if (!this.nextName()) return false;
    this.advance(skipValue(this.bytes, this.valueStart));
    return true;
  }

  /** To be called after nextName, with the end of the value that the caller walked itself. */
  advance(valueEnd: number): void {
    this.valueEnd = valueEnd;
    this.#position = valueEnd;
  }

  /** Moves to the next member without finding its value's end. */
  nextName(): boolean {
    const bytes = this.bytes;
    let at = this.#position;
    let byte = bytes[at] as number;
    if (byte === COMMA) {
      at += 1;
      byte = bytes[at] as number;
    }
    if (byte <= SPACE) {
      at = skipSpace(bytes, at);
      if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
      byte = bytes[at] as number;
    }
    if (byte !== QUOTE) {
      if (byte !== CLOSE_BRACE) throw new MalformedAnswer(`no member at byte ${at}`);
      this.end = at + 1;
      this.#position = at;
      return false;
    }
    this.nameStart = at + 1;
    at = skipString(bytes, at);
    this.nameEnd = at - 1;
    if (bytes[at] !== COLON) at = skipSpace(bytes, at);
    at += 1;
    if ((bytes[at] as number) <= SPACE) at = skipSpace(bytes, at);
    this.valueStart = at;
    return true;
  }

  /** Whether the current member has this name (ASCII, without characters that JSON escapes). */
  isNamed(name: string): boolean {
    return isText(this.bytes, this.nameStart, this.nameEnd, name);
  }

  /** Whether the current member's name begins so (ASCII). */
  hasPrefix(prefix: string): boolean {
    const end = this.nameStart + prefix.length;
    return end <= this.nameEnd && isText(this.bytes, this.nameStart, end, prefix);
  }

  /** The current member's name, decoded. */
  name(): string {
    return decodeString(this.bytes, this.nameStart - 1, this.nameEnd + 1);
  }
}

/** Walks the items of an array; used like Members. */
export class Items {
  bytes: Uint8Array;
  start = 0;
  end = 0;
  #position = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.reset(bytes, at);
  }

  reset(bytes: Uint8Array, at: number): void {
    const start = skipSpace(bytes, at);
    if (bytes[start] !== OPEN_BRACKET) throw new MalformedAnswer(`no array at byte ${at}`);
    this.bytes = bytes;
    this.#position = start + 1;
  }

  /** Moves to the next item without finding its end: for items that the caller walks itself. */
  nextStart(): boolean {
    const bytes = this.bytes;
    let at = skipSpace(bytes, this.#position);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    if (at >= bytes.length) throw new MalformedAnswer('array does not end');
    if (bytes[at] === CLOSE_BRACKET) {
      this.end = at + 1;
      return false;
    }
    this.start = at;
    return true;
  }

  /** To be called after nextStart, with the position after the item. */
  advance(itemEnd: number): void {
    this.end = itemEnd;
    this.#position = itemEnd;
  }

  next(): boolean {
    if (!this.nextStart()) return false;
    this.advance(skipValue(this.bytes, this.start));
    return true;
  }
}

/** Where a value lies. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Value of a member of the object at `at`, or undefined if there is none of this (ASCII) name. */
export function findMember(bytes: Uint8Array, at: number, name: string): Span | undefined {
  const members = new Members(bytes, at);
  while (members.next()) {
    if (members.isNamed(name)) return { start: members.valueStart, end: members.valueEnd };
  }
  return undefined;
}

/** Whether the bytes from start to end are exactly this ASCII text. */
export function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let at = 0; at < text.length; at += 1) {
    if (bytes[start + at] !== text.charCodeAt(at)) return false;
  }
  return true;
}

/** Text of the JSON string from its opening quote to after its closing one. */
export function decodeString(bytes: Uint8Array, start: number, end: number): string {
  const text = textOf(bytes, start + 1, end - 1);
  return text.includes('\\') ? (parse(`"${text}"`) as string) : text;
}

/** Number of a JSON number's text: the nearest double, -0 kept. */
export function decodeNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start <= 9) {
    let value = 0;
    for (let at = start; ; at += 1) {
      if (at === end) return value;
      const digit = (bytes[at] as number) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
  }
  return Number(textOf(bytes, start, end));
}

/** Any small value, parsed. Not for documents: numbers beyond 2^53 would lose digits. */
export function decodeValue(bytes: Uint8Array, start: number, end: number): unknown {
  return parse(textOf(bytes, start, end));
}

/** A node's whole answer of a small kind (figures, settings, errors), parsed. Not for documents. */
export function decodeAnswer(body: Uint8Array): unknown {
  return parse(textOf(body, 0, body.length));
}

/** A node's whole answer that must be an object. */
export function decodeObject(body: Uint8Array): Record<string, unknown> {
  const value = decodeAnswer(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedAnswer('no object');
  }
  return value as Record<string, unknown>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw new MalformedAnswer('not JSON');
    throw error;
  }
}

/** UTF-8 text of a range of bytes. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return asBuffer(bytes).toString('utf8', start, end);
}

/** The same bytes as a Buffer, whose copying and decoding are native; nothing is copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Collects byte ranges and text into one Buffer. Grows by doubling. */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(sizeBytes = 4096) {
    this.#buffer = Buffer.allocUnsafe(sizeBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written after `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  copy(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    asBuffer(source).copy(this.#buffer, this.#length, start, end);
    this.#length += end - start;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  text(value: string): void {
    this.#reserve(value.length * 3);
    this.#length += this.#buffer.write(value, this.#length);
  }

  /** What was written. The writer must not be used after. */
  done(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
