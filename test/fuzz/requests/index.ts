/** Draws the requests of a scenario: every kind with its own share, each over a random index. */
import type { Kind } from '../kinds.ts';
import type { Rng } from '../rng.ts';
import type { IndexFacts } from '../scenario.ts';
import { makeBad, makeReserved } from './bad.ts';
import { makeFetch, makeGet, makeList } from './documents.ts';
import {
  makeFacetSearch,
  makeFields,
  makeIndexes,
  makeSettingsRead,
  makeSimilar,
  makeStats,
} from './lookups.ts';
import { makeFederated, makeMultiSearch } from './multi.ts';
import { type FuzzRequest, searchToQuery } from './request.ts';
import { makeSearch } from './search.ts';

const SHARES: readonly (readonly [weight: number, kind: Kind])[] = [
  [14, 'search'],
  [6, 'search-get'],
  [7, 'search-pages'],
  [7, 'search-facets'],
  [8, 'search-sort'],
  [4, 'search-geo'],
  [7, 'search-distinct'],
  [7, 'search-format'],
  [5, 'search-vector'],
  [5, 'multi-search'],
  [6, 'federated'],
  [5, 'facet-search'],
  [3, 'similar'],
  [5, 'documents-fetch'],
  [4, 'documents-list'],
  [3, 'documents-get'],
  [1, 'fields'],
  [1, 'stats'],
  [1, 'indexes'],
  [0.5, 'settings'],
  [4, 'bad-input'],
  [0.5, 'reserved'],
];

/** Makes the requests of one scenario. */
export function makeRequests(
  rng: Rng,
  facts: readonly IndexFacts[],
  options: { readonly requestCount: number; readonly only?: ReadonlySet<Kind> | undefined },
): FuzzRequest[] {
  const { only } = options;
  const shares = SHARES.filter(([, kind]) => only === undefined || only.has(kind));
  return Array.from({ length: options.requestCount }, () =>
    makeRequest(rng, facts, rng.weighted(shares)),
  );
}

function makeRequest(rng: Rng, facts: readonly IndexFacts[], kind: Kind): FuzzRequest {
  const fact = chooseIndex(rng, facts, kind);
  // without a suitable index such requests are errors: few of them are enough
  if (fact === undefined) return makeRequest(rng, facts, 'search');
  switch (kind) {
    case 'multi-search':
      return withMetadata(rng, makeMultiSearch(rng, facts));
    case 'federated':
      return withMetadata(rng, makeFederated(rng, facts));
    case 'facet-search':
      return makeFacetSearch(rng, fact);
    case 'similar':
      return makeSimilar(rng, fact);
    case 'documents-fetch':
      return makeFetch(rng, fact);
    case 'documents-list':
      return makeList(rng, fact);
    case 'documents-get':
      return makeGet(rng, fact);
    case 'fields':
      return makeFields(rng, fact);
    case 'stats':
      return makeStats(rng, fact);
    case 'indexes':
      return makeIndexes(rng, fact);
    case 'settings':
      return makeSettingsRead(rng, fact);
    case 'bad-input':
      return makeBad(rng, fact);
    case 'reserved':
      return makeReserved(rng, fact);
    default:
      return withMetadata(rng, searchRequest(rng, fact, kind));
  }
}

function searchRequest(rng: Rng, fact: IndexFacts, kind: Kind): FuzzRequest {
  const path = `/indexes/${fact.plan.uid}/search`;
  if (kind === 'search-get') {
    const flavour = rng.pick([
      'search',
      'search-pages',
      'search-sort',
      'search-facets',
      'search-format',
    ]);
    return { kind, method: 'GET', path, query: searchToQuery(makeSearch(rng, fact, flavour)) };
  }
  return { kind, method: 'POST', path, body: makeSearch(rng, fact, kind) };
}

/** Places, vectors and the like are asked of an index that has them; mostly none else is asked. */
function chooseIndex(rng: Rng, facts: readonly IndexFacts[], kind: Kind): IndexFacts | undefined {
  const suited = facts.filter(({ can, embedder }) => {
    if (kind === 'search-geo') return can.canSortGeo && can.canSort;
    if (kind === 'search-sort') return can.canSort;
    if (kind === 'search-vector' || kind === 'similar') return embedder !== undefined;
    if (kind === 'search-facets' || kind === 'search-distinct') return can.filterable.length > 0;
    if (kind === 'facet-search') return can.facetSearchable.length > 0;
    return true;
  });
  const pool = rng.chance(0.03) ? facts : suited;
  if (pool.length === 0) return undefined;
  // the first index is the larger one and gets most questions
  return rng.chance(0.7) ? pool[0] : rng.pick(pool);
}

function withMetadata(rng: Rng, request: FuzzRequest): FuzzRequest {
  return rng.chance(0.04)
    ? { ...request, headers: { 'meili-include-metadata': rng.pick(['true', '1', 'false']) } }
    : request;
}
