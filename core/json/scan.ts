/**
 * The fast scanner of untrusted documents: walks one JSON object in one pass over bytes, checks the
 * whole grammar of RFC 8259, and notes where the value of the primary key lies. It allocates nothing.
 *
 * It only ever says yes to what it is sure of. Anything else ends as `ODD`: broken grammar, deep nesting,
 * an escaped name that needs care. Then the exact reader (serde-reader.ts) looks at the same bytes and
 * has the last word, including the text of the error. So this file needs no error texts, and a mistake
 * of it can only cost speed, as long as it never accepts what is not JSON.
 *
 * The bytes must be followed by one more byte that is 0 (`bytes[end] === 0`): no loop needs to look for
 * the end, since no token contains that byte. UTF-8 is not checked here; the caller does it over many
 * documents at once.
 */

/** The object does not end before `end`. */
export const SCAN_INCOMPLETE = -1;
/** Not plainly valid: the exact reader has to look. */
export const SCAN_ODD = -2;

/** Containers inside containers that are walked; deeper ones are left to the exact reader. */
const DEPTH_MAX = 100;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;

/** 1 for bytes that stand for themselves inside a string. */
const PLAIN = new Uint8Array(256).fill(1, 0x20);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;
/** 1 for blanks between tokens. */
const BLANK = new Uint8Array(256);
for (const byte of [0x20, 0x09, 0x0a, 0x0d]) BLANK[byte] = 1;
/** 1 for decimal digits. */
const DIGIT = new Uint8Array(256).fill(1, 0x30, 0x3a);
/** 1 for what may follow a backslash, besides `u`. */
const ESCAPE = new Uint8Array(256);
for (const letter of '"\\/bfnrt') ESCAPE[letter.charCodeAt(0)] = 1;
/** Value of a hexadecimal digit plus one, 0 for other bytes. */
const HEX = new Uint8Array(256);
for (let value = 0; value < 16; value += 1) {
  HEX[value.toString(16).charCodeAt(0)] = value + 1;
  HEX[value.toString(16).toUpperCase().charCodeAt(0)] = value + 1;
}
/** 1 for characters of a document identifier. */
const IDENTIFIER = new Uint8Array(256);
for (const letter of '-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ') {
  IDENTIFIER[letter.charCodeAt(0)] = 1;
}
/** Integers of so many digits are surely inside 64 bits. */
const INTEGER_DIGITS_SAFE = 18;
/** Identifiers are shorter than this. */
const IDENTIFIER_BYTES_LIMIT = 512;
/** Numbers of so many bytes, or with so many digits of exponent, may leave the range of a double. */
const NUMBER_BYTES_SAFE = 200;
const EXPONENT_DIGITS_SAFE = 2;

const RESERVED = Buffer.from('_miroir_');
const VECTORS = Buffer.from('_vectors');
const GEO = Buffer.from('_geo');

/** Walks documents. One per payload; results of the last document stay in its fields. */
export class DocumentScanner {
  /** Bytes of the identifier of the last document, if `keyIsPlain`. */
  keyStart = 0;
  keyEnd = 0;
  /** The last document has its primary key once, and it is a plain valid identifier. */
  keyIsPlain = false;
  /** The last document needs the exact look: a name with escapes, or a value that may not become data. */
  isSuspect = false;
  /** The last document names a field of Miroir's own. */
  hasReserved = false;
  /** Every value of the outermost level is an array or null. */
  hasOnlyLists = true;
  /** Values of `_vectors` and `_geo` in the last document; a start of -1 if it has none. */
  vectorsStart = -1;
  vectorsEnd = -1;
  geoStart = -1;
  geoEnd = -1;

  readonly #names: readonly Uint8Array[];
  readonly #isFlat: boolean;
  #bytes: Uint8Array = new Uint8Array(1);
  #failedAt = 0;
  #keyCount = 0;

  /**
   * @param names top-level names that may lead to the primary key: its own name, and for `a.b` also `a`;
   * none if the key is not known.
   */
  constructor(names: readonly string[]) {
    this.#names = names.map((name) => Buffer.from(name));
    this.#isFlat = names.length === 1;
  }

  /**
   * Walks the object that begins at `start` (there must be a brace) and returns the offset after its
   * end, SCAN_INCOMPLETE or SCAN_ODD. `bytes[end]` must be 0.
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    this.#bytes = bytes;
    this.#failedAt = end;
    this.#keyCount = 0;
    this.keyIsPlain = false;
    this.isSuspect = false;
    this.hasReserved = false;
    this.hasOnlyLists = true;
    this.vectorsStart = -1;
    this.geoStart = -1;
    const after = this.#document(start + 1);
    if (after >= 0) {
      if (this.#keyCount !== 1) this.keyIsPlain = false;
      return after;
    }
    return this.#failedAt >= end ? SCAN_INCOMPLETE : SCAN_ODD;
  }

  /** Members of the outermost object; `i` is behind its brace. */
  #document(i: number): number {
    const bytes = this.#bytes;
    let at = this.#skipBlanks(i);
    if (bytes[at] === BRACE_CLOSE) return at + 1;
    for (;;) {
      at = this.#member(at);
      if (at < 0) return at;
      if (bytes[at] !== COMMA) {
        at = this.#skipBlanks(at);
        if (bytes[at] === BRACE_CLOSE) return at + 1;
        if (bytes[at] !== COMMA) return this.#fail(at);
      }
      at += 1;
      if (bytes[at] !== QUOTE) at = this.#skipBlanks(at);
    }
  }

  /** Name and value of the outermost object; `i` is at the opening quote. */
  #member(i: number): number {
    const bytes = this.#bytes;
    if (bytes[i] !== QUOTE) return this.#fail(i);
    const nameStart = i + 1;
    let at = nameStart;
    while (PLAIN[bytes[at] as number] === 1) at += 1;
    const nameEnd = at;
    const isPlainName = bytes[at] === QUOTE;
    at = isPlainName ? at + 1 : this.#escapedName(at);
    if (at < 0) return at;
    const valueStart = this.#colon(at);
    if (valueStart < 0) return valueStart;
    at = this.#value(valueStart, 0);
    const first = bytes[valueStart];
    if (first !== BRACKET_OPEN && first !== 0x6e) this.hasOnlyLists = false;
    if (at < 0 || !isPlainName) return at;
    if (bytes[nameStart] === 0x5f) this.#noteUnderscored(nameStart, nameEnd, valueStart, at);
    if (this.#isKeyName(nameStart, nameEnd)) this.#noteKey(valueStart, at);
    return at;
  }

  /** Colon and blanks around it; returns where the value begins. */
  #colon(i: number): number {
    const bytes = this.#bytes;
    const at = bytes[i] === COLON ? i : this.#skipBlanks(i);
    if (bytes[at] !== COLON) return this.#fail(at);
    return BLANK[bytes[at + 1] as number] === 1 ? this.#skipBlanks(at + 1) : at + 1;
  }

  /** A name with escapes is rare: the exact reader decodes it. `i` is where it stops being plain. */
  #escapedName(i: number): number {
    this.isSuspect = true;
    return this.#string(i);
  }

  #isKeyName(start: number, end: number): boolean {
    for (const name of this.#names) {
      if (name.length !== end - start) continue;
      let i = 0;
      while (i < name.length && name[i] === this.#bytes[start + i]) i += 1;
      if (i === name.length) return true;
    }
    return false;
  }

  /** Names with a meaning of their own begin with an underscore. */
  #noteUnderscored(start: number, end: number, valueStart: number, valueEnd: number): void {
    const bytes = this.#bytes;
    if (startsWith(bytes, start, end, RESERVED)) this.hasReserved = true;
    else if (end - start === VECTORS.length && startsWith(bytes, start, end, VECTORS)) {
      this.vectorsStart = valueStart;
      this.vectorsEnd = valueEnd;
    } else if (end - start === GEO.length && startsWith(bytes, start, end, GEO)) {
      this.geoStart = valueStart;
      this.geoEnd = valueEnd;
    }
  }

  /** Looks whether the value at hand is a plain identifier: ASCII text or an integer of 64 bits. */
  #noteKey(start: number, end: number): void {
    this.#keyCount += 1;
    this.keyIsPlain = false;
    if (!this.#isFlat) return;
    const bytes = this.#bytes;
    const first = bytes[start] as number;
    let from = start;
    let to = end;
    if (first === QUOTE) {
      from += 1;
      to -= 1;
      if (to === from || to - from >= IDENTIFIER_BYTES_LIMIT) return;
      for (let i = from; i < to; i += 1) if (IDENTIFIER[bytes[i] as number] !== 1) return;
    } else {
      const digits = first === 0x2d ? start + 1 : start;
      if (end - digits > INTEGER_DIGITS_SAFE || (digits > start && bytes[digits] === 0x30)) return;
      for (let i = digits; i < end; i += 1) if (DIGIT[bytes[i] as number] !== 1) return;
    }
    this.keyStart = from;
    this.keyEnd = to;
    this.keyIsPlain = true;
  }

  #fail(at: number): number {
    this.#failedAt = at;
    return SCAN_ODD;
  }

  #skipBlanks(i: number): number {
    const bytes = this.#bytes;
    let at = i;
    while (BLANK[bytes[at] as number] === 1) at += 1;
    return at;
  }

  #value(i: number, depth: number): number {
    const first = this.#bytes[i] as number;
    if (first === QUOTE) return this.#string(i + 1);
    if (DIGIT[first] === 1 || first === 0x2d) return this.#number(i);
    if (first === BRACKET_OPEN)
      return depth < DEPTH_MAX ? this.#array(i + 1, depth) : this.#fail(i);
    if (first === BRACE_OPEN) return depth < DEPTH_MAX ? this.#object(i + 1, depth) : this.#fail(i);
    return this.#literal(i, first);
  }

  #array(i: number, depth: number): number {
    const bytes = this.#bytes;
    let at = this.#skipBlanks(i);
    if (bytes[at] === BRACKET_CLOSE) return at + 1;
    for (;;) {
      at = this.#value(at, depth + 1);
      if (at < 0) return at;
      if (bytes[at] !== COMMA) {
        at = this.#skipBlanks(at);
        if (bytes[at] === BRACKET_CLOSE) return at + 1;
        if (bytes[at] !== COMMA) return this.#fail(at);
      }
      at += 1;
      if (BLANK[bytes[at] as number] === 1) at = this.#skipBlanks(at);
    }
  }

  #object(i: number, depth: number): number {
    const bytes = this.#bytes;
    let at = this.#skipBlanks(i);
    if (bytes[at] === BRACE_CLOSE) return at + 1;
    for (;;) {
      if (bytes[at] !== QUOTE) return this.#fail(at);
      at = this.#string(at + 1);
      if (at < 0) return at;
      if (bytes[at] !== COLON) at = this.#skipBlanks(at);
      if (bytes[at] !== COLON) return this.#fail(at);
      at += 1;
      if (BLANK[bytes[at] as number] === 1) at = this.#skipBlanks(at);
      at = this.#value(at, depth + 1);
      if (at < 0) return at;
      if (bytes[at] !== COMMA) {
        at = this.#skipBlanks(at);
        if (bytes[at] === BRACE_CLOSE) return at + 1;
        if (bytes[at] !== COMMA) return this.#fail(at);
      }
      at += 1;
      if (bytes[at] !== QUOTE) at = this.#skipBlanks(at);
    }
  }

  /** A string; `i` is behind its opening quote. */
  #string(i: number): number {
    const bytes = this.#bytes;
    let at = i;
    for (;;) {
      while (PLAIN[bytes[at] as number] === 1) at += 1;
      const stop = bytes[at];
      if (stop === QUOTE) return at + 1;
      if (stop !== BACKSLASH) return this.#fail(at);
      at = this.#escape(at + 1);
      if (at < 0) return at;
    }
  }

  /** An escape; `i` is behind the backslash. A surrogate without its partner makes the document suspect. */
  #escape(i: number): number {
    const bytes = this.#bytes;
    if (ESCAPE[bytes[i] as number] === 1) return i + 1;
    if (bytes[i] !== 0x75) return this.#fail(i);
    const after = this.#hex(i + 1);
    if (after < 0) return after;
    const kind = this.#surrogateKind(i + 1);
    if (kind === 0) return after;
    const isPair = kind === 1 && bytes[after] === BACKSLASH && this.#surrogateKind(after + 2) === 2;
    if (!isPair || bytes[after + 1] !== 0x75) {
      this.isSuspect = true;
      return after;
    }
    return this.#hex(after + 2);
  }

  /** Four hexadecimal digits from `i` on. */
  #hex(i: number): number {
    const bytes = this.#bytes;
    for (let at = i; at < i + 4; at += 1) if (HEX[bytes[at] as number] === 0) return this.#fail(at);
    return i + 4;
  }

  /** What the digits at `i` are: 0 a character, 1 a first surrogate, 2 a second one. */
  #surrogateKind(i: number): 0 | 1 | 2 {
    if (HEX[this.#bytes[i] as number] !== 0xe) return 0;
    const second = HEX[this.#bytes[i + 1] as number] as number;
    return second < 0x9 ? 0 : second < 0xd ? 1 : 2;
  }

  #number(i: number): number {
    const bytes = this.#bytes;
    let at = bytes[i] === 0x2d ? i + 1 : i;
    if (bytes[at] === 0x30) {
      at += 1;
      if (DIGIT[bytes[at] as number] === 1) return this.#fail(at);
    } else {
      if (DIGIT[bytes[at] as number] !== 1) return this.#fail(at);
      while (DIGIT[bytes[at] as number] === 1) at += 1;
    }
    if (bytes[at] === 0x2e) {
      at += 1;
      if (DIGIT[bytes[at] as number] !== 1) return this.#fail(at);
      while (DIGIT[bytes[at] as number] === 1) at += 1;
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at = this.#exponent(at + 1);
      if (at < 0) return at;
    }
    if (at - i > NUMBER_BYTES_SAFE) this.isSuspect = true;
    return at;
  }

  #exponent(i: number): number {
    const bytes = this.#bytes;
    const start = bytes[i] === 0x2b || bytes[i] === 0x2d ? i + 1 : i;
    let at = start;
    if (DIGIT[bytes[at] as number] !== 1) return this.#fail(at);
    while (DIGIT[bytes[at] as number] === 1) at += 1;
    if (at - start > EXPONENT_DIGITS_SAFE) this.isSuspect = true;
    return at;
  }

  #literal(i: number, first: number): number {
    const bytes = this.#bytes;
    const isFalse = first === 0x66;
    const word = first === 0x74 ? TRUE : isFalse ? FALSE : NULL;
    for (let k = 0; k < word.length; k += 1) if (bytes[i + k] !== word[k]) return this.#fail(i + k);
    return i + word.length;
  }
}

function startsWith(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i += 1) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');
