/**
 * Goal: what nodes refuse is refused as one node with all documents would do it: in the client's own words,
 * although nodes are asked with a filter that says the same otherwise; the first of several faults; with
 * the fields that any node has seen.
 * Method: three servers that refuse as nodes do. The first has never seen the field compared with `!=`, so
 * it has no use for the rest of the client's filter and takes it.
 */
import * as assert from 'uvu/assert';
import { suite } from '../../../kit/suite.ts';
import { type ServerNodes, startServerNodes } from './server-nodes.ts';

const { test, before, after, run } = suite('refusals');

const FILTER = 'seen != 1 AND _geoRadius(1, 2, 3)';

let world: ServerNodes;

before(async () => {
  world = await startServerNodes((node, { path, body }) => answerOf(node, path, body));
}, 20_000);

after(() => world.close());

function answerOf(node: number, path: string, body: string): [status: number, body: string] {
  if (path === '/multi-search') return refuseFederation(node, JSON.parse(body));
  if (path.endsWith('/documents/fetch')) {
    return [200, `{"results":[],"offset":0,"limit":0,"total":${node === 0 ? 0 : 5}}`];
  }
  const { filter } = JSON.parse(body || '{}') as { filter?: unknown };
  if (node === 0 && filter === FILTER) return [200, '{"hits":[],"estimatedTotalHits":0}'];
  const message = `Attribute \`_geo/_geojson\` is not filterable.\n${JSON.stringify(filter)}`;
  return refusal('invalid_search_filter', message);
}

interface Federation {
  readonly federation: { readonly distinct?: string; readonly facetsByIndex?: object };
  readonly queries: readonly {
    readonly q?: string;
    readonly page?: number;
    readonly filter?: unknown;
    readonly attributesToSearchOn?: unknown;
  }[];
}

function refuseFederation(node: number, { federation, queries }: Federation): [number, string] {
  const firstOf = (isAtFault: (query: Federation['queries'][number]) => boolean) => {
    const at = queries.findIndex(isAtFault);
    return at < 0 ? undefined : `Inside \`.queries[${at}]\`:`;
  };
  const paged = firstOf(({ page }) => page !== undefined);
  if (paged !== undefined) {
    return refusal('invalid_multi_search_query_pagination', `${paged} no pages here`);
  }
  if (federation.distinct !== undefined) {
    return refusal('invalid_search_distinct', 'Inside `.queries[0]`: not filterable');
  }
  if (queries.length > 1 && queries.some(({ q }) => q === undefined)) {
    return refusal('invalid_multi_search_query_ranking_rules', 'cannot be compared');
  }
  const isBad = (filter: unknown) => JSON.stringify(filter ?? '').includes('bad');
  const filtered = firstOf(({ filter }) => isBad(filter));
  if (filtered !== undefined) {
    const filter = queries.find((query) => isBad(query.filter))?.filter;
    const words = `Index \`striped\`: ${JSON.stringify(filter)}`;
    return refusal('invalid_search_filter', `${filtered} ${words}`);
  }
  const searched = firstOf(({ attributesToSearchOn }) => attributesToSearchOn !== undefined);
  if (searched !== undefined) {
    const names = `Available searchable attributes are: \`a, f${node}\`.`;
    const message = `${searched} Index \`striped\`: \`nope\` is not searchable. ${names}`;
    return refusal('invalid_search_attributes_to_search_on', message);
  }
  if (federation.facetsByIndex !== undefined) {
    return refusal('invalid_search_facets', 'Inside `.queries[0]`: no such facet');
  }
  return [200, '{"hits":[],"processingTimeMs":0,"limit":20,"offset":0,"estimatedTotalHits":0}'];
}

function refusal(code: string, message: string): [status: number, body: string] {
  return [400, JSON.stringify({ message, code, type: 'invalid_request', link: '' })];
}

const federated = async (federation: object, ...queries: object[]): Promise<string> => {
  const asked = queries.map((query) => ({ indexUid: 'striped', ...query }));
  const body = { federation, queries: asked };
  const { status, json } = await world.served.call('POST', '/multi-search', { body });
  assert.is(status, 400);
  return json.message;
};

test('a filter is quoted as it was sent, by whichever node refuses it', async () => {
  const { status, json } = await world.served.call('POST', '/indexes/striped/search', {
    body: { filter: FILTER },
  });
  assert.is(status, 400);
  assert.is(json.message, `Attribute \`_geo/_geojson\` is not filterable.\n"${FILTER}"`);
});

test('of the requests that stand for a federated search, the first fault of all is told', async () => {
  const told = await federated({ distinct: 'p' }, {}, { q: 'a' }, { q: 'b', page: 1 });
  assert.is(told, 'Inside `.queries[2]`: no pages here');
});

test('a federated filter is quoted as it was sent', async () => {
  const filter = 'seen != bad';
  const told = await federated({}, {}, { q: 'a', filter });
  assert.is(told, `Inside \`.queries[1]\`: Index \`striped\`: "${filter}"`);
});

test('queries that cannot be compared on a node are not asked at once to be quoted', async () => {
  const facetsByIndex = { striped: ['nope'] };
  const told = await federated({ facetsByIndex }, {}, { q: 'a', filter: 'seen != 1' });
  assert.is(told, 'Inside `.queries[0]`: no such facet');
});

test('a federated refusal names the fields that any node has seen', async () => {
  const told = await federated({}, { q: 'a', attributesToSearchOn: ['nope'] });
  assert.match(told, /attributes are: `a, f0, f1, f2`\.$/);
});

run();
