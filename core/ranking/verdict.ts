/**
 * How near an answer is to a single node's (architecture section 7), and why. The worst that may apply
 * is said: an estimated total, scores that depend on each node's words, ties whose order a node shows
 * nowhere.
 */
import type { SearchAnswer } from './answer.ts';
import type { DistinctFilter } from './distinct.ts';
import type { DocumentsPlan } from './documents.ts';
import type { FacetRules } from './facets.ts';
import { compareByRules, type Hit } from './hits.ts';
import type { SearchPlan } from './plan-search.ts';
import type { Judgement } from './types.ts';

/** What the merge of a search knows when it is done. */
export interface MergeOutcome {
  readonly plan: SearchPlan;
  /** The hits shown, and the one before them. */
  readonly hits: readonly Hit[];
  /** The best hit beyond the window, where one is known. */
  readonly next: Hit | undefined;
  readonly filter: DistinctFilter | undefined;
  readonly facets: FacetRules;
  readonly hasFacets: boolean;
  readonly isSemantic: boolean;
  readonly nodeCount: number;
  /** Whether there are hits beyond the window. */
  readonly hasMore: boolean;
}

const EXACT: Judgement = { verdict: 'exact' };
const VOCABULARY: Judgement = {
  verdict: 'vocabulary',
  why: 'scores depend on the words each node knows',
};
const TIES: Judgement = {
  verdict: 'ties',
  why: 'hits are equal under every rule: they stand in the order of their last writes',
};

/** Judges a merged search. */
export function judgeAnswer(outcome: MergeOutcome): Judgement {
  const { plan, filter, hasFacets, nodeCount } = outcome;
  if (nodeCount < 2) return judgeCopies(plan, { hasFacets, hitCount: outcome.hits.length });
  if (filter !== undefined) {
    if (filter.hasSeveralValues) return estimate('documents have several distinct values');
    if (hasFacets) return estimate('facets under distinct count survivors of each node');
    if (plan.window?.isPaged !== true || plan.hasThreshold)
      return estimate('a total under distinct is an estimate');
  }
  if (plan.hasWords) return VOCABULARY;
  if (outcome.isSemantic) return estimate('each node finds nearest vectors by approximation');
  if (hasTies(outcome)) return TIES;
  const isByCount = [...outcome.facets.orders.values()].includes('count');
  return hasFacets && isByCount ? ties('facet values of equal count have no order') : EXACT;
}

/** Judges the answer of the one node that holds everything. */
export function judgeStripped(plan: SearchPlan, answer: SearchAnswer): Judgement {
  const hasFacets = answer.distributionAt >= 0;
  return judgeCopies(plan, { hasFacets, hitCount: answer.hits.length });
}

/** One node answers: only what makes several copies alike can differ. */
function judgeCopies(
  plan: SearchPlan,
  found: { readonly hasFacets: boolean; readonly hitCount: number },
): Judgement {
  if (!plan.hasRaisedFacets) return EXACT;
  const isEstimated = found.hasFacets || plan.window?.isPaged !== true;
  if (plan.distinct !== undefined && isEstimated) {
    return estimate('under distinct, totals and facets follow the order of ties');
  }
  return found.hitCount > 0 ? ties('copies order ties by their last writes') : EXACT;
}

/** Judges a list of documents. */
export function judgeDocuments(plan: DocumentsPlan, shown: readonly Hit[]): Judgement {
  if (!plan.isOrderedByVersion || shown.length === 0) return EXACT;
  if (plan.sort.length === 0) {
    return ties('without a sort, documents stand in the order of their last writes');
  }
  return ties('documents of equal sort values stand in the order of their last writes');
}

/** Judges a facet search. */
export function judgeFacetSearch(nodeCount: number, order: string): Judgement {
  if (nodeCount < 2 || order !== 'count') return EXACT;
  return ties('values of equal count may be others at the cut');
}

/** Judges what was found by vectors alone. */
export function judgeNearest(nodeCount: number): Judgement {
  return nodeCount < 2 ? EXACT : estimate('each node finds nearest vectors by approximation');
}

/** Judges a federated search. */
export function judgeFederated(found: {
  readonly nodeCount: number;
  /** Some index lives on several nodes, be it in copies. */
  readonly hasSeveralOwners: boolean;
  readonly hasDistinct: boolean;
  readonly hasWords: boolean;
}): Judgement {
  if (found.nodeCount < 2 && !found.hasSeveralOwners) return EXACT;
  if (found.hasDistinct) return estimate('a total under distinct is an estimate');
  return found.hasWords && found.nodeCount > 1 ? VOCABULARY : TIES;
}

function estimate(why: string): Judgement {
  return { verdict: 'estimate', why };
}

function ties(why: string): Judgement {
  return { verdict: 'ties', why };
}

/** Also where a tie reaches over the end of the window, and where it cannot be told. */
function hasTies({ hits, next, hasMore }: MergeOutcome): boolean {
  const last = hits[hits.length - 1];
  if (last !== undefined && hasMore && (next === undefined || compareByRules(last, next) === 0)) {
    return true;
  }
  return hits.some((hit, place) => {
    const following = hits[place + 1];
    return following !== undefined && compareByRules(hit, following) === 0;
  });
}
