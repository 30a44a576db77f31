/**
 * What a node formats by the fields that it has seen. Of one that has seen fields `a` and `a.b` a member
 * that is named `a.b` is missing from `_formatted`, one that has not seen both shows it; an empty list `a`
 * or object `a` is there where `a.b` is to be marked and was seen. So the hits of an index over several nodes are
 * compared without these, and without nothing else.
 */
import type { Tree } from '../../stories/lossless.ts';
import { isSameList, type Listed, type Lists, stripped } from './arrangement.ts';

/** The arrangement with such members taken out of `_formatted` everywhere. */
export function withoutDotted<One extends Listed>(arrangement: Lists<One>): Lists<One> {
  return stripped(arrangement, strip);
}

/** Whether two lists are equal but for that. */
export function isSameButDotted(one: readonly Tree[], other: readonly Tree[]): boolean {
  return isSameList(one.map(strip), other.map(strip));
}

function strip(hit: Tree): Tree {
  const formatted = hit instanceof Map ? hit.get('_formatted') : undefined;
  if (!(hit instanceof Map) || !(formatted instanceof Map)) return hit;
  const kept = [...formatted].filter(([name, value]) => !name.includes('.') && !isEmpty(value));
  const rest = [...hit].filter(([name]) => name !== '_formatted');
  return new Map(kept.length === 0 ? rest : [...rest, ['_formatted', new Map(kept)]]);
}

function isEmpty(value: Tree): boolean {
  if (value instanceof Map) return value.size === 0;
  return Array.isArray(value) && value.every(isEmpty);
}
