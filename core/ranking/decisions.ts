/**
 * Which rule decided between neighbours of a merged list, for those who ask why. Told by the very
 * comparison that put them in order, one rule more at a time.
 */
import { compareRules } from './compare.ts';
import { RULE_GEO, RULE_SORT, type Rule, VALUE_NULL, VALUE_TEXT } from './details.ts';
import { compareByRules, compareVersions, type Hit } from './hits.ts';
import type { MergeDecision } from './types.ts';

/** Neighbours that are told about. */
const DECISIONS_MAX = 20;

/** Why each of the first hits stands before the next. */
export function decideNeighbours(hits: readonly Hit[]): MergeDecision[] {
  return pairs(hits).map(([left, right], place) => ({
    place,
    nodes: [left.source, right.source],
    ...decide(left, right),
  }));
}

/** Each of the first items with the one after it. */
export function pairs<Item>(items: readonly Item[]): (readonly [Item, Item])[] {
  const found: (readonly [Item, Item])[] = [];
  for (let at = 0; at + 1 < items.length && at < DECISIONS_MAX; at += 1) {
    found.push([items[at] as Item, items[at + 1] as Item]);
  }
  return found;
}

/** What decided between two hits: a rule with both results, our version, or the node's own order. */
export function decide(left: Hit, right: Hit): Pick<MergeDecision, 'by' | 'first' | 'second'> {
  if (compareByRules(left, right) === 0) return decideTie(left, right);
  const count = Math.max(left.rules.length, right.rules.length);
  for (let at = 0; at < count; at += 1) {
    if (compareRules(left.rules, right.rules, at + 1) === 0) continue;
    const rule = left.rules[at] ?? right.rules[at];
    return {
      by: rule === undefined ? 'rule' : ruleName(left, rule),
      first: resultOf(left, left.rules[at]),
      second: resultOf(right, right.rules[at]),
    };
  }
  return { by: 'rule' };
}

/** Between hits that are equal under every rule: the older write, else the order of the nodes. */
function decideTie(left: Hit, right: Hit): Pick<MergeDecision, 'by' | 'first' | 'second'> {
  return {
    by: compareVersions(left, right) === 0 ? 'tie: order of nodes' : 'tie: order of writes',
  };
}

/** The rule's own name; lists of documents have values and no named rules. */
function ruleName(hit: Hit, rule: Rule): string {
  if (rule.nameEnd > 0) return hit.bytes.toString('utf8', rule.nameStart, rule.nameEnd);
  const name = rule.kind === RULE_GEO ? 'distance' : 'sort';
  return `${name}:${rule.isAscending ? 'asc' : 'desc'}`;
}

/** The node's words for the result of a rule, or the value that stands for it. */
function resultOf(hit: Hit, rule: Rule | undefined): unknown {
  if (rule === undefined) return undefined;
  if (rule.valueEnd > 0) {
    return JSON.parse(hit.bytes.toString('utf8', rule.valueStart, rule.valueEnd));
  }
  if (rule.kind === RULE_SORT && rule.valueKind === VALUE_NULL) return null;
  if (rule.kind === RULE_SORT && rule.valueKind === VALUE_TEXT) return rule.text;
  return Number.isNaN(rule.first) ? null : rule.first;
}
