/**
 * Orders matches by the ranking rules. Like a node it looks at one rule after the other and only where
 * documents still tie: most documents are never judged by the later rules.
 */
import type { StoredDocument } from '../store.ts';
import { Float, type Out } from '../value.ts';
import {
  attributeRank,
  exactness,
  exactnessRank,
  globalScore,
  type Match,
  maxTypos,
  proximity,
  type Rank,
  wordCount,
  wordPosition,
} from './rank.ts';
import {
  compareSortValues,
  parseSortRule,
  type SortRule,
  type SortValue,
  sortValue,
} from './sort.ts';
import type { WordIndex } from './word-index.ts';

/** One document of a result, with the entries of its score in rule order. */
export interface Found {
  readonly document: StoredDocument;
  readonly scores: readonly Score[];
}

/** What one rule says about a document. */
export type Score =
  | {
      readonly rule: string;
      readonly rank: Rank;
      readonly details: { readonly [key: string]: Out };
    }
  | { readonly rule: string; readonly value: SortValue };

interface Step {
  readonly rule: string;
  readonly sort?: SortRule;
}

/** Knows the rules of one search. */
export class Judge {
  private readonly words: WordIndex;
  private readonly maxWords: number;
  private readonly steps: readonly Step[];

  constructor(
    words: WordIndex,
    rules: readonly string[],
    query: { readonly sort: readonly SortRule[]; readonly wordCount: number },
  ) {
    this.words = words;
    this.maxWords = query.wordCount;
    const hasTerms = query.wordCount > 0;
    const steps: Step[] = [];
    const sorted = new Set<string>();
    const addSort = (rule: SortRule) => {
      if (sorted.has(rule.field)) return;
      sorted.add(rule.field);
      steps.push({ rule: `${rule.field}:${rule.isAscending ? 'asc' : 'desc'}`, sort: rule });
    };
    for (const rule of rules) {
      const custom = parseSortRule(rule);
      if (custom !== undefined) addSort(custom);
      else if (rule === 'sort') query.sort.forEach(addSort);
      else if (hasTerms) steps.push({ rule });
    }
    this.steps = hasTerms && !rules.includes('words') ? [{ rule: 'words' }, ...steps] : steps;
  }

  /** The first `count` matches in order. */
  firstOf(matches: readonly Match[], count: number): Match[] {
    const taken: Match[] = [];
    this.take(matches, 0, count, taken);
    return taken;
  }

  private take(matches: readonly Match[], at: number, count: number, taken: Match[]): void {
    if (taken.length >= count || matches.length === 0) return;
    const step = this.steps[at];
    if (matches.length === 1 && matches[0] !== undefined) {
      taken.push(matches[0]);
      return;
    }
    const need = count - taken.length;
    const groups =
      step === undefined
        ? selectFirst(
            matches,
            need,
            (match) => match.document.internalId,
            (a, b) => a - b,
          )
        : this.group(matches, step, need);
    for (const group of groups) {
      if (taken.length >= count) return;
      if (step === undefined) taken.push(...group.slice(0, count - taken.length));
      else this.take(group, at + 1, count, taken);
    }
  }

  private group(matches: readonly Match[], step: Step, need: number): Match[][] {
    const { sort } = step;
    if (sort !== undefined) {
      return selectFirst(
        matches,
        need,
        (match) => sortValue(match.document, sort),
        (a, b) => compareSortValues(a, b, sort.isAscending),
      );
    }
    const byRank = new Map<number, Match[]>();
    for (const match of matches) {
      const { rank, max } = this.rankOf(step.rule, match);
      const score = rank / max;
      const group = byRank.get(score);
      if (group === undefined) byRank.set(score, [match]);
      else group.push(match);
    }
    return [...byRank].sort(([a], [b]) => b - a).map(([, group]) => group);
  }

  private rankOf(rule: string, match: Match): Rank {
    switch (rule) {
      case 'words':
        return { rank: wordCount(match), max: this.maxWords };
      case 'typo': {
        const max = maxTypos(match.terms) + 1;
        return { rank: max, max };
      }
      case 'proximity':
        return proximity(match);
      case 'attributeRank':
        return attributeRank(this.words, match);
      case 'wordPosition':
        return wordPosition(match);
      case 'attribute': {
        const outer = attributeRank(this.words, match);
        const inner = wordPosition(match);
        return {
          rank: (outer.rank - 1) * inner.max + inner.rank,
          max: outer.max * inner.max,
        };
      }
      default:
        return exactnessRank(exactness(match));
    }
  }

  /** All scores of a match, in rule order. */
  judge(match: Match): Found {
    const scores = this.steps.map(({ rule, sort }): Score => {
      if (sort !== undefined) return { rule, value: sortValue(match.document, sort) };
      const rank = this.rankOf(rule, match);
      const score = new Float(rank.rank / rank.max);
      return { rule, rank, details: { ...this.detailsOf(rule, match), score } };
    });
    return { document: match.document, scores };
  }

  private detailsOf(rule: string, match: Match): { [key: string]: Out } {
    switch (rule) {
      case 'words':
        return { matchingWords: wordCount(match), maxMatchingWords: this.maxWords };
      case 'typo':
        return { typoCount: 0, maxTypoCount: maxTypos(match.terms) };
      case 'attribute': {
        const outer = attributeRank(this.words, match);
        const inner = wordPosition(match);
        return {
          attributeRankingOrderScore: new Float(outer.rank / outer.max),
          queryWordDistanceScore: new Float(inner.rank / inner.max),
        };
      }
      case 'exactness': {
        const exact = exactness(match);
        return exact.matchType === 'noExactMatch' ? { ...exact } : { matchType: exact.matchType };
      }
      default:
        return {};
    }
  }
}

const SLACK = 1024;

/** The best `need` items, and what ties with the last of them, as groups of equals in order. */
function selectFirst<T>(
  matches: readonly Match[],
  need: number,
  readValue: (match: Match) => T,
  compare: (a: T, b: T) => number,
): Match[][] {
  let kept: { match: Match; value: T }[] = [];
  let bound: { value: T } | undefined;
  const prune = () => {
    kept.sort((a, b) => compare(a.value, b.value));
    const last = kept[need - 1];
    if (last === undefined) return;
    bound = last;
    const end = kept.findIndex((item, i) => i >= need && compare(item.value, last.value) > 0);
    if (end >= 0) kept = kept.slice(0, end);
  };
  let limit = 4 * need + SLACK;
  for (const match of matches) {
    const value = readValue(match);
    if (bound !== undefined && compare(value, bound.value) > 0) continue;
    kept.push({ match, value });
    if (kept.length > limit) {
      prune();
      limit = Math.max(limit, 2 * kept.length);
    }
  }
  prune();
  const groups: Match[][] = [];
  let before: { value: T } | undefined;
  for (const item of kept) {
    if (before !== undefined && compare(before.value, item.value) === 0) {
      groups.at(-1)?.push(item.match);
    } else groups.push([item.match]);
    before = item;
  }
  return groups;
}

/** The score of all ranks together; sort values do not count. */
export function rankingScore(found: Found): number {
  return globalScore(found.scores.flatMap((score) => ('rank' in score ? [score.rank] : [])));
}

/** The details of a score as they are answered; sorts on hidden fields do not tell their value. */
export function scoreDetails(
  found: Found,
  isShown: (field: string) => boolean,
): { [key: string]: Out } {
  const details: { [key: string]: Out } = {};
  let hiddenCount = 0;
  for (const [order, score] of found.scores.entries()) {
    if ('rank' in score) {
      details[score.rule] = { order, ...score.details };
    } else if (isShown(score.rule.replace(/:[a-z]+$/, ''))) {
      const { value } = score;
      details[score.rule] = { order, value: typeof value === 'number' ? new Float(value) : value };
    } else {
      details[`<hidden-rule-${hiddenCount}>`] = { order, value: '<hidden>' };
      hiddenCount += 1;
    }
  }
  return details;
}
