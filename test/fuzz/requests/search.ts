/**
 * Parameters of a search, every one of Meilisearch 1.50: each kind of search draws its own mixture so
 * that all parameters meet all others sooner or later.
 */
import { makeVector } from '../documents.ts';
import type { Json, Obj } from '../json.ts';
import type { Rng } from '../rng.ts';
import type { IndexFacts } from '../scenario.ts';
import { distinctFields } from '../settings.ts';
import { CLOSE, COMMON, COMPOUND, misspell, STOPPERS, WORLD } from '../words.ts';
import { filterField, makeFilter } from './filter.ts';

/** Query words: common ones, words of the documents, typos, prefixes, phrases, exclusions, nonsense. */
export function makeQuery(rng: Rng, facts: IndexFacts): Json {
  const own = facts.samples.words;
  const one = () =>
    rng.weighted<() => string>([
      [3, () => rng.pick(COMMON)],
      [12, () => (own.length > 0 ? rng.pick(own) : 'ocean')],
      [2, () => rng.pick(CLOSE)],
      [1, () => rng.pick(COMPOUND)],
      [1, () => rng.pick(STOPPERS)],
      [1, () => rng.pick(WORLD)],
    ])();
  const words = (low: number, high: number) =>
    Array.from({ length: rng.int(low, high) }, one).join(' ');
  return rng.weighted<() => string | null>([
    [14, () => one()],
    [6, () => words(2, 3)],
    [3, () => words(4, 7)],
    [4, () => misspell(rng, one())],
    [5, () => one().slice(0, rng.int(1, 4))],
    [2, () => `${words(1, 2)} ${one().slice(0, 2)}`],
    [2, () => `"${words(1, 3)}"`],
    [2, () => `${one()} -${one()}`],
    [1, () => `-${one()}`],
    [1, () => `"${one()}" -"${words(1, 2)}"`],
    [1, () => rng.pick(['', '   ', '!#%&', '$', '"', '-', '""', 'the of', '...', '\t', '👩‍👩‍👧'])],
    [1, () => words(11, 14)],
    [1, () => String(rng.int(0, 2030))],
    [1, () => one().toUpperCase()],
    [1, () => `${one()}${one()}`],
    [1, () => null],
  ])();
}

/** A mixture of parameters for one kind of search. */
export function makeSearch(rng: Rng, facts: IndexFacts, kind: string): Obj {
  const params: Obj = {};
  const maybe = (probability: number, name: string, make: () => Json | undefined) => {
    if (!rng.chance(probability)) return;
    const value = make();
    if (value !== undefined) params[name] = value;
  };
  const is = (name: string) => kind === name;
  maybe(is('search-sort') || is('search-facets') ? 0.4 : 0.65, 'q', () => makeQuery(rng, facts));
  maybe(facts.can.filterable.length > 0 ? 0.2 : 0.02, 'filter', () => makeFilter(rng, facts));
  window(rng, params, is('search-pages'));
  const mayDo = (allowed: boolean) => allowed || rng.chance(0.03);
  if (is('search-geo') && mayDo(facts.can.canSort && facts.can.canSortGeo)) {
    params['sort'] = geoSort(rng, facts);
  } else if (mayDo(facts.can.canSort && facts.can.sortable.length > 0)) {
    maybe(is('search-sort') ? 1 : 0.15, 'sort', () => makeSort(rng, facts));
  }
  maybe(is('search-facets') ? 1 : facts.can.filterable.length > 0 ? 0.1 : 0.01, 'facets', () =>
    makeFacets(rng, facts),
  );
  maybe(is('search-distinct') ? 1 : 0.02, 'distinct', () => makeDistinct(rng, facts));
  maybe(is('search-format') ? 0.5 : 0.25, 'attributesToRetrieve', () => someFields(rng, facts));
  maybe(0.1, 'attributesToSearchOn', () =>
    rng.some([...facts.can.searchable, ...(rng.chance(0.1) ? ['*', 'nope'] : [])], 1, 2),
  );
  maybe(0.2, 'matchingStrategy', () => rng.pick(['last', 'all', 'frequency']));
  maybe(0.07, 'rankingScoreThreshold', () => rng.pick([0, 0.2, 0.5, 0.8, 0.95, 1]));
  maybe(0.25, 'showRankingScore', () => rng.chance(0.9));
  maybe(0.25, 'showRankingScoreDetails', () => rng.chance(0.9));
  maybe(0.04, 'retrieveVectors', () => rng.chance(0.8));
  maybe(0.02, 'locales', () => [rng.pick(['eng', 'fra', 'deu'])]);
  maybe(0.01, 'showPerformanceDetails', () => true);
  if (is('search-format') || rng.chance(0.06)) format(rng, facts, params);
  if (is('search-vector')) vector(rng, facts, params);
  return params;
}

/** Any sort: known fields, unknown ones, places, the same field twice. */
export function makeSort(rng: Rng, facts: IndexFacts): Json {
  const { sortable } = facts.can;
  const pool = sortable.length > 0 && !rng.chance(0.02) ? sortable : facts.samples.fields;
  const names = rng.some(pool, 1, 3);
  const rules = names.map((name) => `${name}:${rng.pick(['asc', 'desc'])}`);
  if (rng.chance(0.02)) rules.push(rng.pick(['n', 'n:up', ':asc', '_geo:asc', 'nope:desc']));
  if (rng.chance(0.08) && rules.length > 0) rules.push(rules[0] as string);
  if (facts.can.canSortGeo && rng.chance(0.1)) rules.push(point(rng));
  return rules;
}

/** A list of facets. */
export function makeFacets(rng: Rng, facts: IndexFacts): Json {
  if (rng.chance(0.25)) return ['*'];
  const count = rng.int(1, 4);
  const names = Array.from({ length: count }, () => filterField(rng, facts));
  return rng.chance(0.04) ? [...names, 'nope'] : [...new Set(names)];
}

function makeDistinct(rng: Rng, facts: IndexFacts): Json {
  const { filterable } = facts.can;
  const good = distinctFields(facts.samples).filter((field) => filterable.includes(field));
  return good.length > 0 && rng.chance(0.75) ? rng.pick(good) : filterField(rng, facts);
}

function geoSort(rng: Rng, facts: IndexFacts): Json {
  const others = rng.chance(0.4) ? (makeSort(rng, facts) as string[]).slice(0, 1) : [];
  return rng.chance(0.7) ? [point(rng), ...others] : [...others, point(rng)];
}

function point(rng: Rng): string {
  const lat = rng.pick([48.8566, 40.7128, 0, -33.9, 89]);
  const lng = rng.pick([2.3522, -74.006, 180, -180, 20]);
  return `_geoPoint(${lat}, ${lng}):${rng.pick(['asc', 'desc'])}`;
}

const PAGES = [1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 0, 50];
const PAGE_SIZES = [5, 5, 5, 20, 20, 3, 1, 0, 100, 100];
const LIMITS = [5, 5, 5, 1, 3, 40, 40, 10, 1000, 1000, 0];
const OFFSETS = [2, 2, 2, 7, 7, 1, 30, 0, 400];

function window(rng: Rng, params: Obj, isPages: boolean): void {
  if (isPages || rng.chance(0.12)) {
    if (rng.chance(0.85)) params['page'] = rng.pick(PAGES);
    if (rng.chance(0.85)) params['hitsPerPage'] = rng.pick(PAGE_SIZES);
    if (isPages && rng.chance(0.1)) params['limit'] = 3;
    return;
  }
  if (rng.chance(0.6)) params['limit'] = rng.pick(LIMITS);
  if (rng.chance(0.3)) params['offset'] = rng.pick(OFFSETS);
}

function format(rng: Rng, facts: IndexFacts, params: Obj): void {
  const set = (probability: number, name: string, value: Json) => {
    if (rng.chance(probability)) params[name] = value;
  };
  set(0.6, 'attributesToHighlight', someFields(rng, facts));
  const crops = (someFields(rng, facts) as string[]).map((name) =>
    rng.chance(0.3) && name !== '' ? `${name}:${rng.int(0, 6)}` : name,
  );
  set(0.5, 'attributesToCrop', crops);
  set(0.4, 'cropLength', rng.pick([0, 1, 3, 10, 50]));
  set(0.2, 'cropMarker', rng.pick(['', '[…]', '…']));
  set(0.3, 'highlightPreTag', rng.pick(['<b>', '', '\u0000', '<em class="x">']));
  set(0.3, 'highlightPostTag', rng.pick(['</b>', '', '</em>']));
  set(0.5, 'showMatchesPosition', true);
}

function vector(rng: Rng, facts: IndexFacts, params: Obj): void {
  const { embedder } = facts;
  const dimensions = embedder === undefined ? 3 : embedder.dimensions;
  const name = embedder === undefined || rng.chance(0.03) ? 'nope' : embedder.name;
  const made = makeVector(rng, dimensions);
  const value = Array.isArray(made) ? made : Array.from({ length: dimensions }, () => 0.5);
  if (rng.chance(0.03)) value.push(1);
  if (rng.chance(0.95)) params['vector'] = value;
  const ratio = rng.pick([undefined, 1, 0, 0.5, 0.9, 0.1]);
  if (rng.chance(0.97)) {
    params['hybrid'] = {
      embedder: name,
      ...(ratio === undefined ? {} : { semanticRatio: ratio }),
    };
  }
  if (rng.chance(0.3)) params['retrieveVectors'] = true;
  if (rng.chance(0.4)) params['showRankingScore'] = true;
}

/** Names of fields to retrieve, highlight or crop: some, all, nested, unknown, none. */
export function someFields(rng: Rng, facts: IndexFacts): Json {
  const { fields, topFields } = facts.samples;
  return rng.weighted<() => Json>([
    [5, () => rng.some(topFields, 1, 4)],
    [3, () => ['*']],
    [2, () => rng.some([...fields, 'id'], 1, 4)],
    [1, () => []],
    [1, () => ['nope', ...rng.some(topFields, 0, 1)]],
    [1, () => ['id', '_geo', '_vectors']],
    [1, () => ['*', ...rng.some(topFields, 1, 2)]],
  ])();
}

/** The texts of a list. */
export function stringsOf(value: Json | undefined): string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === 'string')
    : [];
}
