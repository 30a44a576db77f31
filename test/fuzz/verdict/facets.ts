/**
 * Explains other facets. In count order, values of equal count may change places, also over the cut at
 * maxValuesPerFacet. Under distinct, counts are of the documents that happen to survive. A value can be
 * shown in another original spelling, and a key that is a number here and a text there shows one count.
 */
import { NumberText, type Tree, type TreeObject } from '../../stories/lossless.ts';
import { isObj, type Obj } from '../json.ts';
import type { IndexPlan } from '../scenario.ts';
import { normalize } from './hits.ts';
import { mixedKeys } from './mixed-keys.ts';
import { distinctOf, omit, type SubCase, WINDOW_NAMES } from './sub-case.ts';
import { type Verdict, worst } from './verdict.ts';

/** Grants a class to all facets that differ, or says why not. */
export async function explainFacets(one: SubCase): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const isDistinct = distinctOf(one) !== undefined;
  // which neighbours a hybrid search counts depends on how many hits it shows
  const isOpen = isDistinct && one.params['hybrid'] !== undefined;
  const ranked = ['q', 'hybrid', 'vector', 'rankingScoreThreshold'];
  const free = await one.evidence.search('wide', one.uid, {
    ...omit(one.params, [...WINDOW_NAMES, 'distinct', ...(isOpen ? ranked : [])]),
    limit: 1,
  });
  const all = mapAt(free.tree, 'facetDistribution');
  const before = mapAt(one.reference, 'facetDistribution');
  const after = mapAt(one.target, 'facetDistribution');
  if (all === undefined || before === undefined || after === undefined) return no('no facets');
  if ([...before.keys()].join() !== [...after.keys()].join()) return no('other facets');
  const verdicts = [...before.keys()].map((name): Verdict => {
    const facet: Facet = {
      name,
      before: countsOf(before.get(name)),
      after: countsOf(after.get(name)),
      all: countsOf(all.get(name)),
      isCountOrder: orderOf(one.evidence.settings(one.uid), name, one.params['facets']) === 'count',
    };
    const plan = one.evidence.plan(one.uid);
    return explainOrMixed(facet, [plan], isDistinct ? explainSurvivors : explainFacet);
  });
  const stats = one.differences.some(({ pointer }) => pointer.startsWith('/facetStats'));
  if (stats && !isDistinct) return no('other facet statistics');
  return worst(verdicts);
}

/** One facet with its values in order. */
export interface Facet {
  readonly name: string;
  readonly before: readonly Count[];
  readonly after: readonly Count[];
  /** All values, without cut and without distinct. */
  readonly all: readonly Count[];
  readonly isCountOrder: boolean;
  /** Facets of several indexes in one list. */
  readonly isMerged?: boolean;
}

/** A facet value and how many documents have it. */
export type Count = readonly [value: string, count: number];

/** Explains a facet whose counts must be exact. */
export function explainFacet(facet: Facet): Verdict {
  const { before, after, all, name } = facet;
  const same = (a: readonly Count[], b: readonly Count[]) =>
    a.length === b.length && a.every(([v, n], i) => b[i]?.[0] === v && b[i]?.[1] === n);
  if (same(before, after)) return { class: 'equal', why: '' };
  const sameCounts =
    before.length === after.length && before.every(([, n], i) => after[i]?.[1] === n);
  const known = new Map(all);
  const own = new Map(before);
  const areTrue = [own, known].some((counts) => after.every(([v, n]) => counts.get(v) === n));
  const areOnce = new Set(after.map(([value]) => value)).size === after.length;
  if (facet.isCountOrder && sameCounts && areTrue && areOnce) {
    return { class: 'ties', why: `values of equal count in ${name}` };
  }
  const plain = (counts: readonly Count[]) => {
    const list = counts.map(([v, n]): Count => [normalize(v), n]);
    // merged facets stand in the order of what is shown
    return facet.isMerged === true ? list.sort(([a], [b]) => (a < b ? -1 : 1)) : list;
  };
  const isSameLength = before.length === after.length;
  const isMoved =
    (facet.isCountOrder && sameCounts) ||
    (facet.isMerged === true && isSameLength && after.length < all.length && isInOrder(after));
  if (same(plain(before), plain(after)) || (isMoved && areSpelt(after, all))) {
    return { class: 'spelling', why: `another original spelling in ${name}` };
  }
  return { class: 'difference', why: `facet ${name} differs` };
}

/** Whether each value is one of all, in any spelling, once and with its count. */
function areSpelt(after: readonly Count[], all: readonly Count[]): boolean {
  const known = new Map(all.map(([value, n]): Count => [normalize(value), n]));
  const names = after.map(([value]) => normalize(value));
  const areTrue = after.every(([, n], at) => known.get(names[at] as string) === n);
  return areTrue && new Set(names).size === names.length;
}

/** Merged facets stand, and are cut off, in the order of what is shown. */
function isInOrder(after: readonly Count[]): boolean {
  return after.every(([value], at) => {
    const last = after[at - 1]?.[0];
    return last === undefined || Buffer.compare(Buffer.from(last), Buffer.from(value)) < 0;
  });
}

/** Explains a facet, if need be without the keys that are numbers and texts at once. */
export function explainOrMixed(
  facet: Facet,
  plans: readonly (IndexPlan | undefined)[],
  explain: (facet: Facet) => Verdict,
): Verdict {
  const whole = explain(facet);
  if (whole.class !== 'difference') return whole;
  const mixed = mixedKeys(plans, facet.name);
  if (mixed.size === 0) return whole;
  const rest = (counts: readonly Count[]) => counts.filter(([key]) => !mixed.has(key));
  const { before, after, all } = facet;
  const verdict = explain({ ...facet, before: rest(before), after: rest(after), all: rest(all) });
  return verdict.class === 'difference'
    ? whole
    : { class: 'mixed-key', why: `numbers and texts share a key in ${facet.name}` };
}

/** Explains a facet counted over the survivors of distinct: no count above that of all documents. */
export function explainSurvivors(facet: Facet): Verdict {
  const known = new Map<string, number>();
  // merged facets of several indexes may list a value in several spellings
  for (const [value, n] of facet.all) {
    known.set(normalize(value), n + (known.get(normalize(value)) ?? 0));
  }
  const wrong = facet.after.find(([value, n]) => n < 1 || n > (known.get(normalize(value)) ?? 0));
  return wrong === undefined
    ? { class: 'estimate', why: `facet ${facet.name} under distinct` }
    : { class: 'difference', why: `facet ${facet.name}: more ${wrong[0]} than there are` };
}

/**
 * Order of the values of a facet by the settings: its own if the request names it, by a pattern too, and not
 * only a field around it.
 */
export function orderOf(settings: Obj, name: string, asked?: unknown): string {
  const faceting = settings['faceting'];
  const orders = isObj(faceting) ? faceting['sortFacetValuesBy'] : undefined;
  if (!isObj(orders)) return 'alpha';
  const patterns = Array.isArray(asked) ? asked.map(String) : undefined;
  const isNamed = patterns === undefined || patterns.some((pattern) => names(pattern, name));
  return String((isNamed ? orders[name] : undefined) ?? orders['*'] ?? 'alpha');
}

function names(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(name);
}

/** The values of a facet with their counts, in order. */
export function countsOf(tree: Tree | undefined): Count[] {
  if (!(tree instanceof Map)) return [];
  return [...tree].map(([key, n]): Count => [key, n instanceof NumberText ? Number(n.text) : -1]);
}

/** The object at a key of an answer. */
export function mapAt(tree: Tree | undefined, key: string): TreeObject | undefined {
  const value = tree instanceof Map ? tree.get(key) : undefined;
  return value instanceof Map ? value : undefined;
}
