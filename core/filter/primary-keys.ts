/**
 * Which documents a filter can match at all, if it pins the primary key: then only their shards are
 * asked.
 */
import { normalizeFacet } from '../ranking/normalize.ts';
import { type Filter, parseFilter } from './parse.ts';

/** Beyond this, asking every shard is as cheap. */
const KEYS_MAX = 1000;

/**
 * Texts of the only primary keys that a filter lets through, or undefined if it may let through any.
 * A superset: the filter itself still goes to the nodes.
 */
export function primaryKeysOf(filter: unknown, primaryKey: string): string[] | undefined {
  const parsed = parseFilter(filter);
  if (parsed === undefined) return undefined;
  const keys = keysOf(parsed, primaryKey);
  return keys === undefined || keys.size > KEYS_MAX ? undefined : [...keys];
}

function keysOf(filter: Filter, primaryKey: string): Set<string> | undefined {
  switch (filter.kind) {
    case 'equal':
      return filter.field === primaryKey ? exactKeys(filter.values) : undefined;
    case 'and':
      return smallest(filter.parts.map((part) => keysOf(part, primaryKey)));
    case 'or':
      return union(filter.parts.map((part) => keysOf(part, primaryKey)));
    default:
      return undefined;
  }
}

function smallest(sets: readonly (Set<string> | undefined)[]): Set<string> | undefined {
  let best: Set<string> | undefined;
  for (const set of sets) {
    if (set !== undefined && (best === undefined || set.size < best.size)) best = set;
  }
  return best;
}

function union(sets: readonly (Set<string> | undefined)[]): Set<string> | undefined {
  const all = new Set<string>();
  for (const set of sets) {
    if (set === undefined) return undefined;
    for (const key of set) all.add(key);
  }
  return all;
}

const INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
const LETTER = /[a-z]/;
const NUMBER_LIKE = /^[+-]?[0-9]*\.?[0-9]+$/;

/**
 * A node compares without case and as numbers: `abc` also matches `ABC`, `1e2` the number 100. Only
 * values that stand for one key are of use: whole numbers in their usual form, and what has neither
 * letters nor the look of a number.
 */
function exactKeys(values: readonly string[]): Set<string> | undefined {
  const keys = new Set<string>();
  for (const value of values) {
    const text = normalizeFacet(value);
    const isWhole = INTEGER.test(text) && Number.isSafeInteger(Number(text));
    const isPlain = !LETTER.test(text) && !NUMBER_LIKE.test(text);
    if (!isWhole && !isPlain) return undefined;
    keys.add(text);
  }
  return keys;
}
