/** Several searches in one request, plain and federated, right and wrong. */
import type { Json, Obj } from '../json.ts';
import type { Rng } from '../rng.ts';
import type { IndexFacts } from '../scenario.ts';
import { filterField } from './filter.ts';
import type { FuzzRequest } from './request.ts';
import { makeFacets, makeSearch } from './search.ts';

const SEARCH_KINDS = ['search', 'search-sort', 'search-facets', 'search-format', 'search-distinct'];

/** A plain multi-search. */
export function makeMultiSearch(rng: Rng, facts: readonly IndexFacts[]): FuzzRequest {
  const queries = Array.from(
    { length: rng.chance(0.05) ? rng.pick([0, 12]) : rng.int(1, 3) },
    (): Json => {
      const fact = rng.pick(facts);
      return { indexUid: indexUid(rng, fact), ...makeSearch(rng, fact, rng.pick(SEARCH_KINDS)) };
    },
  );
  return { kind: 'multi-search', method: 'POST', path: '/multi-search', body: { queries } };
}

/** A federated search: one list of hits from several searches. */
export function makeFederated(rng: Rng, facts: readonly IndexFacts[]): FuzzRequest {
  const base = rng.chance(0.65) ? [rng.pick(facts)] : facts;
  const queries = Array.from({ length: rng.int(1, 3) }, (): Json => {
    const fact = rng.pick(base);
    const params = makeSearch(
      rng,
      fact,
      rng.pick(['search', 'search', 'search-sort', 'search-format']),
    );
    if (!rng.chance(0.03)) {
      for (const name of ['offset', 'limit', 'page', 'hitsPerPage', 'facets']) delete params[name];
    }
    delete params['showPerformanceDetails'];
    if (rng.chance(0.85)) delete params['sort'];
    if (rng.chance(0.7)) delete params['distinct'];
    const options: Obj = rng.chance(0.4)
      ? { federationOptions: { weight: rng.pick([1, 0.5, 2, 0, 1.3]) } }
      : {};
    return { indexUid: indexUid(rng, fact), ...params, ...options };
  });
  const body = { federation: federation(rng, base), queries };
  return { kind: 'federated', method: 'POST', path: '/multi-search', body };
}

function federation(rng: Rng, facts: readonly IndexFacts[]): Json {
  const options: Obj = {};
  if (rng.chance(0.3)) {
    options['page'] = rng.pick([1, 2, 0]);
    options['hitsPerPage'] = rng.pick([2, 10, 50]);
  } else {
    if (rng.chance(0.6)) options['limit'] = rng.pick([1, 5, 50, 0]);
    if (rng.chance(0.3)) options['offset'] = rng.pick([1, 4, 30]);
  }
  if (rng.chance(0.4)) {
    options['facetsByIndex'] = Object.fromEntries(
      facts.map((fact) => [fact.plan.uid, rng.chance(0.1) ? null : makeFacets(rng, fact)]),
    );
    if (rng.chance(0.5)) {
      options['mergeFacets'] = rng.pick<Json>([{}, { maxValuesPerFacet: rng.int(1, 5) }, null]);
    }
  }
  if (rng.chance(0.15)) options['distinct'] = filterField(rng, rng.pick(facts));
  return options;
}

function indexUid(rng: Rng, fact: IndexFacts): Json {
  return rng.chance(0.01) ? rng.pick<Json>(['missing', 'bad uid', '', 7]) : fact.plan.uid;
}
