/** Reads of documents by themselves: lists, fetches with filter, order and identifiers, single ones. */
import { idOf } from '../history.ts';
import type { Json, Obj } from '../json.ts';
import type { Rng } from '../rng.ts';
import type { IndexFacts } from '../scenario.ts';
import { makeFilter } from './filter.ts';
import type { FuzzRequest } from './request.ts';
import { makeSort, someFields, stringsOf } from './search.ts';

/** POST documents/fetch. */
export function makeFetch(rng: Rng, facts: IndexFacts): FuzzRequest {
  const body = makeParams(rng, facts);
  const path = `/indexes/${facts.plan.uid}/documents/fetch`;
  return { kind: 'documents-fetch', method: 'POST', path, body };
}

/** GET documents: the same parameters as texts. */
export function makeList(rng: Rng, facts: IndexFacts): FuzzRequest {
  const query: Record<string, string> = {};
  for (const [key, value] of Object.entries(makeParams(rng, facts))) {
    if (value === undefined) continue;
    query[key] =
      Array.isArray(value) && key !== 'filter'
        ? value.map((item) => idOf(item)).join(',')
        : typeof value === 'string'
          ? value
          : JSON.stringify(value);
  }
  return {
    kind: 'documents-list',
    method: 'GET',
    path: `/indexes/${facts.plan.uid}/documents`,
    query,
  };
}

/** GET documents/{id}: present, deleted, unknown and ill-formed ones. */
export function makeGet(rng: Rng, facts: IndexFacts): FuzzRequest {
  const id = rng.chance(0.85)
    ? idOf(pickId(rng, facts))
    : rng.pick(['zzz', '-5', '05', '1.5', 'a b', 'é']);
  const query: Record<string, string> = {};
  if (rng.chance(0.4)) query['fields'] = stringsOf(someFields(rng, facts)).join(',');
  if (rng.chance(0.2)) query['retrieveVectors'] = rng.pick(['true', 'false', 'yes']);
  if (rng.chance(0.03)) query['limit'] = '3';
  return {
    kind: 'documents-get',
    method: 'GET',
    path: `/indexes/${facts.plan.uid}/documents/${encodeURIComponent(id)}`,
    query,
  };
}

function makeParams(rng: Rng, facts: IndexFacts): Obj {
  const params: Obj = {};
  if (rng.chance(0.6)) params['limit'] = rng.pick([1, 5, 20, 1000, 0]);
  if (rng.chance(0.4)) params['offset'] = rng.pick([1, 2, 3, 3, 15, 15, 500, 0]);
  if (rng.chance(0.4)) params['fields'] = someFields(rng, facts);
  if (rng.chance(facts.can.filterable.length > 0 ? 0.3 : 0.02))
    params['filter'] = makeFilter(rng, facts);
  if (rng.chance(facts.can.sortable.length > 0 ? 0.4 : 0.02)) params['sort'] = makeSort(rng, facts);
  if (rng.chance(0.2)) params['retrieveVectors'] = rng.chance(0.8);
  if (rng.chance(0.25)) {
    params['ids'] = Array.from({ length: rng.int(0, 6) }, () =>
      rng.chance(0.85) ? idOf(pickId(rng, facts)) : rng.pick(['none', 'b@d', '-1']),
    );
  }
  return params;
}

/** An identifier that was written at some time. */
export function pickId(rng: Rng, facts: IndexFacts): Json {
  return facts.samples.ids.length > 0 ? rng.pick(facts.samples.ids) : 1;
}
