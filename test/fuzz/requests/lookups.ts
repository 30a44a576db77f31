/** Facet search, similar documents, fields, statistics, indexes and settings. */
import type { Json, Obj } from '../json.ts';
import type { Rng } from '../rng.ts';
import type { IndexFacts } from '../scenario.ts';
import { pickId } from './documents.ts';
import { filterField, makeFilter } from './filter.ts';
import type { FuzzRequest } from './request.ts';
import { makeQuery, someFields } from './search.ts';

/** POST facet-search. */
export function makeFacetSearch(rng: Rng, facts: IndexFacts): FuzzRequest {
  const good = facts.can.facetSearchable;
  const name = good.length > 0 && !rng.chance(0.05) ? rng.pick(good) : filterField(rng, facts);
  const values = (facts.samples.values.get(name) ?? []).filter((v) => typeof v === 'string');
  const body: Obj = { facetName: name };
  if (rng.chance(0.7)) {
    const value = values.length > 0 && rng.chance(0.8) ? String(rng.pick(values)) : 'a';
    body['facetQuery'] = rng.chance(0.7) ? [...value].slice(0, rng.int(1, 5)).join('') : value;
  }
  if (rng.chance(0.3)) body['q'] = makeQuery(rng, facts);
  if (rng.chance(facts.can.filterable.length > 0 ? 0.25 : 0.02))
    body['filter'] = makeFilter(rng, facts);
  if (rng.chance(0.15)) body['matchingStrategy'] = rng.pick(['last', 'all', 'frequency']);
  if (rng.chance(0.1)) body['attributesToSearchOn'] = rng.some(facts.samples.topFields, 1, 2);
  if (rng.chance(0.2)) body['exhaustiveFacetCount'] = rng.chance(0.5);
  if (rng.chance(0.05)) body['rankingScoreThreshold'] = 0.5;
  const path = `/indexes/${facts.plan.uid}/facet-search`;
  return { kind: 'facet-search', method: 'POST', path, body };
}

/** Similar documents, as POST or GET. */
export function makeSimilar(rng: Rng, facts: IndexFacts): FuzzRequest {
  const body: Obj = {
    id: rng.chance(0.93) ? pickId(rng, facts) : rng.pick<Json>(['none', 'b@d', -7, null]),
    embedder: rng.chance(0.03) ? 'nope' : (facts.embedder?.name ?? 'v'),
  };
  if (rng.chance(0.5)) body['limit'] = rng.pick([1, 5, 50, 0]);
  if (rng.chance(0.3)) body['offset'] = rng.pick([1, 3, 40]);
  if (rng.chance(facts.can.filterable.length > 0 ? 0.3 : 0.02))
    body['filter'] = makeFilter(rng, facts);
  if (rng.chance(0.3)) body['attributesToRetrieve'] = someFields(rng, facts);
  if (rng.chance(0.3)) body['showRankingScore'] = true;
  if (rng.chance(0.2)) body['showRankingScoreDetails'] = true;
  if (rng.chance(0.2)) body['rankingScoreThreshold'] = rng.pick([0, 0.3, 0.8, 1]);
  if (rng.chance(0.2)) body['retrieveVectors'] = true;
  const path = `/indexes/${facts.plan.uid}/similar`;
  if (rng.chance(0.6)) return { kind: 'similar', method: 'POST', path, body };
  const query: Record<string, string> = {};
  for (const [key, value] of Object.entries(body)) {
    query[key] = Array.isArray(value) && key !== 'filter' ? value.join(',') : textOf(value);
  }
  return { kind: 'similar', method: 'GET', path, query };
}

/** POST fields. */
export function makeFields(rng: Rng, facts: IndexFacts): FuzzRequest {
  const body: Obj = {};
  if (rng.chance(0.5)) body['limit'] = rng.pick([1, 5, 100, 0]);
  if (rng.chance(0.4)) body['offset'] = rng.pick([1, 3, 50]);
  if (rng.chance(0.5)) {
    const filter: Obj = {};
    const names = ['displayed', 'searchable', 'sortable', 'distinct', 'rankingRule', 'filterable'];
    for (const name of rng.some(names, 0, 2)) filter[name] = rng.chance(0.6);
    if (rng.chance(0.3))
      filter['attributePatterns'] = rng.some(['t*', '*e', 'meta.*', 'id', '*'], 1, 2);
    body['filter'] = filter;
  }
  return { kind: 'fields', method: 'POST', path: `/indexes/${facts.plan.uid}/fields`, body };
}

/** GET stats, of one index or all. */
export function makeStats(rng: Rng, facts: IndexFacts): FuzzRequest {
  const path = rng.chance(0.6) ? `/indexes/${facts.plan.uid}/stats` : '/stats';
  const query: Record<string, string> = {};
  if (rng.chance(0.2)) query['sizeFormat'] = rng.pick(['human', 'raw', 'big']);
  if (rng.chance(0.1)) query['showInternalDatabaseSizes'] = rng.pick(['true', 'false']);
  return { kind: 'stats', method: 'GET', path, query };
}

/** GET indexes, all or one, known or not. */
export function makeIndexes(rng: Rng, facts: IndexFacts): FuzzRequest {
  if (rng.chance(0.5)) {
    const uid = rng.chance(0.7)
      ? facts.plan.uid
      : rng.pick(['missing', 'bad%20uid', 'x'.repeat(401)]);
    return { kind: 'indexes', method: 'GET', path: `/indexes/${uid}` };
  }
  const query: Record<string, string> = {};
  if (rng.chance(0.5)) query['limit'] = rng.pick(['1', '0', '100', '-1', 'x']);
  if (rng.chance(0.5)) query['offset'] = rng.pick(['1', '0', '5']);
  return { kind: 'indexes', method: 'GET', path: '/indexes', query };
}

/** GET settings, whole or one of them. */
export function makeSettingsRead(rng: Rng, facts: IndexFacts): FuzzRequest {
  const part = rng.pick([
    '',
    '/filterable-attributes',
    '/sortable-attributes',
    '/displayed-attributes',
    '/searchable-attributes',
    '/ranking-rules',
    '/faceting',
    '/pagination',
    '/typo-tolerance',
    '/distinct-attribute',
    '/embedders',
    '/stop-words',
    '/synonyms',
  ]);
  return { kind: 'settings', method: 'GET', path: `/indexes/${facts.plan.uid}/settings${part}` };
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
