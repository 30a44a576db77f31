/**
 * Is a list of federated hits a right arrangement? Each query by itself has a list, which distinct makes
 * shorter; a document that several lists hold stands where the first of them has it. So the candidates
 * are pairs of query and document, in groups of equal rank. A list is right if it could have come from
 * some order inside the groups.
 */
import { type Listed, type Lists, sortedText } from './arrangement.ts';

/** A document that a query finds. */
export interface Pair extends Listed {
  /** Place of the query. */
  readonly query: number;
  /** The same for one document of whatever query. */
  readonly document: string;
  /** Number of its group among all. */
  readonly group: number;
  /** Values of which its query lists one document only. */
  readonly own: readonly string[];
  /** Values of which the federation lists one document only. */
  readonly shared: readonly string[];
}

/** Rules that a list may break on grounds of its own. */
export interface Leave {
  /**
   * A document with several values may be missing for one of its query that is missing itself: a node
   * left it out for a document that the whole leaves out.
   */
  readonly lists?: boolean;
  /** Hits of one query keep their order; those of different queries need not. */
  readonly queries?: boolean;
}

/** Undefined if the list is right, else what is wrong with it. */
export function pairFaultOf(
  { candidates, hits, limit }: Lists<Pair>,
  leave: Leave = {},
): string | undefined {
  const byText = listsBy(candidates, ({ hit }) => [sortedText(hit)]);
  const shown = new Map<string, Pair>();
  const seen = new Set<string>();
  /** Of each query, or of all: the group of the last hit. */
  const last = new Map<number, number>();
  const track = ({ query }: Pair) => (leave.queries === true ? query : -1);
  const groupOf = (pair: Pair) => last.get(track(pair)) ?? 0;
  for (const [place, hit] of hits.entries()) {
    const options = (byText.get(sortedText(hit)) ?? []).filter((one) => !shown.has(one.document));
    const later = options.filter((option) => option.group >= groupOf(option));
    if (later.length === 0) {
      return options.length > 0
        ? `hit ${place} ranks before the hit above it`
        : `hit ${place} is not among the candidates`;
    }
    // several documents may look alike
    const pair = later.find((one) => !valuesOf(one).some((value) => seen.has(value)));
    if (pair === undefined) return `hit ${place} repeats a distinct value`;
    shown.set(pair.document, pair);
    last.set(track(pair), pair.group);
    for (const value of valuesOf(pair)) seen.add(value);
  }
  if (limit === 0) return undefined;
  const isFull = hits.length >= limit;
  const places = new Places(candidates, shown, leave);
  const missing = candidates.find((pair) => {
    if (isFull && pair.group >= groupOf(pair)) return false;
    return !places.isShownBy(pair) && !places.isLeftOut(pair);
  });
  if (missing === undefined) return undefined;
  return `candidate ${candidates.indexOf(missing)} of rank ${missing.group} is missing`;
}

/** Why documents are not in a list. */
class Places {
  readonly #byValue: ReadonlyMap<string, readonly Pair[]>;
  readonly #shown: ReadonlyMap<string, Pair>;
  readonly #leave: Leave;

  constructor(candidates: readonly Pair[], shown: ReadonlyMap<string, Pair>, leave: Leave) {
    this.#shown = shown;
    this.#leave = leave;
    this.#byValue = listsBy(candidates, valuesOf);
  }

  /** Whether the document stands in the list where this pair has it, or before. */
  isShownBy(pair: Pair): boolean {
    const shown = this.#shown.get(pair.document);
    if (shown === undefined) return false;
    return (
      shown.group <= pair.group || (this.#leave.queries === true && shown.query !== pair.query)
    );
  }

  /** Whether a document of equal or better rank has one of its values. */
  isLeftOut(pair: Pair): boolean {
    if (this.#isTaken(pair)) return true;
    return pair.own.some((value) =>
      this.#before(pair, value).some((other) => {
        // its query lists that other one; the document stands there, or its values are taken as well
        return this.isShownBy(other) || this.#isTaken(other) || this.#isOfList(pair, other);
      }),
    );
  }

  /** Whether a hit has one of the values of which the federation lists one. */
  #isTaken(pair: Pair): boolean {
    return pair.shared.some((value) =>
      this.#before(pair, value).some((other) => this.#shown.get(other.document) === other),
    );
  }

  #isOfList(pair: Pair, other: Pair): boolean {
    return this.#leave.lists === true && (pair.own.length > 1 || other.own.length > 1);
  }

  #before(pair: Pair, value: string): Pair[] {
    const others = this.#byValue.get(value) ?? [];
    return others.filter((other) => other.group <= pair.group && other.document !== pair.document);
  }
}

function valuesOf({ own, shared }: Pair): readonly string[] {
  return [...own, ...shared];
}

function listsBy(
  pairs: readonly Pair[],
  keysOf: (pair: Pair) => readonly string[],
): ReadonlyMap<string, readonly Pair[]> {
  const lists = new Map<string, Pair[]>();
  for (const pair of pairs) {
    for (const key of keysOf(pair)) {
      const list = lists.get(key);
      if (list === undefined) lists.set(key, [pair]);
      else list.push(pair);
    }
  }
  return lists;
}
