/**
 * Orders two hits by the ranking score details that are shown with them, rule by rule, by plain
 * comparisons. Where the details do not tell (hidden fields, distances inside a bucket) hits count as
 * equal, so this finds only hits that are surely in the wrong order.
 */

import { NumberText, type Tree, type TreeObject } from '../../stories/lossless.ts';
import { isEqualTree } from '../compare.ts';

/** Rules that weigh the words of the query. */
export const KEYWORD_RULES: ReadonlySet<string> = new Set([
  'words',
  'typo',
  'proximity',
  'attribute',
  'attributeRank',
  'wordPosition',
  'exactness',
]);

const MATCH_TYPES = ['exactMatch', 'matchesStart', 'noExactMatch'];

/** Above 0: the first hit ranks surely behind the second. */
export function compareDetails(a: Tree, b: Tree): number {
  if (!(a instanceof Map) || !(b instanceof Map)) return 0;
  for (const name of ruleNames(a, b)) {
    const [one, other] = [a.get(name), b.get(name)];
    if (!(one instanceof Map) || !(other instanceof Map)) return 0;
    const order = compareRule(name, one, other);
    if (order === undefined) return 0;
    if (order !== 0) return order;
  }
  return 0;
}

/** Names of the rules of two hits in their order. */
export function ruleNames(a: TreeObject, b: TreeObject): string[] {
  const place = (name: string) => {
    const rule = a.get(name) ?? b.get(name);
    return numberAt(rule, 'order') ?? Number.POSITIVE_INFINITY;
  };
  return [...new Set([...a.keys(), ...b.keys()])].sort((x, y) => place(x) - place(y));
}

/** Undefined: cannot be told. */
function compareRule(name: string, a: TreeObject, b: TreeObject): number | undefined {
  switch (name) {
    case 'words':
      return byNumber(b, a, 'matchingWords');
    case 'typo':
      return byNumber(a, b, 'typoCount');
    case 'proximity':
    case 'attribute':
    case 'attributeRank':
    case 'wordPosition':
      return byNumber(b, a, 'score');
    case 'exactness':
      return byRank(a.get('matchType'), b.get('matchType')) || byNumber(b, a, 'matchingWords');
    case 'vectorSort':
      return byNumber(b, a, 'similarity');
    default:
      return byValue(name, a, b);
  }
}

function byValue(name: string, a: TreeObject, b: TreeObject): number | undefined {
  const [one, other] = [a.get('value'), b.get('value')];
  if (one === undefined || other === undefined || name.startsWith('<hidden')) return undefined;
  const rank = (tree: Tree) => (tree === null ? 2 : tree instanceof NumberText ? 0 : 1);
  if (rank(one) !== rank(other)) return rank(one) - rank(other);
  if (one instanceof Map || other instanceof Map) return isEqualTree(one, other) ? 0 : undefined;
  const sign = name.endsWith(':desc') ? -1 : 1;
  if (one instanceof NumberText && other instanceof NumberText) {
    return sign * (Number(one.text) - Number(other.text));
  }
  if (typeof one !== 'string' || typeof other !== 'string') return 0;
  return sign * Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function byNumber(a: TreeObject, b: TreeObject, key: string): number | undefined {
  const [one, other] = [numberAt(a, key), numberAt(b, key)];
  if (one === undefined || other === undefined) return undefined;
  return Math.abs(one - other) < Number.EPSILON ? 0 : one - other;
}

function byRank(a: Tree | undefined, b: Tree | undefined): number {
  return MATCH_TYPES.indexOf(String(a)) - MATCH_TYPES.indexOf(String(b));
}

function numberAt(tree: Tree | undefined, key: string): number | undefined {
  const value = tree instanceof Map ? tree.get(key) : undefined;
  return value instanceof NumberText ? Number(value.text) : undefined;
}
