/**
 * What the documents of an index hold: the paths of all fields (nested ones too) with some of their
 * values, and words of their texts. Settings, filters and queries are made from these, so that they
 * find something.
 */
import { NumberText } from '../stories/lossless.ts';
import type { Write } from './history.ts';
import { isObj, type Json, member } from './json.ts';

/** Values and words found in the documents of an index. */
export interface Samples {
  /** Path of a field, nested ones with dots, to some of its scalar values. */
  readonly values: ReadonlyMap<string, readonly Json[]>;
  readonly fields: readonly string[];
  readonly topFields: readonly string[];
  readonly words: readonly string[];
  readonly ids: readonly Json[];
}

const VALUES_KEPT = 40;
const WORDS_KEPT = 400;
const DEPTH_MAX = 4;

/** Looks through all documents ever written. */
export function collectSamples(writes: readonly Write[], primaryKey: string): Samples {
  const values = new Map<string, Json[]>();
  const words = new Set<string>();
  const ids: Json[] = [];
  const tops = new Set<string>();
  const note = (path: string, value: Json, depth: number): void => {
    if (depth > DEPTH_MAX) return;
    if (!values.has(path)) values.set(path, []);
    const list = values.get(path) as Json[];
    if (Array.isArray(value)) {
      for (const item of value) note(path, item, depth + 1);
    } else if (value instanceof Map || isObj(value)) {
      const entries = value instanceof Map ? [...value] : Object.entries(value);
      for (const [key, item] of entries) {
        if (item !== undefined && key !== '') note(`${path}.${key}`, item, depth + 1);
      }
    } else if (list.length < VALUES_KEPT) {
      list.push(value);
      if (typeof value === 'string' && words.size < WORDS_KEPT) {
        for (const word of value.split(/[\s.,;:!/'"()-]+/u)) {
          if (word.length > 1 && word.length < 30) words.add(word);
        }
      }
    }
  };
  for (const document of writes.flatMap((write) => write.documents ?? [])) {
    const entries =
      document instanceof Map ? [...document] : isObj(document) ? Object.entries(document) : [];
    ids.push(member(document, primaryKey) ?? null);
    for (const [key, value] of entries) {
      if (value === undefined || key.startsWith('_') || key === '') continue;
      tops.add(key);
      note(key, value, 0);
    }
  }
  return {
    values,
    fields: [...values.keys()].filter(isPlainName),
    topFields: [...tops].filter(isPlainName),
    words: [...words],
    ids,
  };
}

/** True if a number, however it is held. */
export function isNumber(value: Json): boolean {
  return typeof value === 'number' || value instanceof NumberText;
}

/** Names that need no quotes anywhere; others are used rarely and on purpose. */
function isPlainName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name);
}
