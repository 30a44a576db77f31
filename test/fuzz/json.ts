/**
 * JSON to be sent. Beside plain values it holds numbers as texts (2^64, -0.0, 1e2) and objects as
 * maps, which keep any key in any order. Members that are undefined are left out.
 */
import { NumberText } from '../stories/lossless.ts';

/** Any JSON value, generated or read from a file. */
export type Json = null | boolean | number | string | NumberText | Json[] | Map<string, Json> | Obj;

/** A generated object. */
export interface Obj {
  [key: string]: Json | undefined;
}

/** True for a generated object: not an array, a map or a number text. */
export function isObj(value: Json | undefined): value is Obj {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Map) &&
    !(value instanceof NumberText)
  );
}

/** Compact JSON text. */
export function encode(value: Json): string {
  if (value instanceof NumberText) return value.text;
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([key, item]) => `${JSON.stringify(key)}:${encode(item)}`).join(',')}}`;
  }
  if (isObj(value)) {
    const members = Object.entries(value).filter(([, item]) => item !== undefined);
    return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${encode(item as Json)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** A member of a document in either form. */
export function member(value: Json | undefined, key: string): Json | undefined {
  if (value instanceof Map) return value.get(key);
  if (isObj(value)) return Object.hasOwn(value, key) ? value[key] : undefined;
  return undefined;
}

/** A number written exactly so. */
export function num(text: string): NumberText {
  return new NumberText(text);
}
