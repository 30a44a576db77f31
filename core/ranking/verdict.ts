/**
 * How near a merged answer is to a single node's (architecture section 7), and why. The worst that may
 * apply is said: an estimated total, scores that depend on each node's words, ties between nodes.
 */
import type { DistinctFilter } from './distinct.ts';
import { compareByRules, type Hit } from './hits.ts';
import type { SearchPlan } from './plan-search.ts';
import type { Verdict } from './types.ts';

/** What the merge knows when it is done. */
export interface MergeOutcome {
  readonly plan: SearchPlan;
  readonly shown: readonly Hit[];
  readonly filter: DistinctFilter | undefined;
  readonly hasFacets: boolean;
  readonly nodeCount: number;
}

/** The verdict with its reason; no reason for `exact`. */
export function judgeAnswer(outcome: MergeOutcome): { verdict: Verdict; why?: string } {
  const { plan, filter, hasFacets, nodeCount } = outcome;
  if (nodeCount < 2) return { verdict: 'exact' };
  if (filter !== undefined) {
    if (filter.hasSeveralValues) return estimate('documents have several distinct values');
    if (hasFacets) return estimate('facets under distinct count survivors of each node');
    if (plan.window?.isPaged !== true || plan.hasThreshold)
      return estimate('a total under distinct is an estimate');
  }
  if (plan.hasWords) {
    return { verdict: 'vocabulary', why: 'scores depend on the words each node knows' };
  }
  if (hasTies(outcome.shown)) {
    return { verdict: 'ties', why: 'hits of several nodes are equal under every rule' };
  }
  const isByCount = [...plan.facetRules.orders.values()].includes('count');
  if (hasFacets && isByCount) {
    return { verdict: 'ties', why: 'facet values of equal count have no order of their own' };
  }
  return { verdict: 'exact' };
}

function estimate(why: string): { verdict: Verdict; why: string } {
  return { verdict: 'estimate', why };
}

function hasTies(hits: readonly Hit[]): boolean {
  return hits.some((hit, place) => {
    const next = hits[place + 1];
    return next !== undefined && next.source !== hit.source && compareByRules(hit, next) === 0;
  });
}
