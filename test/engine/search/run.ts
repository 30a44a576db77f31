/** Runs one search over one index: candidates, order, distinct, page. Pure over the index. */

import { EngineError } from '../errors.ts';
import { compileFilter } from '../filter/match.ts';
import { featuresOf, listPatterns } from '../filter/patterns.ts';
import { facetValues } from '../filter/values.ts';
import { settingMember, textList } from '../settings.ts';
import type { IndexStore, StoredDocument } from '../store.ts';
import { Float, type Json, type Out } from '../value.ts';
import type { SearchParams } from './params.ts';
import { parseQuery, type Term } from './query.ts';
import {
  attributeRank,
  type Exactness,
  exactness,
  exactnessRank,
  globalScore,
  type Match,
  type PreparedTerm,
  prepareTerm,
  proximity,
  type Rank,
  wordPosition,
} from './rank.ts';
import {
  compareSortValues,
  parseSortRule,
  readSort,
  type SortRule,
  type SortValue,
  sortValue,
} from './sort.ts';
import { WordIndex } from './word-index.ts';

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
  | { readonly rule: string; readonly value: SortValue; readonly isAscending: boolean };

/** Documents of the page, in order, and all that match. */
export interface SearchResult {
  readonly page: readonly Found[];
  readonly candidates: readonly StoredDocument[];
  readonly total: number;
  readonly terms: readonly Term[];
}

const indexes = new WeakMap<IndexStore, WordIndex>();

/** The words of an index, up to date. */
export function wordIndexOf(index: IndexStore): WordIndex {
  let words = indexes.get(index);
  if (words === undefined) {
    words = new WordIndex();
    indexes.set(index, words);
  }
  words.refresh(index);
  return words;
}

/** Options that do not come from the request body. */
export interface RunOptions {
  readonly prefix: string;
  readonly hasContains: boolean;
  /** Further filter, e.g. of a tenant token. */
  readonly extraFilter?: Json | undefined;
}

/** Searches an index. Throws EngineError for what its settings do not allow. */
export function runSearch(
  index: IndexStore,
  params: SearchParams,
  options: RunOptions,
): SearchResult {
  const context = {
    code: 'invalid_search_filter',
    prefix: options.prefix,
    hasContains: options.hasContains,
    isReprinted: true,
  };
  const own = compileFilter(index, params.filter, context);
  const extra = compileFilter(index, options.extraFilter, context);
  const accepts = (document: StoredDocument) =>
    (own === undefined || own(document)) && (extra === undefined || extra(document));
  const sort = readSort(index, params.sort, {
    code: 'invalid_search_sort',
    prefix: options.prefix,
  });
  const rules = textList(index.settings, 'rankingRules');
  if (sort.length > 0 && !rules.includes('sort')) {
    throw new EngineError(
      'invalid_search_sort',
      `${options.prefix}You must specify where \`sort\` is listed in the rankingRules setting to use the sort parameter at search time.`,
    );
  }
  const distinct = readDistinct(index, params, options.prefix);
  const matches = findMatches(index, params, accepts, options.prefix);
  const judge = new Judge(wordIndexOf(index), rules, sort, matches.hasTerms);
  return collect(index, params, { matches: matches.found, judge, distinct, terms: matches.terms });
}

function readDistinct(index: IndexStore, params: SearchParams, prefix: string): string | undefined {
  if (params.distinct === undefined) {
    const setting = index.settings.get('distinctAttribute');
    return typeof setting === 'string' ? setting : undefined;
  }
  const rules = index.settings.get('filterableAttributes') ?? null;
  const features = featuresOf(rules, params.distinct);
  if (features !== undefined && (features.equality || features.comparison)) return params.distinct;
  const patterns = listPatterns(rules);
  throw new EngineError(
    'invalid_search_distinct',
    `${prefix}Attribute \`${params.distinct}\` is not filterable and thus, cannot be used as distinct attribute. ${
      patterns.length === 0
        ? 'This index does not have configured filterable attributes.'
        : `Available filterable attributes patterns are: \`${patterns.join(', ')}\`.`
    }`,
  );
}

interface Matches {
  readonly found: readonly Match[];
  readonly terms: readonly Term[];
  readonly hasTerms: boolean;
}

function findMatches(
  index: IndexStore,
  params: SearchParams,
  accepts: (document: StoredDocument) => boolean,
  prefix: string,
): Matches {
  const words = wordIndexOf(index);
  const fields = searchedFields(index, words, params.attributesToSearchOn, prefix);
  const query = parseQuery((params.q ?? '').trimStart(), words.rules, {
    stopWords: words.stopWords,
    hasPrefixes: index.settings.get('prefixSearch') !== 'disabled',
  });
  const prepare = (term: Term) => prepareTerm(words, term, synonymsOf(index, term), fields);
  const terms = query.terms.map(prepare);
  const negatives = query.negatives.map(prepare);
  const steps = strategySteps(terms, params.matchingStrategy);
  const found: Match[] = [];
  for (const [slot, entry] of words.entries.entries()) {
    const { document } = entry;
    if (negatives.some((term) => term.hits[slot] === 1)) continue;
    const step = steps.find((kept) => kept.every((term) => term.hits[slot] === 1));
    if (step === undefined || index.get(document.id) !== document || !accepts(document)) continue;
    found.push({
      document,
      entry,
      terms: step,
      wordCount: step.reduce((sum, term) => sum + term.term.words.length, 0),
    });
  }
  return { found, terms: query.terms, hasTerms: terms.length > 0 };
}

/** The query, then the query with ever fewer words, as the matching strategy drops them. */
function strategySteps(
  terms: readonly PreparedTerm[],
  strategy: SearchParams['matchingStrategy'],
): PreparedTerm[][] {
  const steps = [[...terms]];
  if (strategy === 'all') return steps;
  const size = (term: PreparedTerm) => term.hits.reduce((sum, hit) => sum + hit, 0);
  const removable = terms.filter((term) => !term.term.isPhrase);
  const order =
    strategy === 'last'
      ? [...removable].reverse()
      : [...removable].sort((a, b) => size(b) - size(a));
  let kept = [...terms];
  for (const term of order) {
    kept = kept.filter((other) => other !== term);
    if (kept.length === 0) break;
    steps.push(kept);
  }
  return steps;
}

function synonymsOf(index: IndexStore, term: Term): string[][] {
  const synonyms = index.settings.get('synonyms');
  if (!(synonyms instanceof Map) || synonyms.size === 0 || term.isPhrase) return [];
  const found: string[][] = [];
  for (const [key, values] of synonyms) {
    if (key.toLowerCase() !== term.words[0] || !Array.isArray(values)) continue;
    for (const value of values) {
      if (typeof value === 'string') found.push(value.toLowerCase().split(/\s+/));
    }
  }
  return found;
}

function searchedFields(
  index: IndexStore,
  words: WordIndex,
  names: readonly string[] | undefined,
  prefix: string,
): ReadonlySet<number> | undefined {
  if (names === undefined || names.includes('*')) return undefined;
  const searchable = textList(index.settings, 'searchableAttributes');
  const isAll = searchable.includes('*');
  const ids = new Set<number>();
  for (const name of names) {
    const fits = (field: string) =>
      name.endsWith('*')
        ? field.startsWith(name.slice(0, -1))
        : field === name || field.startsWith(`${name}.`);
    const isKnown = isAll ? words.fields.some(fits) : searchable.some(fits);
    if (!isKnown && !name.includes('*')) {
      const valid = isAll ? [...words.fields].sort() : [...searchable].sort();
      throw new EngineError(
        'invalid_search_attributes_to_search_on',
        `${prefix}Attribute \`${name}\` is not searchable. Available searchable attributes are: \`${valid.join(', ')}\`.`,
      );
    }
    for (const [id, field] of words.fields.entries()) if (fits(field)) ids.add(id);
  }
  return ids;
}

/** Gives every match its scores in rule order. */
class Judge {
  private readonly words: WordIndex;
  private readonly steps: readonly { readonly rule: string; readonly sort?: SortRule }[];

  constructor(
    words: WordIndex,
    rules: readonly string[],
    sort: readonly SortRule[],
    hasTerms: boolean,
  ) {
    this.words = words;
    const steps: { readonly rule: string; readonly sort?: SortRule }[] = [];
    const sorted = new Set<string>();
    const addSort = (rule: SortRule) => {
      if (sorted.has(rule.field)) return;
      sorted.add(rule.field);
      steps.push({ rule: `${rule.field}:${rule.isAscending ? 'asc' : 'desc'}`, sort: rule });
    };
    for (const rule of rules) {
      const custom = parseSortRule(rule);
      if (custom !== undefined) addSort(custom);
      else if (rule === 'sort') sort.forEach(addSort);
      else if (hasTerms) steps.push({ rule });
    }
    this.steps = hasTerms && !rules.includes('words') ? [{ rule: 'words' }, ...steps] : steps;
  }

  scores(match: Match, maxWords: number): Score[] {
    return this.steps.map(({ rule, sort }) => {
      if (sort !== undefined) {
        return {
          rule,
          value: sortValue(match.document, sort),
          isAscending: sort.isAscending,
        };
      }
      return this.ranked(rule, match, maxWords);
    });
  }

  private ranked(rule: string, match: Match, maxWords: number): Score {
    const scored = (rank: Rank, details: { [key: string]: Out } = {}) => ({
      rule,
      rank,
      details: { ...details, score: new Float(rank.rank / rank.max) },
    });
    switch (rule) {
      case 'words':
        return scored(
          { rank: match.wordCount, max: maxWords },
          { matchingWords: match.wordCount, maxMatchingWords: maxWords },
        );
      case 'typo': {
        const max = maxTypos(match.terms);
        return scored({ rank: max + 1, max: max + 1 }, { typoCount: 0, maxTypoCount: max });
      }
      case 'proximity':
        return scored(proximity(match));
      case 'attributeRank':
        return scored(attributeRank(this.words, match));
      case 'wordPosition':
        return scored(wordPosition(match));
      case 'attribute': {
        const outer = attributeRank(this.words, match);
        const inner = wordPosition(match);
        return scored(
          { rank: (outer.rank - 1) * inner.max + inner.rank, max: outer.max * inner.max },
          {
            attributeRankingOrderScore: new Float(outer.rank / outer.max),
            queryWordDistanceScore: new Float(inner.rank / inner.max),
          },
        );
      }
      default: {
        const exact = exactness(match);
        return scored(exactnessRank(exact), exactDetails(exact));
      }
    }
  }
}

function exactDetails(exact: Exactness): { [key: string]: Out } {
  if (exact.matchType !== 'noExactMatch') return { matchType: exact.matchType };
  return { ...exact };
}

function maxTypos(terms: readonly PreparedTerm[]): number {
  return terms.reduce((sum, { term }) => {
    const length = [...(term.words[0] ?? '')].length;
    if (term.isPhrase || length < 5) return sum;
    return sum + (length < 9 ? 1 : 2);
  }, 0);
}

/** Order of two results: rule by rule, then the internal number. */
export function compareFound(a: Found, b: Found): number {
  for (const [i, left] of a.scores.entries()) {
    const right = b.scores[i];
    if (right === undefined) break;
    const order = compareScores(left, right);
    if (order !== 0) return order;
  }
  return a.document.internalId - b.document.internalId;
}

function compareScores(a: Score, b: Score): number {
  if ('rank' in a && 'rank' in b) return b.rank.rank / b.rank.max - a.rank.rank / a.rank.max;
  if ('value' in a && 'value' in b) return compareSortValues(a.value, b.value, a.isAscending);
  return 0;
}

/** The score of all ranks together; sort values do not count. */
export function rankingScore(found: Found): number {
  return globalScore(found.scores.flatMap((score) => ('rank' in score ? [score.rank] : [])));
}

interface Collecting {
  readonly matches: readonly Match[];
  readonly judge: Judge;
  readonly distinct: string | undefined;
  readonly terms: readonly Term[];
}

function collect(index: IndexStore, params: SearchParams, from: Collecting): SearchResult {
  const maxWords = from.terms.reduce((sum, term) => sum + term.words.length, 0);
  let found: Found[] = from.matches.map((match) => ({
    document: match.document,
    scores: from.judge.scores(match, maxWords),
  }));
  const { rankingScoreThreshold: least } = params;
  if (least !== undefined) found = found.filter((hit) => rankingScore(hit) >= least);
  const maxHits = Number(settingMember(index.settings, 'pagination', 'maxTotalHits') ?? 1000);
  const isPaged = params.page !== undefined || params.hitsPerPage !== undefined;
  const size = isPaged ? (params.hitsPerPage ?? 20) : params.limit;
  const start = isPaged ? ((params.page ?? 1) - 1) * size : params.offset;
  const end = Math.min(start + size, maxHits);
  const wanted = start < 0 ? 0 : Math.max(0, end);
  let kept: readonly Found[];
  if (from.distinct === undefined) {
    kept = firstOf(found, wanted);
  } else {
    found = keepDistinct([...found].sort(compareFound), from.distinct);
    kept = found;
  }
  return {
    page: start < 0 ? [] : kept.slice(start, Math.max(start, end)),
    candidates: found.map((hit) => hit.document),
    total: found.length,
    terms: from.terms,
  };
}

const SORT_ALL_BELOW = 2000;

/** The first results in order, without sorting all of them. */
function firstOf(found: readonly Found[], count: number): readonly Found[] {
  if (found.length < SORT_ALL_BELOW || count > found.length / 4) {
    return [...found].sort(compareFound).slice(0, count);
  }
  let best: Found[] = [];
  const room = Math.max(64, count * 2);
  let bound: Found | undefined;
  for (const hit of found) {
    if (bound !== undefined && compareFound(hit, bound) >= 0) continue;
    best.push(hit);
    if (best.length >= room) {
      best = best.sort(compareFound).slice(0, count);
      bound = best.at(-1);
    }
  }
  return best.sort(compareFound).slice(0, count);
}

/** The best document of each value; documents without the field all stay. */
function keepDistinct(sorted: readonly Found[], field: string): Found[] {
  const seen = new Set<number | string>();
  return sorted.filter((hit) => {
    const { numbers, texts } = facetValues(hit.document, field);
    const values = [...numbers, ...texts];
    if (values.some((value) => seen.has(value))) return false;
    for (const value of values) seen.add(value);
    return true;
  });
}

/** The details of a score as they are answered. */
export function scoreDetails(found: Found): { [key: string]: Out } {
  const details: { [key: string]: Out } = {};
  for (const [order, score] of found.scores.entries()) {
    details[score.rule] =
      'rank' in score
        ? { order, ...score.details }
        : {
            order,
            value: typeof score.value === 'number' ? new Float(score.value) : score.value,
          };
  }
  return details;
}
