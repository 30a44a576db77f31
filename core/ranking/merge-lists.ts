/**
 * Nodes' lists of hits as one: in one order, distinct once more, up to the end of the window. And how many
 * are left of all that nodes list, which page mode counts.
 */
import type { SearchAnswer } from './answer.ts';
import { RULE_VECTOR } from './details.ts';
import { DistinctFilter, distinctValues } from './distinct.ts';
import { rebuildGeoBuckets } from './geo.ts';
import { HeadMerge, mergeHeads } from './heads.ts';
import { compareByRules, compareHits, compareVersions, type Hit } from './hits.ts';
import { CutLists, deepestList, longestList, nextDepth, openPurpose } from './open-distinct.ts';
import { countsDistinct, type SearchPlan } from './plan-search.ts';
import type { SearchPurpose } from './types.ts';
import type { SearchWindow } from './window.ts';

/** Answers by purpose, in one order of nodes. */
export type Purposes = ReadonlyMap<SearchPurpose, readonly SearchAnswer[]>;

/** The first hits of one purpose. */
export interface MergedList {
  readonly hits: Hit[];
  readonly filter: DistinctFilter | undefined;
  readonly next: Hit | undefined;
  /** Whether the hits come from lists without distinct. */
  readonly isOpen: boolean;
  /** How deep nodes' lists are wanted without distinct. */
  readonly wantedDepth: number | undefined;
}

/** What page mode counts, and how deep nodes' lists are wanted without distinct. */
export interface DistinctCount {
  readonly count: number;
  /** There may be less: what nodes did not list may be double between them. */
  readonly isMost: boolean;
  readonly wantedDepth: number | undefined;
}

/** If none of so many hits holds several values, none does. */
const LISTED_MIN = 100;

/** Merges lists of one search. */
export class ListMerge {
  readonly #plan: SearchPlan;
  readonly #window: SearchWindow;
  readonly #purposes: Purposes;
  readonly #openDepth: number | undefined;

  constructor(
    plan: SearchPlan,
    window: SearchWindow,
    purposes: Purposes,
    openDepth: number | undefined,
  ) {
    this.#plan = plan;
    this.#window = window;
    this.#purposes = purposes;
    this.#openDepth = openDepth;
  }

  /** A filter by the distinct field, if there is one. */
  newFilter(): DistinctFilter | undefined {
    const { distinct, isDistinctAsked } = this.#plan;
    return distinct === undefined ? undefined : new DistinctFilter(distinct, isDistinctAsked);
  }

  /** The first hits up to the window's end. */
  merge(purpose: SearchPurpose): MergedList {
    const open = this.#openAnswers(purpose);
    const closed = this.#take(purpose, this.#answers(purpose));
    if (open.length > 0) {
      const { isShort, list } = this.#take(purpose, open, this.#openDepth);
      const wantedDepth = isShort ? this.#deeper() : undefined;
      // Cut off at last, they may show less than the lists that nodes made distinct.
      const isLess = isShort && list.hits.length < closed.list.hits.length;
      if (!isLess || wantedDepth !== undefined) return { ...list, isOpen: true, wantedDepth };
    }
    const { filter } = closed.list;
    // Nor can totals be told from the counts of values, where documents hold several.
    const isInexact =
      filter?.hasLost === true ||
      (this.#isCounted && filter?.hasSeveralValues) ||
      (filter?.hasTwins && this.#answers(purpose).some((answer) => this.#isShort(answer)));
    const wantedDepth = open.length === 0 && isInexact ? this.#deeper() : undefined;
    return { ...closed.list, isOpen: false, wantedDepth };
  }

  /** Whether a node showed fewer hits than the page has: it has no more, or left some out. */
  #isShort({ hits }: SearchAnswer): boolean {
    return hits.length < this.#window.end;
  }

  /** `isShort`: a list that was cut off at `depth` hits ended before there were enough. */
  #take(
    purpose: SearchPurpose,
    answers: readonly SearchAnswer[],
    depth?: number,
  ): { list: Pick<MergedList, 'hits' | 'filter' | 'next'>; isShort: boolean } {
    // Where both halves had to be asked for, the keyword half's hits are left out of the semantic one.
    const isMerged = purpose === 'semantic' ? isSemantic : () => true;
    const cut = new CutLists(answers, depth, isMerged);
    const filter = this.newFilter();
    const wanted = this.#window.end;
    const hits: Hit[] = [];
    const lists = this.#lists(answers);
    const merged = purpose === 'semantic' ? lists.map((list) => list.filter(isMerged)) : lists;
    const heads = new HeadMerge(merged, compareHits);
    let isShort = false;
    let last: Hit | undefined;
    const isFull = () => (filter?.survivors.size ?? hits.length) >= wanted;
    let hit = wanted === 0 ? undefined : heads.next();
    while (hit !== undefined && !isFull()) {
      last = hit;
      if (filter === undefined || filter.accepts(hit)) hits.push(hit);
      isShort ||= cut.take(hit.source) && !isFull();
      hit = !isFull() || filter !== undefined ? heads.next() : undefined;
    }
    // The engine dedupes whole buckets: those tied with the last hit lose their doubles too.
    if (filter !== undefined && last !== undefined && !this.#plan.isPlaceholder) {
      while (hit !== undefined && compareByRules(last, hit) === 0) {
        filter.accepts(hit, false);
        hit = heads.next();
      }
    }
    // Where one node filled the window alone, what it holds behind it is not known.
    const isOneSided = hits.length >= wanted && hits.every(({ source }) => source === last?.source);
    const next = isOneSided ? undefined : (hit ?? heads.peek());
    return { list: { hits, filter, next }, isShort };
  }

  /** Whether the total is made of what the hits tell. */
  get #isCounted(): boolean {
    const { hasThreshold, semanticRatio } = this.#plan;
    return !countsDistinct(this.#plan) && !hasThreshold && semanticRatio === undefined;
  }

  /** The next depth, unless the last one was the deepest. */
  #deeper(): number | undefined {
    const deepest = deepestList(this.#plan.hitsTotalMax);
    const depth = this.#openDepth;
    if (depth !== undefined && depth >= deepest) return undefined;
    return Math.min(deepest, nextDepth(this.#window, depth));
  }

  #lists(answers: readonly SearchAnswer[]): readonly (readonly Hit[])[] {
    const lists = answers.map((answer) => answer.hits);
    if (!this.#plan.hasGeoSort) return lists;
    const all = lists.flat();
    rebuildGeoBuckets(all, sumTotals(answers));
    return [all.sort(compareHits)];
  }

  /**
   * Hits left over from all that nodes listed; what they hold beyond is added as they count it. Undefined
   * where lists were not asked for. `shown`: what made the hits of the page distinct.
   */
  countDistinct(shown: DistinctFilter | undefined): DistinctCount | undefined {
    const { distinct } = this.#plan;
    const closed = this.#answers('distinct-list');
    if (closed.length === 0) return undefined;
    const open = this.#openAnswers('distinct-list');
    const longest = longestList(this.#plan.hitsTotalMax);
    const isWhole = ({ hits, total }: SearchAnswer) =>
      hits.length < longest || hits.length >= total;
    const isOpen = open.length > 0 && open.every(isWhole);
    const answers = isOpen ? open : closed;
    const hits = mergeHeads(this.#lists(answers), compareHits);
    // However the field was named, a node counts by the values it has filed; and takes off what it comes
    // upon up to the end of the page that is equal as it is written, which the nodes' own lists lack.
    const filter = isOpen
      ? new DistinctFilter(distinct ?? '')
      : (this.newFilter() as DistinctFilter);
    for (const hit of isOpen ? this.#inOrderOfCount(hits, filter) : hits) {
      filter.accepts(hit);
    }
    const unlisted = isOpen ? 0 : Math.max(0, sumTotals(answers) - hits.length);
    const left = filter.survivors.size + unlisted;
    const count = left - ((isOpen ? shown : filter)?.writtenRejectedCount ?? 0);
    const isSingle = !filter.hasSeveralValues && !this.#showsSeveralValues(open);
    // Too few may be listed to say that no document holds several values.
    const isUnsure = unlisted > 0 && (!isSingle || hits.length < LISTED_MIN);
    const isWanted = open.length === 0 && (filter.hasLost || filter.hasTwins || isUnsure);
    const wantedDepth = isWanted ? this.#deeper() : undefined;
    return { count, isMost: unlisted > 0 && isSingle, wantedDepth };
  }

  #showsSeveralValues(answers: readonly SearchAnswer[]): boolean {
    const { distinct = '' } = this.#plan;
    return answers.some(({ hits }) => hits.some((hit) => distinctValues(hit, distinct).length > 1));
  }

  /**
   * Where documents hold several values, how many survive depends on the order. A node takes them by rank
   * up to the end of the page, whole buckets at a time, and then as they came. The filter gets the first.
   */
  #inOrderOfCount(hits: readonly Hit[], filter: DistinctFilter): Hit[] {
    const { isRankedWhole, isPlaceholder } = this.#plan;
    const wanted = isRankedWhole ? hits.length : this.#window.end;
    let at = 0;
    while (at < hits.length && filter.survivors.size < wanted) {
      filter.accepts(hits[at] as Hit);
      at += 1;
    }
    const last = hits[at - 1];
    while (at > 0 && at < hits.length && !isPlaceholder) {
      if (compareByRules(last as Hit, hits[at] as Hit) !== 0) break;
      filter.accepts(hits[at] as Hit);
      at += 1;
    }
    return hits.slice(at).sort(compareVersions);
  }

  #answers(purpose: SearchPurpose): readonly SearchAnswer[] {
    return this.#purposes.get(purpose) ?? [];
  }

  /** The same list without distinct, where it was asked for. */
  #openAnswers(purpose: SearchPurpose): readonly SearchAnswer[] {
    const open = openPurpose(purpose);
    return open === undefined ? [] : this.#answers(open);
  }
}

function isSemantic(hit: Hit): boolean {
  return hit.rules.some((rule) => rule.kind === RULE_VECTOR);
}

/** Candidates of all answers. */
export function sumTotals(answers: readonly SearchAnswer[]): number {
  return answers.reduce((sum, answer) => sum + answer.total, 0);
}
