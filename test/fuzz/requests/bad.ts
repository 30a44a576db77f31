/**
 * Wrong requests: unknown parameters, wrong types, broken JSON, numbers out of range, missing parts,
 * wrong methods and paths, and requests that name the gateway's own fields (which only the gateway
 * refuses, so they are judged by rule and not by comparison).
 */
import { encode, type Json, num, type Obj } from '../json.ts';
import type { Rng } from '../rng.ts';
import type { IndexFacts } from '../scenario.ts';
import type { FuzzRequest } from './request.ts';
import { makeSearch } from './search.ts';

const WRONG_VALUES: readonly Json[] = [
  'x',
  -1,
  1.5,
  true,
  null,
  [],
  {},
  [1],
  ['a', 1],
  num('18446744073709551616'),
  num('1e400'),
  '',
  { a: 1 },
];
const SEARCH_PARAMETERS = [
  'q',
  'offset',
  'limit',
  'page',
  'hitsPerPage',
  'attributesToRetrieve',
  'retrieveVectors',
  'attributesToCrop',
  'cropLength',
  'cropMarker',
  'attributesToHighlight',
  'showMatchesPosition',
  'showRankingScore',
  'showRankingScoreDetails',
  'filter',
  'sort',
  'distinct',
  'facets',
  'matchingStrategy',
  'attributesToSearchOn',
  'rankingScoreThreshold',
  'locales',
  'hybrid',
  'vector',
  'highlightPreTag',
  'unknownParameter',
  'Limit',
];

/** A wrong request of any sort. */
export function makeBad(rng: Rng, facts: IndexFacts): FuzzRequest {
  const { uid } = facts.plan;
  const kind = 'bad-input';
  const path = `/indexes/${uid}/search`;
  return rng.weighted<() => FuzzRequest>([
    [8, () => ({ kind, method: 'POST', path, body: wrongSearch(rng, facts) })],
    [4, () => ({ kind, method: 'GET', path, query: wrongQuery(rng) })],
    [3, () => ({ kind, method: 'POST', path, raw: brokenBody(rng, facts) })],
    [2, () => ({ kind, method: 'POST', path, body: { q: 'a' }, headers: wrongType(rng) })],
    [
      3,
      () => ({
        kind,
        method: 'POST',
        path: `/indexes/${uid}/documents/fetch`,
        body: wrongFetch(rng),
      }),
    ],
    [
      2,
      () => ({ kind, method: 'POST', path: `/indexes/${uid}/facet-search`, body: wrongFacet(rng) }),
    ],
    [2, () => ({ kind, method: 'POST', path: `/indexes/${uid}/similar`, body: wrongSimilar(rng) })],
    [3, () => ({ kind, method: 'POST', path: '/multi-search', body: wrongMulti(rng, uid) })],
    [2, () => ({ kind, method: 'POST', path: `/indexes/${uid}/fields`, body: wrongFields(rng) })],
    [3, () => wrongPlace(rng, uid)],
  ])();
}

/** A request that names the gateway's own fields. */
export function makeReserved(rng: Rng, facts: IndexFacts): FuzzRequest {
  const { uid } = facts.plan;
  const name = rng.pick(['_miroir_shard', '_miroir_version', '_miroir_x']);
  const search: Obj = rng.pick<() => Obj>([
    () => ({ filter: `${name} EXISTS` }),
    () => ({ filter: [[`"${name}" = 1`]] }),
    () => ({ filter: `NOT (${name} = "⊐")` }),
    () => ({ sort: [`${name}:asc`] }),
    () => ({ facets: [name] }),
    () => ({ distinct: name }),
    () => ({ attributesToRetrieve: ['id', name] }),
    () => ({ attributesToHighlight: [name] }),
    () => ({ attributesToCrop: [name] }),
    () => ({ attributesToSearchOn: [name] }),
  ])();
  const kind = 'reserved';
  return rng.pick<FuzzRequest>([
    { kind, method: 'POST', path: `/indexes/${uid}/search`, body: search },
    {
      kind,
      method: 'POST',
      path: '/multi-search',
      body: { queries: [{ indexUid: uid, ...search }] },
    },
    {
      kind,
      method: 'POST',
      path: `/indexes/${uid}/documents/fetch`,
      body: rng.chance(0.5) ? { filter: `${name} EXISTS` } : { fields: [name] },
    },
    { kind, method: 'POST', path: `/indexes/${uid}/facet-search`, body: { facetName: name } },
  ]);
}

function wrongSearch(rng: Rng, facts: IndexFacts): Obj {
  const params = rng.chance(0.5) ? makeSearch(rng, facts, 'search') : {};
  for (const name of rng.some(SEARCH_PARAMETERS, 1, 2)) params[name] = rng.pick(WRONG_VALUES);
  return params;
}

function wrongQuery(rng: Rng): Record<string, string> {
  const texts = ['x', '-1', '1.5', 'true', '', 'a,b', '[', '99999999999999999999', 'null'];
  const query: Record<string, string> = {};
  for (const name of rng.some(
    [...SEARCH_PARAMETERS, 'hybridEmbedder', 'hybridSemanticRatio'],
    1,
    2,
  )) {
    query[name] = rng.pick(texts);
  }
  return query;
}

function brokenBody(rng: Rng, facts: IndexFacts): string {
  const whole = encode(makeSearch(rng, facts, 'search'));
  return rng.pick([
    whole.slice(0, Math.max(1, Math.floor(whole.length * rng.next()))),
    `${whole}x`,
    '',
    'null',
    '[]',
    '"q"',
    '5',
    '{"q":"a","q":"b"}',
    '{"q":"\\ud800"}',
    '{"limit":1e999}',
    '{"q":"a",}',
    '{"q":nul}',
    "{'q':1}",
  ]);
}

function wrongType(rng: Rng): Record<string, string> {
  return rng.pick<Record<string, string>>([
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-ndjson' },
    { 'content-type': 'application/json; charset=utf-8' },
    { 'content-type': 'APPLICATION/JSON' },
  ]);
}

function wrongFetch(rng: Rng): Obj {
  const names = ['limit', 'offset', 'fields', 'filter', 'ids', 'sort', 'retrieveVectors', 'nope'];
  return { [rng.pick(names)]: rng.pick(WRONG_VALUES) };
}

function wrongFacet(rng: Rng): Obj {
  const names = ['facetQuery', 'facetName', 'q', 'filter', 'matchingStrategy', 'limit', 'sort'];
  return {
    ...(rng.chance(0.7) ? { facetName: 'tag' } : {}),
    [rng.pick(names)]: rng.pick(WRONG_VALUES),
  };
}

function wrongSimilar(rng: Rng): Obj {
  const names = ['id', 'embedder', 'limit', 'offset', 'rankingScoreThreshold', 'q', 'filter'];
  const base = rng.chance(0.7) ? { id: 1, embedder: 'v' } : {};
  return { ...base, [rng.pick(names)]: rng.pick(WRONG_VALUES) };
}

function wrongMulti(rng: Rng, uid: string): Json {
  return rng.pick<Json>([
    {},
    { queries: null },
    { queries: {} },
    { queries: [null] },
    { queries: [{ q: 'a' }] },
    { queries: [{ indexUid: uid, nope: 1 }] },
    { queries: [{ indexUid: uid }, { indexUid: uid, limit: 'x' }] },
    { queries: [{ indexUid: uid }, { indexUid: 'missing' }] },
    { queries: [{ indexUid: uid, filter: 'no = ' }] },
    { queries: [{ indexUid: uid, federationOptions: { weight: 2 } }] },
    { federation: {}, queries: [{ indexUid: uid, limit: 3 }] },
    { federation: {}, queries: [{ indexUid: uid, page: 1 }] },
    { federation: {}, queries: [{ indexUid: uid, facets: ['tag'] }] },
    { federation: { limit: 'x' }, queries: [] },
    { federation: { nope: 1 }, queries: [{ indexUid: uid }] },
    { federation: { facetsByIndex: { missing: ['a'] } }, queries: [{ indexUid: uid }] },
    { federation: { facetsByIndex: { [uid]: ['no'] } }, queries: [{ indexUid: uid }] },
    { federation: { distinct: 'nope' }, queries: [{ indexUid: uid }] },
    { federation: {}, queries: [{ indexUid: uid, federationOptions: { weight: -1 } }] },
    { federation: {}, queries: [{ indexUid: uid, federationOptions: { remote: 'x' } }] },
    { federation: null, queries: [{ indexUid: uid, q: 'a' }] },
  ]);
}

function wrongFields(rng: Rng): Json {
  return rng.pick<Json>([
    { limit: 'x' },
    { offset: -1 },
    { nope: 1 },
    { filter: 'x' },
    { filter: { displayed: 1 } },
    { filter: { attributePatterns: 'a' } },
    { filter: { nope: true } },
    [],
    null,
  ]);
}

function wrongPlace(rng: Rng, uid: string): FuzzRequest {
  const kind = 'bad-input';
  return rng.pick<FuzzRequest>([
    { kind, method: 'POST', path: '/indexes/missing/search', body: { q: 'a' } },
    { kind, method: 'GET', path: '/indexes/missing/documents' },
    { kind, method: 'GET', path: '/indexes/missing/documents/1' },
    { kind, method: 'GET', path: '/indexes/missing/stats' },
    { kind, method: 'POST', path: '/indexes/missing/facet-search', body: { facetName: 'a' } },
    { kind, method: 'POST', path: '/indexes/bad%20uid/search', body: {} },
    { kind, method: 'GET', path: `/indexes/${uid}/nothing` },
    { kind, method: 'GET', path: '/nothing' },
    { kind, method: 'POST', path: `/indexes/${uid}/search/`, body: { q: 'a' } },
    { kind, method: 'PUT', path: `/indexes/${uid}/search`, body: { q: 'a' } },
    {
      kind,
      method: 'GET',
      path: `/indexes/${uid}/search`,
      headers: { authorization: 'Bearer no' },
    },
    { kind, method: 'GET', path: `/indexes/${uid}/search`, headers: { authorization: '' } },
    { kind, method: 'GET', path: `/indexes/${uid}/search`, headers: { authorization: 'basic x' } },
  ]);
}
