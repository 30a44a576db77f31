/**
 * Which of two hits ranks first, rule by rule (contract 4.2 to 4.4). Negative: the left one.
 */
import {
  RULE_GEO,
  RULE_PIN,
  RULE_RANK,
  RULE_SKIPPED,
  RULE_SORT,
  RULE_VECTOR,
  RULE_VERSION,
  type Rule,
  VALUE_NULL,
  VALUE_NUMBER,
} from './details.ts';
import { compareUtf8 } from './normalize.ts';

/**
 * Compares the results of the first `count` rules (all by default). Our own version rule is left out:
 * hits equal under every rule of the user are ties, and the caller orders ties.
 */
export function compareRules(
  left: readonly Rule[],
  right: readonly Rule[],
  count = Number.POSITIVE_INFINITY,
): number {
  const leftCount = Math.min(count, userRuleCount(left));
  const rightCount = Math.min(count, userRuleCount(right));
  const shared = Math.min(leftCount, rightCount);
  for (let at = 0; at < shared; at += 1) {
    const a = left[at] as Rule;
    const b = right[at] as Rule;
    if (a.kind !== b.kind) return compareKinds(a, b, rightCount - leftCount);
    const order = compareSameKind(a, b);
    if (order !== 0) return order;
  }
  // The shorter list loses.
  return rightCount - leftCount;
}

function userRuleCount(rules: readonly Rule[]): number {
  const last = rules[rules.length - 1];
  return last !== undefined && last.kind === RULE_VERSION ? rules.length - 1 : rules.length;
}

function compareKinds(left: Rule, right: Rule, remaining: number): number {
  // A rule that was skipped is the worst rank of a rule that was not.
  if (left.kind === RULE_SKIPPED && right.kind === RULE_RANK) return 1;
  if (right.kind === RULE_SKIPPED && left.kind === RULE_RANK) return -1;
  return remaining !== 0 ? remaining : right.score - left.score;
}

/** Compares two results of one kind of rule. */
export function compareSameKind(left: Rule, right: Rule): number {
  switch (left.kind) {
    case RULE_SORT:
      return compareSortValues(left, right);
    case RULE_GEO:
      return compareDistances(left, right);
    case RULE_SKIPPED:
      return 0;
    case RULE_PIN:
      return left.first - right.first;
    case RULE_VECTOR:
      return descending(left.first, right.first);
    default:
      return descending(left.first, right.first) || descending(left.second, right.second);
  }
}

function descending(left: number, right: number): number {
  return Math.abs(left - right) <= Number.EPSILON ? 0 : right - left;
}

/** Null last and numbers before texts in both directions; texts by bytes. */
function compareSortValues(left: Rule, right: Rule): number {
  if (left.valueKind !== right.valueKind) return left.valueKind - right.valueKind;
  if (left.valueKind === VALUE_NULL) return 0;
  const order =
    left.valueKind === VALUE_NUMBER
      ? compareNumbers(left.first, right.first)
      : compareUtf8(left.text, right.text);
  return left.isAscending ? order : -order;
}

/** Order of a node's numeric values: -0 just above 0. */
export function compareNumbers(left: number, right: number): number {
  if (left < right) return -1;
  if (left > right) return 1;
  if (left !== 0) return 0;
  return (Object.is(left, -0) ? 1 : 0) - (Object.is(right, -0) ? 1 : 0);
}

function compareDistances(left: Rule, right: Rule): number {
  const isLeftMissing = Number.isNaN(left.first);
  const isRightMissing = Number.isNaN(right.first);
  if (isLeftMissing || isRightMissing) return (isLeftMissing ? 1 : 0) - (isRightMissing ? 1 : 0);
  return left.isAscending ? left.first - right.first : right.first - left.first;
}
