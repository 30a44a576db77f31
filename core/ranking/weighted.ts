/**
 * Weighted score values: how hits compare that were ranked by different queries, or by the two halves of
 * a hybrid search (contract 4.2). Score details show ratios only, so where other rules stand between ranks
 * the score of each group is worked out from them (group-steps.ts).
 */
import { compareSameKind } from './compare.ts';
import { RULE_GEO, RULE_RANK, RULE_SKIPPED, RULE_SORT, RULE_VECTOR, type Rule } from './details.ts';
import { rankScore, stepsOfRanks } from './group-steps.ts';
import type { Hit } from './hits.ts';

/** A weighted score, or a rule whose value is compared as it is. */
export type WeightedValue = number | Rule;

/** The values by which hits of different queries compare: consecutive ranks make one score. */
export function weightedValues(hit: Hit, weight: number): WeightedValue[] {
  const groups = groupsOf(hit.rules);
  const ranks = groups.filter((group) => Array.isArray(group));
  const steps = ranks.length > 1 ? (stepsOfRanks(hit) ?? ranks.flat().map(leastSteps)) : [];
  let first = 0;
  return groups.map((group) => {
    if (!Array.isArray(group)) {
      return group.kind === RULE_VECTOR ? Math.max(0, group.first) * weight : group;
    }
    if (ranks.length === 1) return hit.score * weight;
    const own = steps.slice(first, first + group.length);
    first += group.length;
    return rankScore(group, own) * weight;
  });
}

/** Consecutive ranks, and the other rules that count. */
function groupsOf(rules: readonly Rule[]): (Rule[] | Rule)[] {
  const groups: (Rule[] | Rule)[] = [];
  for (const rule of rules) {
    const last = groups.at(-1);
    if (rule.kind === RULE_SORT || rule.kind === RULE_GEO || rule.kind === RULE_VECTOR) {
      groups.push(rule);
    } else if (rule.kind === RULE_RANK || rule.kind === RULE_SKIPPED) {
      if (Array.isArray(last)) last.push(rule);
      else groups.push([rule]);
    }
  }
  return groups;
}

const STEPS_MAX = 2000;

/** The least denominator behind a ratio. */
function leastSteps({ max, score }: Rule): number {
  if (max > 0) return max;
  if (score >= 1 || score <= 0) return 1;
  for (let steps = 2; steps <= STEPS_MAX; steps += 1) {
    const rank = score * steps;
    if (Math.abs(rank - Math.round(rank)) < 1e-9) return steps;
  }
  return STEPS_MAX;
}

/**
 * Negative: the left goes first. A score and a value that is none cannot be compared: `settle` has the
 * last word then, 0 for a tie.
 */
export function compareWeighted(
  left: readonly WeightedValue[],
  right: readonly WeightedValue[],
  settle: (left: WeightedValue, right: WeightedValue, remaining: number) => number,
): number {
  for (let at = 0; ; at += 1) {
    const a = left[at];
    const b = right[at];
    if (a === undefined && b === undefined) return 0;
    if (a === undefined) return 1;
    if (b === undefined) return -1;
    if (!isComparable(a, b)) return settle(a, b, right.length - left.length);
    const order = compareValues(a, b);
    if (order !== 0) return order;
  }
}

function isComparable(left: WeightedValue, right: WeightedValue): boolean {
  if (typeof left === 'number' || typeof right === 'number') return typeof left === typeof right;
  return left.kind === right.kind;
}

/** In a hybrid search a score wins over a value unless it is 0. */
export function scoreWins(left: WeightedValue, right: WeightedValue): number {
  if (typeof left === 'number') return left === 0 ? 1 : -1;
  if (typeof right === 'number') return right === 0 ? -1 : 1;
  return 0;
}

function compareValues(left: WeightedValue, right: WeightedValue): number {
  if (typeof left === 'number' && typeof right === 'number') {
    return Math.abs(left - right) <= Number.EPSILON ? 0 : right - left;
  }
  return compareSameKind(left as Rule, right as Rule);
}
