/**
 * JSON values as the stand-in keeps them. Integers of 64 bits stay exact (bigint beyond 2^53), and a
 * float stays a float even if it is whole, because a node prints 1.0 as 1.0 and 1 as 1. Objects are
 * Maps, so that keys such as `__proto__` or `"0"` are keys like any other.
 */

/** A number that was written with a point or an exponent, or that no 64-bit integer holds. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** Any JSON value that was received. */
export type Json = null | boolean | string | number | bigint | Float | Json[] | JsonObject;

/** An object that was received, keys in order. */
export type JsonObject = Map<string, Json>;

/** What can be answered: received values, and plain objects; undefined members are left out. */
export type Out = Json | undefined | readonly Out[] | { readonly [key: string]: Out };

/** A number as a 64-bit float, or undefined if the value is no number. */
export function numberOf(value: Json): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return value instanceof Float ? value.value : undefined;
}

/** Whether a value is a number that has no fraction and was written so. */
export function isInteger(value: Json): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Compact JSON text as a node prints it. */
export function printJson(value: Out): string {
  if (value === null || value === undefined) return 'null';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      return printCompound(value);
  }
}

function printCompound(value: object): string {
  if (value instanceof Float) return printFloat(value.value);
  if (Array.isArray(value)) return `[${(value as Out[]).map(printJson).join(',')}]`;
  const members = value instanceof Map ? [...value] : Object.entries(value);
  const parts: string[] = [];
  for (const [key, member] of members as [string, Out][]) {
    if (member !== undefined) parts.push(`${JSON.stringify(key)}:${printJson(member)}`);
  }
  return `{${parts.join(',')}}`;
}

/** Shortest digits that give the same float, always with a point or an exponent. */
export function printFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  if (!Number.isFinite(value)) return 'null';
  const sign = value < 0 ? '-' : '';
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const pointAt = Number(exponentText) + 1;
  if (pointAt > 16 || pointAt <= -5) {
    const exponent = pointAt - 1;
    const point = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    return `${sign}${point}e${exponent < 0 ? '' : '+'}${exponent}`;
  }
  if (pointAt <= 0) return `${sign}0.${'0'.repeat(-pointAt)}${digits}`;
  if (pointAt >= digits.length) return `${sign}${digits}${'0'.repeat(pointAt - digits.length)}.0`;
  return `${sign}${digits.slice(0, pointAt)}.${digits.slice(pointAt)}`;
}

/** A number inside `_formatted` and the like: as text, floats without a needless `.0` kept. */
export function scalarText(value: Json): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  return printJson(value);
}

/** Turns a plain object or list of answer values into received ones (Maps, arrays). */
export function toJson(value: Out): Json {
  if (value === undefined) return null;
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Float) return value;
  if (Array.isArray(value)) return (value as Out[]).map(toJson);
  const members = value instanceof Map ? [...value] : Object.entries(value);
  const object: JsonObject = new Map();
  for (const [key, member] of members as [string, Out][]) {
    if (member !== undefined) object.set(key, toJson(member));
  }
  return object;
}
