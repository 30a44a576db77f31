/** Search routes: search, multi-search without federation, facet search. */
import { randomBytes } from 'node:crypto';
import { anyJson, decodeObject, flag, list, missingField, orNull, text } from '../decode.ts';
import { EngineError } from '../errors.ts';
import { matchesPattern } from '../filter/patterns.ts';
import { selectFields, withVectors } from '../project.ts';
import { type Answer, type Call, checkIndexUid, type Route } from '../router.ts';
import { countFacets, searchFacet } from '../search/facets.ts';
import { type FormatOptions, formatDocument, matchPositions } from '../search/format.ts';
import { type Found, rankingScore, scoreDetails } from '../search/judge.ts';
import {
  bodyFromQuery,
  SEARCH_CODES,
  SEARCH_FIELDS,
  type SearchParams,
  searchFromBody,
  toParams,
} from '../search/params.ts';
import { runSearch, wordIndexOf } from '../search/run.ts';
import { textList } from '../settings.ts';
import type { IndexStore } from '../store.ts';
import { Float, type Json, type JsonObject, type Out } from '../value.ts';

export const searchRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/indexes/{index}/search',
    action: 'search',
    handler: (call) => search(call, searchFromBody(call.json())),
  },
  {
    method: 'GET',
    path: '/indexes/{index}/search',
    action: 'search',
    handler: (call) => search(call, searchFromBody(bodyFromQuery(call.query(SEARCH_CODES)))),
  },
  { method: 'POST', path: '/indexes/{index}/facet-search', action: 'search', handler: facets },
  { method: 'POST', path: '/multi-search', action: 'search', handler: multiSearch },
];

function search(call: Call, params: SearchParams): Answer {
  const index = call.engine.index(call.indexUid);
  return { status: 200, body: answerSearch(call, index, params) };
}

/** A uuid whose first part is the time. */
export function timeUuid(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  const random = randomBytes(10).toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`;
}

function answerSearch(call: Call, index: IndexStore, params: SearchParams): { [key: string]: Out } {
  const startedAt = performance.now();
  const prefix = `Index \`${index.uid}\`: `;
  const result = runSearch(index, params, {
    prefix,
    hasContains: call.engine.features.has('containsFilter'),
    extraFilter: call.access.filterFor(index.uid),
  });
  const format: FormatOptions = {
    params,
    terms: result.terms,
    rules: wordIndexOf(index).rules,
  };
  const hits = result.page.map((found) => hitView(index, found, format));
  const facetAnswer =
    params.facets === undefined ? undefined : countFacets(index, result.candidates, params.facets);
  const includesMetadata = /^(true|1)$/.test(call.header('meili-include-metadata') ?? '');
  return {
    hits,
    query: params.q ?? '',
    processingTimeMs: Math.round(performance.now() - startedAt),
    ...pageView(params, result.total),
    facetDistribution: facetAnswer?.distribution,
    facetStats: facetAnswer?.stats,
    requestUid: timeUuid(),
    metadata: includesMetadata
      ? {
          query: params.q ?? '',
          queryUid: timeUuid(),
          indexUid: index.uid,
          primaryKey: index.primaryKey ?? null,
        }
      : undefined,
  };
}

function pageView(params: SearchParams, total: number): { [key: string]: Out } {
  if (params.page === undefined && params.hitsPerPage === undefined) {
    return { limit: params.limit, offset: params.offset, estimatedTotalHits: total };
  }
  const hitsPerPage = params.hitsPerPage ?? 20;
  return {
    hitsPerPage,
    page: params.page ?? 1,
    totalPages: hitsPerPage === 0 ? 0 : Math.ceil(total / hitsPerPage),
    totalHits: total,
  };
}

function hitView(index: IndexStore, found: Found, format: FormatOptions): JsonObject {
  const { params } = format;
  const shown = textList(index.settings, 'displayedAttributes');
  const all = withVectors(found.document.fields, params.retrieveVectors);
  const displayed = selectFields(all, unlessAll(shown));
  const hit: JsonObject = new Map(selectFields(displayed, unlessAll(retrieved(params, shown))));
  const extra = (name: string, value: Out) => hit.set(name, value as Json);
  if (params.attributesToHighlight.length > 0 || params.attributesToCrop.length > 0) {
    const formatted = selectFields(displayed, formattedNames(params));
    extra('_formatted', formatDocument(formatted, format) as Out);
  }
  if (params.showMatchesPosition) {
    extra('_matchesPosition', matchPositions(displayed, format) as Out);
  }
  if (params.showRankingScore) extra('_rankingScore', new Float(rankingScore(found)));
  if (params.showRankingScoreDetails) {
    const isShown = (field: string) => isNamed(shown, field);
    extra('_rankingScoreDetails', scoreDetails(found, isShown) as Out);
  }
  return hit;
}

/** Where only some attributes are displayed, others cannot be asked for, not even parts of them. */
function retrieved(params: SearchParams, shown: readonly string[]): readonly string[] | undefined {
  const names = params.attributesToRetrieve;
  if (names === undefined || names.includes('*') || shown.includes('*')) return names;
  return names.filter((name) => shown.includes(name));
}

/** A list with `*` selects everything. */
function unlessAll(names: readonly string[] | undefined): readonly string[] | undefined {
  return names?.includes('*') === true ? undefined : names;
}

function formattedNames(params: SearchParams): readonly string[] | undefined {
  if (params.attributesToRetrieve === undefined || params.attributesToRetrieve.includes('*')) {
    return undefined;
  }
  return [
    ...params.attributesToRetrieve,
    ...params.attributesToHighlight,
    ...params.attributesToCrop.map((rule) => rule.replace(/:\d+$/, '')),
  ];
}

function multiSearch(call: Call): Answer {
  const body = decodeObject(
    call.json(),
    { path: '', code: 'bad_request' },
    { queries: { decode: list(anyJson) }, federation: { decode: anyJson } },
  );
  const queries = body.get('queries') as Json[] | undefined;
  if (queries === undefined) throw missingField('queries', { path: '', code: 'bad_request' });
  const federation = body.get('federation');
  if (federation !== undefined && federation !== null) {
    throw new EngineError('bad_request', 'This stand-in for Meilisearch has no federated search.');
  }
  const results = queries.map((query, i) => {
    const given = decodeObject(
      query,
      { path: `.queries[${i}]`, code: 'bad_request' },
      {
        indexUid: { decode: text, code: 'invalid_index_uid' },
        ...SEARCH_FIELDS,
        federationOptions: { decode: orNull(anyJson) },
      },
    );
    const uid = given.get('indexUid') as string | undefined;
    if (uid === undefined) {
      throw missingField('indexUid', { path: `.queries[${i}]`, code: 'missing_index_uid' });
    }
    return inside(i, () => {
      checkIndexUid(uid);
      if (!call.access.sees(uid)) {
        throw new EngineError('invalid_api_key', 'The provided API key is invalid.');
      }
      const index = call.engine.indexes.get(uid);
      if (index === undefined) {
        return { indexUid: uid, missing: true } as { [key: string]: Out };
      }
      return { indexUid: uid, ...answerSearch(call, index, toParams(given)) };
    });
  });
  const missing = results.findIndex((result) => result['missing'] === true);
  if (missing >= 0) {
    const uid = String(results[missing]?.['indexUid']);
    const error = new EngineError(
      'index_not_found',
      `Inside \`.queries[${missing}]\`: Index \`${uid}\` not found.`,
    );
    return { status: 400, body: error.body };
  }
  return { status: 200, body: { results } };
}

function inside<T>(position: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.code, `Inside \`.queries[${position}]\`: ${error.message}`);
  }
}

function facets(call: Call): Answer {
  const body = call.json();
  const place = { path: '', code: 'bad_request' };
  const given = decodeFacetSearch(body, place);
  const facetName = given.get('facetName') as string;
  const index = call.engine.index(call.indexUid);
  if (index.settings.get('facetSearch') === false) {
    throw new EngineError('facet_search_disabled', 'The facet search is disabled for this index');
  }
  const params = toParams(given);
  const result = runSearch(index, params, {
    prefix: '',
    hasContains: call.engine.features.has('containsFilter'),
    extraFilter: call.access.filterFor(index.uid),
  });
  const query = (given.get('facetQuery') as string | null | undefined) ?? null;
  return {
    status: 200,
    body: {
      facetHits: searchFacet(index, result.candidates, facetName, query),
      facetQuery: query,
      processingTimeMs: 0,
    },
  };
}

/** Members that are not known are passed over. */
function decodeFacetSearch(body: Json, place: { path: string; code: string }) {
  if (body instanceof Map && !body.has('facetName')) {
    throw missingField('facetName', { ...place, code: 'missing_facet_search_facet_name' });
  }
  const {
    q,
    filter,
    matchingStrategy,
    attributesToSearchOn,
    rankingScoreThreshold,
    locales,
    hybrid,
  } = SEARCH_FIELDS;
  const known = Object.fromEntries(
    Object.entries({
      q,
      filter,
      matchingStrategy,
      attributesToSearchOn,
      rankingScoreThreshold,
      locales,
      hybrid,
    }).flatMap(([name, field]) => (field === undefined ? [] : [[name, field]])),
  );
  const fields = {
    facetQuery: { decode: orNull(text), code: 'invalid_facet_search_query' },
    facetName: { decode: text, code: 'invalid_facet_search_facet_name' },
    ...known,
    exhaustiveFacetCount: {
      decode: orNull(flag),
      code: 'invalid_facet_search_exhaustive_facet_count',
    },
  };
  const isKnown = ([name]: [string, Json]) => Object.hasOwn(fields, name);
  const members = body instanceof Map ? new Map([...body].filter(isKnown)) : body;
  return decodeObject(members, place, fields);
}

/** Whether an attribute is among names that may hold wildcards. */
function isNamed(names: readonly string[], attribute: string): boolean {
  return names.some((name) => matchesPattern(name, attribute));
}
