/** Checks search parameters (body, query string, entry of a multi-search). */
import {
  anyJson,
  count,
  type Decoder,
  decodeObject,
  type Field,
  flag,
  invalidValue,
  list,
  oneOf,
  orNull,
  real,
  text,
} from '../decode.ts';
import { EngineError } from '../errors.ts';
import { LOCALES } from '../settings-decode.ts';
import { Float, type Json, type JsonObject } from '../value.ts';

/** A checked search. */
export interface SearchParams {
  readonly q: string | null;
  readonly offset: number;
  readonly limit: number;
  readonly page: number | undefined;
  readonly hitsPerPage: number | undefined;
  readonly attributesToRetrieve: readonly string[] | undefined;
  readonly retrieveVectors: boolean;
  readonly attributesToCrop: readonly string[];
  readonly cropLength: number;
  readonly cropMarker: string;
  readonly attributesToHighlight: readonly string[];
  readonly highlightPreTag: string;
  readonly highlightPostTag: string;
  readonly showMatchesPosition: boolean;
  readonly showRankingScore: boolean;
  readonly showRankingScoreDetails: boolean;
  readonly filter: Json | undefined;
  readonly sort: readonly string[];
  readonly distinct: string | undefined;
  readonly facets: readonly string[] | undefined;
  readonly matchingStrategy: 'last' | 'all' | 'frequency';
  readonly attributesToSearchOn: readonly string[] | undefined;
  readonly rankingScoreThreshold: number | undefined;
}

const threshold: Decoder<number> = (value, place) => {
  const number = real(value, place);
  if (number < 0 || number > 1) {
    throw invalidValue(
      place,
      'the value of `rankingScoreThreshold` is invalid, expected a float between `0.0` and `1.0`.',
    );
  }
  return number;
};

const DECODERS: Readonly<Record<string, Decoder<unknown>>> = {
  q: orNull(text),
  offset: count(),
  limit: count(),
  page: orNull(count()),
  hitsPerPage: orNull(count()),
  attributesToRetrieve: orNull(list(text)),
  attributesToCrop: orNull(list(text)),
  cropLength: count(),
  cropMarker: text,
  attributesToHighlight: orNull(list(text)),
  highlightPreTag: text,
  highlightPostTag: text,
  showMatchesPosition: flag,
  filter: anyJson,
  sort: orNull(list(text)),
  distinct: orNull(text),
  facets: orNull(list(text)),
  matchingStrategy: oneOf(['last', 'all', 'frequency']),
  attributesToSearchOn: orNull(list(text)),
  rankingScoreThreshold: orNull(threshold),
  locales: orNull(list(oneOf(LOCALES))),
  hybrid: orNull(anyJson),
  vector: orNull(list(real)),
  retrieveVectors: flag,
  media: orNull(anyJson),
  personalize: orNull(anyJson),
  useNetwork: orNull(flag),
  showRankingScore: flag,
  showRankingScoreDetails: flag,
  showPerformanceDetails: flag,
};

/** Name of each member to the error code of complaints about it. */
export const SEARCH_CODES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(DECODERS).map((name) => [
    name,
    `invalid_search_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
  ]),
);

/** Members of a search body with their checks. */
export const SEARCH_FIELDS: Readonly<Record<string, Field>> = Object.fromEntries(
  Object.entries(DECODERS).map(([name, decode]) => [
    name,
    { decode, ...(SEARCH_CODES[name] === undefined ? {} : { code: SEARCH_CODES[name] }) },
  ]),
);

/** Checks a search body. */
export function searchFromBody(body: Json): SearchParams {
  return toParams(decodeObject(body, { path: '', code: 'bad_request' }, SEARCH_FIELDS));
}

/** Puts checked members and defaults together. Refuses what the stand-in cannot do. */
export function toParams(given: ReadonlyMap<string, unknown>): SearchParams {
  for (const name of ['hybrid', 'vector', 'media', 'personalize'] as const) {
    if (given.get(name) !== undefined && given.get(name) !== null) {
      throw new EngineError(
        SEARCH_CODES[name] ?? 'bad_request',
        `This stand-in for Meilisearch has no \`${name}\`.`,
      );
    }
  }
  if (given.get('useNetwork') === true) {
    throw new EngineError(
      'feature_not_enabled',
      'passing `useNetwork` in a search query requires enabling the `network` experimental feature. See https://github.com/orgs/meilisearch/discussions/805',
    );
  }
  const get = <T>(name: string, fallback: T): T => {
    const value = given.get(name);
    return value === undefined || value === null ? fallback : (value as T);
  };
  return {
    q: get<string | null>('q', null),
    offset: get('offset', 0),
    limit: get('limit', 20),
    page: get<number | undefined>('page', undefined),
    hitsPerPage: get<number | undefined>('hitsPerPage', undefined),
    attributesToRetrieve: get<string[] | undefined>('attributesToRetrieve', undefined),
    retrieveVectors: get('retrieveVectors', false),
    attributesToCrop: get<string[]>('attributesToCrop', []),
    cropLength: get('cropLength', 10),
    cropMarker: get('cropMarker', '…'),
    attributesToHighlight: get<string[]>('attributesToHighlight', []),
    highlightPreTag: get('highlightPreTag', '<em>'),
    highlightPostTag: get('highlightPostTag', '</em>'),
    showMatchesPosition: get('showMatchesPosition', false),
    showRankingScore: get('showRankingScore', false),
    showRankingScoreDetails: get('showRankingScoreDetails', false),
    filter: given.get('filter') as Json | undefined,
    sort: get<string[]>('sort', []),
    distinct: get<string | undefined>('distinct', undefined),
    facets: get<string[] | undefined>('facets', undefined),
    matchingStrategy: get<SearchParams['matchingStrategy']>('matchingStrategy', 'last'),
    attributesToSearchOn: get<string[] | undefined>('attributesToSearchOn', undefined),
    rankingScoreThreshold: get<number | undefined>('rankingScoreThreshold', undefined),
  };
}

const LISTS = new Set(
  'attributesToRetrieve attributesToCrop attributesToHighlight sort facets attributesToSearchOn locales'.split(
    ' ',
  ),
);
const COUNTS = new Set(['offset', 'limit', 'page', 'hitsPerPage', 'cropLength']);
const FLAGS = new Set(
  'showMatchesPosition retrieveVectors showRankingScore showRankingScoreDetails showPerformanceDetails useNetwork'.split(
    ' ',
  ),
);

/** Turns the texts of a query string into the members of a search body. */
export function bodyFromQuery(query: ReadonlyMap<string, string>): JsonObject {
  const body: JsonObject = new Map();
  for (const [name, value] of query) {
    if (LISTS.has(name)) body.set(name, value.split(','));
    else if (COUNTS.has(name) && /^\d+$/.test(value)) body.set(name, Number(value));
    else if (FLAGS.has(name) && /^(true|false)$/.test(value)) body.set(name, value === 'true');
    else if (name === 'rankingScoreThreshold') body.set(name, new Float(Number(value)));
    else if (name === 'filter') body.set(name, value);
    else if (COUNTS.has(name)) throw notA('a positive integer', name, value);
    else if (FLAGS.has(name)) {
      throw notA('a boolean, expected either `true` or `false`', name, value);
    } else body.set(name, value);
  }
  return body;
}

function notA(what: string, name: string, value: string): EngineError {
  return new EngineError(
    SEARCH_CODES[name] ?? 'bad_request',
    `Invalid value in parameter \`${name}\`: could not parse \`${value}\` as ${what}`,
  );
}
