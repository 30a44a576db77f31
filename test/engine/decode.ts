/**
 * Checks request bodies and query parameters, with the messages of a node: the first wrong member in
 * the order of the body decides, its place is told as a path, each field has its own error code.
 */
import { EngineError } from './errors.ts';
import { Float, type Json, type JsonObject, numberOf, printJson } from './value.ts';

/** Where a value stands (`.a[0]`, empty for the whole body) and the code of a complaint about it. */
export interface Place {
  readonly path: string;
  readonly code: string;
}

/** Turns a JSON value into T or throws EngineError. */
export type Decoder<T> = (value: Json, place: Place) => T;

/** `a positive integer: \`5\`` and the like. */
export function describeValue(value: Json): string {
  if (value === null) return 'null';
  return `${kindOf(value)}: \`${printJson(value)}\``;
}

function kindOf(value: Exclude<Json, null>): string {
  if (typeof value === 'boolean') return 'a boolean';
  if (typeof value === 'string') return 'a string';
  if (value instanceof Float) return 'a number';
  if (typeof value === 'number' || typeof value === 'bigint') {
    return value < 0 ? 'a negative integer' : 'a positive integer';
  }
  return Array.isArray(value) ? 'an array' : 'an object';
}

function at(place: Place, article: string): string {
  return place.path === '' ? '' : ` ${article} \`${place.path}\``;
}

/** Complains about the kind of a value. */
export function wrongKind(value: Json, place: Place, expected: string): EngineError {
  return new EngineError(
    place.code,
    `Invalid value type${at(place, 'at')}: expected ${expected}, but found ${describeValue(value)}`,
  );
}

/** Complains about a value in words of its own. */
export function invalidValue(place: Place, message: string): EngineError {
  return new EngineError(place.code, `Invalid value${at(place, 'at')}: ${message}`);
}

export const text: Decoder<string> = (value, place) => {
  if (typeof value !== 'string') throw wrongKind(value, place, 'a string');
  return value;
};

export const flag: Decoder<boolean> = (value, place) => {
  if (typeof value !== 'boolean') throw wrongKind(value, place, 'a boolean');
  return value;
};

export const anyJson: Decoder<Json> = (value) => value;

/** A whole number from 0, at most `max`. */
export function count(max = Number.MAX_SAFE_INTEGER): Decoder<number> {
  return (value, place) => {
    if (typeof value === 'bigint' && value > 0n) return Number(value);
    if (typeof value !== 'number' || value < 0) throw wrongKind(value, place, 'a positive integer');
    if (value > max) {
      throw invalidValue(
        place,
        `value: \`${value}\` is too large to be deserialized, maximum value authorized is \`${max}\``,
      );
    }
    return value;
  };
}

/** A number of any kind. */
export const real: Decoder<number> = (value, place) => {
  const number = numberOf(value);
  if (number === undefined) throw wrongKind(value, place, 'a number');
  return number;
};

export function orNull<T>(inner: Decoder<T>): Decoder<T | null> {
  return (value, place) => (value === null ? null : inner(value, place));
}

export function list<T>(item: Decoder<T>): Decoder<T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw wrongKind(value, place, 'an array');
    return value.map((entry, i) => item(entry, { ...place, path: `${place.path}[${i}]` }));
  };
}

/** One of several words. */
export function oneOf<T extends string>(words: readonly T[]): Decoder<T> {
  return (value, place) => {
    if (typeof value !== 'string') throw wrongKind(value, place, 'a string');
    const found = words.find((word) => word === value);
    if (found === undefined) {
      throw new EngineError(
        place.code,
        `Unknown value \`${value}\`${at(place, 'at')}: ${didYouMean(value, words)}expected one of ${quoteAll(words)}`,
      );
    }
    return found;
  };
}

/** Object whose keys are free. */
export function mapOf<T>(member: Decoder<T>): Decoder<Map<string, T>> {
  return (value, place) => {
    if (!(value instanceof Map)) throw wrongKind(value, place, 'an object');
    const result = new Map<string, T>();
    for (const [key, entry] of value) {
      result.set(key, member(entry, { ...place, path: `${place.path}.${key}` }));
    }
    return result;
  };
}

/** What one member of an object must be. */
export interface Field<T = unknown> {
  readonly decode: Decoder<T>;
  /** Code of complaints about this member; else the code of the object. */
  readonly code?: string;
}

/** Checks an object member by member; `values` holds what was given. */
export function decodeObject(
  value: Json,
  place: Place,
  fields: Readonly<Record<string, Field>>,
  options: { readonly onUnknown?: (key: string) => EngineError | undefined } = {},
): Map<string, unknown> {
  if (!(value instanceof Map)) throw wrongKind(value, place, 'an object');
  const result = new Map<string, unknown>();
  const names = Object.keys(fields);
  for (const [key, member] of value as JsonObject) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field === undefined) {
      throw options.onUnknown?.(key) ?? unknownField(key, place, names);
    }
    result.set(
      key,
      field.decode(member, { path: `${place.path}.${key}`, code: field.code ?? place.code }),
    );
  }
  return result;
}

/** Complains about a member that is not known. */
export function unknownField(key: string, place: Place, names: readonly string[]): EngineError {
  return new EngineError(
    place.code,
    `Unknown field \`${key}\`${at(place, 'inside')}: ${didYouMean(key, names)}expected one of ${quoteAll(names)}`,
  );
}

/** Complains about a member that must be there. */
export function missingField(key: string, place: Place): EngineError {
  return new EngineError(place.code, `Missing field \`${key}\`${at(place, 'inside')}`);
}

function quoteAll(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ');
}

/** `did you mean \`x\`? ` if a word is near enough, else nothing. */
export function didYouMean(received: string, accepted: readonly string[]): string {
  const length = Buffer.byteLength(received);
  if (length <= 3) return '';
  const allowed = length <= 7 ? 1 : length <= 12 ? 2 : length <= 17 ? 3 : length <= 24 ? 4 : 5;
  let best: string | undefined;
  let bestDistance = allowed + 1;
  for (const word of accepted) {
    const distance = damerauLevenshtein(received, word);
    if (distance < bestDistance) {
      best = word;
      bestDistance = distance;
    }
  }
  return best === undefined ? '' : `did you mean \`${best}\`? `;
}

function damerauLevenshtein(a: string, b: string): number {
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  for (let j = 0; j <= b.length; j++) (rows[0] as number[])[j] = j;
  const cell = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, cell(i - 2, j - 2) + 1);
      }
      (rows[i] as number[])[j] = least;
    }
  }
  return cell(a.length, b.length);
}

/** Query parameters of a request, checked like an object of texts. */
export type Query = ReadonlyMap<string, string>;

/** Splits a query string and refuses parameters that are not in `codes`; the last of a name counts. */
export function decodeQuery(search: string, codes: Readonly<Record<string, string>>): Query {
  const result = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(search)) {
    const names = Object.keys(codes);
    if (!Object.hasOwn(codes, key)) {
      throw new EngineError(
        'bad_request',
        `Unknown parameter \`${key}\`: ${didYouMean(key, names)}expected one of ${quoteAll(names)}`,
      );
    }
    result.set(key, value);
  }
  return result;
}

/** A parameter that must be a whole number from 0; undefined if it was not given. */
export function queryCount(
  query: Query,
  name: string,
  code: string,
  max = 2 ** 53,
): number | undefined {
  const given = query.get(name);
  if (given === undefined) return undefined;
  if (!/^\+?\d+$/.test(given) || Number(given) > max) {
    throw new EngineError(
      code,
      `Invalid value in parameter \`${name}\`: could not parse \`${given}\` as a positive integer`,
    );
  }
  return Number(given);
}

/** A parameter that must be `true` or `false`. */
export function queryFlag(query: Query, name: string, code: string): boolean | undefined {
  const given = query.get(name);
  if (given === undefined) return undefined;
  if (given !== 'true' && given !== 'false') {
    throw new EngineError(
      code,
      `Invalid value in parameter \`${name}\`: could not parse \`${given}\` as a boolean, expected either \`true\` or \`false\``,
    );
  }
  return given === 'true';
}
