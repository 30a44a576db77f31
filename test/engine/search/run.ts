/** Runs one search over one index: candidates, order, distinct, page. Pure over the index. */

import { EngineError } from '../errors.ts';
import { compileFilter } from '../filter/match.ts';
import { featuresOf, listPatterns } from '../filter/patterns.ts';
import { facetValues } from '../filter/values.ts';
import { settingMember, textList } from '../settings.ts';
import type { IndexStore, StoredDocument } from '../store.ts';
import type { Json } from '../value.ts';
import { type Found, Judge, rankingScore } from './judge.ts';
import type { SearchParams } from './params.ts';
import { parseQuery, type Term } from './query.ts';
import { type Match, type PreparedTerm, prepareTerm } from './rank.ts';
import { readSort } from './sort.ts';
import { WordIndex } from './word-index.ts';

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
  const judge = new Judge(wordIndexOf(index), rules, {
    sort,
    wordCount: matches.terms.reduce((sum, term) => sum + term.words.length, 0),
  });
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
  const isExcluded = (slot: number) => negatives.some((term) => term.hits[slot] === 1);
  const found: Match[] = [];
  if (terms.length === 0) {
    for (const document of index.documents()) {
      const slot = negatives.length === 0 ? 0 : words.slot(document);
      if (!isExcluded(slot) && accepts(document)) found.push({ document, entry: undefined, terms });
    }
    return { found, terms: query.terms };
  }
  for (let slot = 0; slot < words.entries.length; slot++) {
    const step = stepOf(steps, slot);
    if (step === undefined || isExcluded(slot) || !words.isLive(slot, index)) continue;
    const entry = words.entries[slot];
    if (entry !== undefined && accepts(entry.document)) {
      found.push({ document: entry.document, entry, terms: step });
    }
  }
  return { found, terms: query.terms };
}

/** The longest form of the query that an entry matches as a whole. */
function stepOf(
  steps: readonly (readonly PreparedTerm[])[],
  slot: number,
): readonly PreparedTerm[] | undefined {
  for (const step of steps) {
    let isWhole = true;
    for (const term of step) {
      if (term.hits[slot] !== 1) {
        isWhole = false;
        break;
      }
    }
    if (isWhole) return step;
  }
  return undefined;
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
    if (!isKnown && !isAll && !name.includes('*')) {
      const valid = [...searchable].sort();
      throw new EngineError(
        'invalid_search_attributes_to_search_on',
        `${prefix}Attribute \`${name}\` is not searchable. Available searchable attributes are: \`${valid.join(', ')}\`.`,
      );
    }
    for (const [id, field] of words.fields.entries()) if (fits(field)) ids.add(id);
  }
  return ids;
}

interface Collecting {
  readonly matches: readonly Match[];
  readonly judge: Judge;
  readonly distinct: string | undefined;
  readonly terms: readonly Term[];
}

function collect(index: IndexStore, params: SearchParams, from: Collecting): SearchResult {
  const { judge } = from;
  const maxHits = Number(settingMember(index.settings, 'pagination', 'maxTotalHits') ?? 1000);
  const isPaged = params.page !== undefined || params.hitsPerPage !== undefined;
  const size = isPaged ? (params.hitsPerPage ?? 20) : params.limit;
  const start = isPaged ? ((params.page ?? 1) - 1) * size : params.offset;
  const end = start < 0 ? 0 : Math.min(start + size, maxHits);
  const { rankingScoreThreshold: least } = params;
  let matches = from.matches;
  if (least !== undefined) {
    matches = matches.filter((match) => rankingScore(judge.judge(match)) >= least);
  }
  if (from.distinct !== undefined) {
    matches = keepDistinct(judge.firstOf(matches, matches.length), from.distinct);
  }
  const first = from.distinct === undefined ? judge.firstOf(matches, end) : matches;
  return {
    page: start < 0 ? [] : first.slice(start, Math.max(start, end)).map((m) => judge.judge(m)),
    candidates: matches.map((match) => match.document),
    total: matches.length,
    terms: from.terms,
  };
}

/** The best document of each value; documents without the field all stay. */
function keepDistinct(sorted: readonly Match[], field: string): Match[] {
  const seen = new Set<number | string>();
  return sorted.filter((hit) => {
    const { numbers, texts } = facetValues(hit.document, field);
    const values = [...numbers, ...texts];
    if (values.some((value) => seen.has(value))) return false;
    for (const value of values) seen.add(value);
    return true;
  });
}
