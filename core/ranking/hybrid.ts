/**
 * Hybrid search over several nodes: keyword and semantic halves are asked and merged apart, then joined
 * as one node joins them (contract 4.6): keyword hits alone if they fill the window and are all good
 * enough, else head by head, the semantic side first among equals.
 */
import { compareNumbers } from './compare.ts';
import {
  RULE_GEO,
  RULE_RANK,
  RULE_SKIPPED,
  RULE_SORT,
  RULE_VECTOR,
  type Rule,
  VALUE_NULL,
  VALUE_NUMBER,
} from './details.ts';
import type { Hit } from './hits.ts';
import { compareUtf8 } from './normalize.ts';

/** Weighted score that every keyword hit must reach for the semantic half to be left out. */
const GOOD_ENOUGH = 0.45;

/** Whether the keyword half answers alone. */
export function isKeywordGoodEnough(
  keyword: readonly Hit[],
  wantedCount: number,
  semanticRatio: number,
): boolean {
  const weight = keywordWeight(semanticRatio);
  return keyword.length >= wantedCount && keyword.every((hit) => hit.score * weight >= GOOD_ENOUGH);
}

/** Joins the halves; `identify` tells the document of a hit, of which the first hit stays. */
export function joinHalves(
  keyword: readonly Hit[],
  semantic: readonly Hit[],
  semanticRatio: number,
  identify: (hit: Hit) => string,
): Hit[] {
  const keywordEntries = keyword.map((hit) => weigh(hit, keywordWeight(semanticRatio)));
  const semanticEntries = semantic.map((hit) => weigh(hit, Math.fround(semanticRatio)));
  const seen = new Set<string>();
  const joined: Hit[] = [];
  let left = 0;
  let right = 0;
  for (;;) {
    const vector = semanticEntries[left];
    const word = keywordEntries[right];
    if (vector === undefined && word === undefined) return joined;
    const takesVector =
      vector !== undefined && (word === undefined || compareEntries(vector, word) <= 0);
    const hit = (takesVector ? vector : (word as Weighed)).hit;
    if (takesVector) left += 1;
    else right += 1;
    const id = identify(hit);
    if (seen.has(id)) continue;
    seen.add(id);
    joined.push(hit);
  }
}

function keywordWeight(semanticRatio: number): number {
  return Math.fround(1 - Math.fround(semanticRatio));
}

interface Weighed {
  readonly hit: Hit;
  /** A weighted score, or a rule that is a value. */
  readonly values: readonly (number | Rule)[];
}

function weigh(hit: Hit, weight: number): Weighed {
  const values: (number | Rule)[] = [];
  const isOneGroup = !hit.rules.some((rule) => rule.kind === RULE_SORT || rule.kind === RULE_GEO);
  let group: Rule[] = [];
  const closeGroup = () => {
    if (group.length > 0) values.push((isOneGroup ? hit.score : groupScore(group)) * weight);
    group = [];
  };
  for (const rule of hit.rules) {
    if (rule.kind === RULE_RANK || rule.kind === RULE_SKIPPED) {
      group.push(rule);
    } else if (rule.kind === RULE_VECTOR) {
      closeGroup();
      values.push(Math.max(0, rule.first) * weight);
    } else if (rule.kind === RULE_SORT || rule.kind === RULE_GEO) {
      closeGroup();
      values.push(rule);
    }
  }
  closeGroup();
  return { hit, values };
}

/** Score of consecutive ranks: each refines the one before within one of its steps. */
function groupScore(rules: readonly Rule[]): number {
  let score = 1;
  let step = 1;
  for (const rule of rules) {
    const own = rule.kind === RULE_SKIPPED ? 0 : rule.score;
    score -= (1 - own) * step;
    step /= rule.max > 0 ? rule.max : stepsOf(own);
  }
  return score;
}

const STEPS_MAX = 2000;

/** The denominator behind a ratio, which score details do not show. */
function stepsOf(ratio: number): number {
  if (ratio >= 1 || ratio <= 0) return 1;
  for (let steps = 2; steps <= STEPS_MAX; steps += 1) {
    const rank = ratio * steps;
    if (Math.abs(rank - Math.round(rank)) < 1e-9) return steps;
  }
  return STEPS_MAX;
}

/** Negative: the left entry goes first. */
function compareEntries(left: Weighed, right: Weighed): number {
  for (let at = 0; ; at += 1) {
    const a = left.values[at];
    const b = right.values[at];
    if (a === undefined && b === undefined) return 0;
    if (a === undefined) return 1;
    if (b === undefined) return -1;
    const order = compareValues(a, b);
    if (order !== 0) return order;
  }
}

function compareValues(left: number | Rule, right: number | Rule): number {
  if (typeof left === 'number' && typeof right === 'number') {
    return Math.abs(left - right) <= Number.EPSILON ? 0 : right - left;
  }
  // A score wins over a value unless it is 0.
  if (typeof left === 'number') return left === 0 ? 1 : -1;
  if (typeof right === 'number') return right === 0 ? -1 : 1;
  return compareValueRules(left, right);
}

function compareValueRules(left: Rule, right: Rule): number {
  if (left.kind === RULE_GEO || right.kind === RULE_GEO) {
    const order = left.first - right.first;
    return left.isAscending ? order : -order;
  }
  if (left.valueKind !== right.valueKind) return left.valueKind - right.valueKind;
  if (left.valueKind === VALUE_NULL) return 0;
  const order =
    left.valueKind === VALUE_NUMBER
      ? compareNumbers(left.first, right.first)
      : compareUtf8(left.text, right.text);
  return left.isAscending ? order : -order;
}
