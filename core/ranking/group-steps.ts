/**
 * How many steps each ranking rule of a hit has. Score details show ratios, of which some do not tell: a
 * best of 11 is as 1 as a best of 4. A node's own formulas go by the count of query words and by the
 * weight of the last searchable attribute; of these the right ones are those that give the score of all
 * rules together, which is shown.
 */
import { isText } from '../json/slice.ts';
import { RULE_RANK, RULE_SKIPPED, type Rule } from './details.ts';
import type { Hit } from './hits.ts';

/** Words beyond which a query is cut off by the engine. */
const WORDS_MAX = 10;
/** Weights beyond are not looked for. */
const WEIGHT_MAX = 64;
const TOLERANCE = 1e-10;

/** What a node's steps follow from. */
interface Shape {
  /** Words of the query that count for the hit. */
  readonly words: number;
  /** Neighbouring words that are none in the query: something between them is left out. */
  readonly gaps: number;
  /** Of the last searchable attribute. */
  readonly weight: number;
}

/** Steps of the ranks of a hit, in their order; undefined if no formula gives its score. */
export function stepsOfRanks(hit: Hit): readonly number[] | undefined {
  const rules = hit.rules.filter(({ kind }) => kind === RULE_RANK || kind === RULE_SKIPPED);
  const kinds = rules.map((rule) => kindOf(hit, rule));
  for (const shape of shapes(rules, kinds)) {
    const steps = rules.map((rule, at) => stepsIn(shape, rule, kinds[at] as Kind));
    if (isWhole(rules, kinds, steps) && isNear(rankScore(rules, steps), hit.score)) return steps;
  }
  return undefined;
}

/** Score of consecutive ranks: each refines the one before within one of its steps. */
export function rankScore(rules: readonly Rule[], steps: readonly number[]): number {
  let score = 1;
  let step = 1;
  for (const [at, rule] of rules.entries()) {
    score -= (1 - (rule.kind === RULE_SKIPPED ? 0 : rule.score)) * step;
    step /= steps[at] as number;
  }
  return score;
}

const KINDS = [
  'words',
  'proximity',
  'attributeRank',
  'wordPosition',
  'attribute',
  'exactness',
] as const;
type Kind = (typeof KINDS)[number] | 'told';

function kindOf({ bytes }: Hit, { nameStart, nameEnd }: Rule): Kind {
  return KINDS.find((name) => isText(bytes, nameStart, nameEnd, name)) ?? 'told';
}

/** The likely ones first. */
function* shapes(rules: readonly Rule[], kinds: readonly Kind[]): Generator<Shape> {
  const matching = rules[kinds.indexOf('words')]?.first;
  const counts = Array.from({ length: WORDS_MAX }, (_, at) => at + 1);
  const isWeighed = kinds.includes('attributeRank') || kinds.includes('attribute');
  for (const words of matching === undefined ? counts : [matching, ...counts]) {
    for (let gaps = 0; gaps < Math.max(1, words); gaps += 1) {
      for (let weight = 0; weight <= (isWeighed ? WEIGHT_MAX : 0); weight += 1) {
        yield { words, gaps, weight };
      }
    }
  }
}

const PROXIMITY_COST_MAX = 3;
const POSITION_COST_MAX = 10;
/** Each with 0 to all words matched exactly. */
const MATCH_TYPES = 3;

function stepsIn({ words, gaps, weight }: Shape, rule: Rule, kind: Kind): number {
  switch (kind) {
    case 'proximity':
      return 1 + PROXIMITY_COST_MAX * (words - 1 - gaps);
    case 'attributeRank':
      return 1 + weight * words;
    case 'wordPosition':
      return 1 + POSITION_COST_MAX * words;
    case 'attribute':
      return (1 + weight * words) * (1 + POSITION_COST_MAX * words);
    case 'exactness':
      return rule.max > 0 ? rule.max : MATCH_TYPES * (words + 1);
    default:
      return Math.max(1, rule.max);
  }
}

/** Whether all ratios are so many whole steps. */
function isWhole(
  rules: readonly Rule[],
  kinds: readonly Kind[],
  steps: readonly number[],
): boolean {
  return rules.every((rule, at) => {
    const rank = rule.score * (steps[at] as number);
    return kinds[at] === 'told' || isNear(rank, Math.round(rank));
  });
}

function isNear(one: number, other: number): boolean {
  return Math.abs(one - other) < TOLERANCE;
}
