/**
 * Facet keys that are a number in one document and a text in another: a node prints one count for both,
 * so the counts of several nodes cannot be added up to it. Texts that read as numbers are among them where
 * the field holds numbers, too: a node lists numbers, then texts, and marks neither.
 */
import { NumberText, parseTree, type Tree } from '../../stories/lossless.ts';
import { encode } from '../json.ts';
import type { IndexPlan } from '../scenario.ts';

/** Keys of a facet that stand for numbers and texts, over all documents ever written to these indexes. */
export function mixedKeys(
  plans: readonly (IndexPlan | undefined)[],
  facet: string,
): ReadonlySet<string> {
  const numbers = new Set<string>();
  const texts = new Set<string>();
  const path = facet.split('.');
  for (const write of plans.flatMap((plan) => plan?.writes ?? [])) {
    for (const document of write.documents ?? []) {
      for (const value of rawValues(parseTree(encode(document)), path)) {
        if (value instanceof NumberText) numbers.add(shownNumber(value));
        else texts.add(String(value).trim());
      }
    }
  }
  if (numbers.size === 0) return new Set();
  return new Set([...texts].filter((key) => numbers.has(key) || LIKE_NUMBER.test(key)));
}

const LIKE_NUMBER = /^-?\d+(?:\.\d+)?$/;

function rawValues(tree: Tree, path: readonly string[]): Tree[] {
  if (Array.isArray(tree)) return tree.flatMap((item) => rawValues(item, path));
  if (!(tree instanceof Map)) return path.length === 0 && tree !== null ? [tree] : [];
  return path.flatMap((_, i) => {
    const inner = tree.get(path.slice(0, i + 1).join('.'));
    return inner === undefined ? [] : rawValues(inner, path.slice(i + 1));
  });
}

/** How a node prints a number that is a facet key: without a point if it is whole. */
function shownNumber(value: NumberText): string {
  const number = Number(value.text);
  return Object.is(number, -0) ? '-0' : String(number);
}
