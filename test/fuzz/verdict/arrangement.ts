/**
 * Is a list of hits a right arrangement? The reference's candidates come in rank order; candidates of
 * one rank form a group. A list is right if it could have come from some order inside the groups: its
 * ranks never go back, and whatever was left out before its end has been left out for a reason, namely
 * sharing a distinct value with a hit that is there and does not rank behind it.
 */
import { printTree, type Tree } from '../../stories/lossless.ts';
import { isEqualTree } from '../compare.ts';

/** Whatever may be listed. */
export interface Listed {
  /** The hit as a client sees it. */
  readonly hit: Tree;
}

/** A document that a search may list. */
export interface Candidate extends Listed {
  /** Equal for documents that are equal under every ranking rule. */
  readonly rank: string;
  /** Values of the distinct field; empty: never left out. */
  readonly distinct: readonly string[];
  /**
   * Of these the ones that a node has filed, where others are values as they are written: a document left
   * out for those alone has taken its place in the page, and no other comes in.
   */
  readonly filed?: readonly string[];
}

/** What is asked of a list. */
export interface Lists<One extends Listed> {
  readonly candidates: readonly One[];
  /** All hits from the first on. */
  readonly hits: readonly Tree[];
  /** How many were asked for. */
  readonly limit: number;
}

/** A list of one search. */
export type Arrangement = Lists<Candidate>;

/** The same with something taken out of every hit. */
export function stripped<One extends Listed>(
  { candidates, hits, limit }: Lists<One>,
  strip: (hit: Tree) => Tree,
): Lists<One> {
  return {
    candidates: candidates.map((candidate) => ({ ...candidate, hit: strip(candidate.hit) })),
    hits: hits.map(strip),
    limit,
  };
}

/** Undefined if the list is right, else what is wrong with it. */
export function faultOf({ candidates, hits, limit }: Arrangement): string | undefined {
  const groups = groupNumbers(candidates);
  const byText = indexByText(candidates);
  const taken = new Set<number>();
  /** Distinct value -> group of the hit that has it. */
  const seen = new Map<string, number>();
  let group = 0;
  for (const [place, hit] of hits.entries()) {
    const options = (byText.get(sortedText(hit)) ?? []).filter((at) => !taken.has(at));
    const later = options.filter((option) => (groups[option] as number) >= group);
    if (later.length === 0) {
      return options.length > 0
        ? `hit ${place} ranks before the hit above it`
        : `hit ${place} is not among the candidates`;
    }
    // several documents may look alike
    const at = later.find((option) => {
      return !(candidates[option] as Candidate).distinct.some((value) => seen.has(value));
    });
    if (at === undefined) return `hit ${place} repeats a distinct value`;
    const candidate = candidates[at] as Candidate;
    taken.add(at);
    group = groups[at] as number;
    for (const value of candidate.distinct) seen.set(value, group);
  }
  if (limit === 0) return undefined;
  const written = candidates.filter(({ distinct, filed = distinct }, at) => {
    if (taken.has(at) || (groups[at] as number) > group) return false;
    return sharesAny(distinct, seen) && !sharesAny(filed, seen);
  });
  const isFull = hits.length + written.length >= limit;
  for (const [at, candidate] of candidates.entries()) {
    if (taken.has(at) || (isFull && (groups[at] as number) >= group)) continue;
    const own = groups[at] as number;
    const isExcluded = candidate.distinct.some((value) => (seen.get(value) ?? Infinity) <= own);
    if (!isExcluded) return `candidate ${at} of rank ${own} is missing`;
  }
  return undefined;
}

function sharesAny(values: readonly string[], seen: ReadonlyMap<string, number>): boolean {
  return values.some((value) => seen.has(value));
}

/** Number of the group of each candidate. */
function groupNumbers(candidates: readonly Candidate[]): number[] {
  let group = 0;
  return candidates.map((candidate, at) => {
    if (at > 0 && candidate.rank !== candidates[at - 1]?.rank) group += 1;
    return group;
  });
}

function indexByText(candidates: readonly Candidate[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [at, { hit }] of candidates.entries()) {
    const text = sortedText(hit);
    places.set(text, [...(places.get(text) ?? []), at]);
  }
  return places;
}

/** Text of a value with sorted keys: equal exactly for equal values. */
export function sortedText(tree: Tree): string {
  return printTree(sortKeys(tree));
}

function sortKeys(tree: Tree): Tree {
  if (Array.isArray(tree)) return tree.map(sortKeys);
  if (!(tree instanceof Map)) return tree;
  const members = [...tree].map(([key, value]): [string, Tree] => [key, sortKeys(value)]);
  return new Map(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** True if two lists are equal, item by item. */
export function isSameList(a: readonly Tree[], b: readonly Tree[]): boolean {
  return a.length === b.length && a.every((item, at) => isEqualTree(item, b[at] as Tree));
}
