/**
 * Goal: a federated search over several nodes ranks hits of all queries in one order, with the client's
 * own places of queries, and facets by index or merged.
 * Method: hand-made answers of two nodes, as bytes, and the one answer they stand for.
 */
import * as assert from 'uvu/assert';
import {
  canFacetOrdersDiffer,
  FacetOrders,
  type FederatedAnswer,
  federatedRequests,
  firstIncompatible,
  firstRefusal,
  forwardFederated,
  mergeFederated,
  planFederated,
  type RankedIndex,
  stripFederated,
} from '../../../../core/ranking/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('federated search');

function index(uid: string, settings: Record<string, unknown> = {}): [string, RankedIndex] {
  return [uid, { uid, primaryKey: 'id', settings, hasSeveralOwners: true }];
}

const ENVELOPE = { processingTimeMs: 1, requestUid: 'u' };

/** A hit of one rule, `words`, whose share is the score. */
function hit(id: number, query: { position: number; indexUid: string }, words: number): string {
  const version = `⊐⊐⊐⊐⊐⊐⊐⊐⊐⊑⊐⊐⊐⊐⊐${String.fromCharCode(0x2290 + id)}`;
  const details = `"words":{"order":0,"matchingWords":${words},"maxMatchingWords":4,"score":${words / 4}}`;
  const federation = `"indexUid":"${query.indexUid}","queriesPosition":${query.position},"weightedRankingScore":${words / 4}`;
  return `{"id":${id},"g":${id % 3},"_miroir_version":"${version}","_federation":{${federation}},"_rankingScore":${words / 4},"_rankingScoreDetails":{${details}}}`;
}

function answer(hits: readonly string[], more = ''): Buffer {
  return Buffer.from(`{"hits":[${hits.join(',')}],"estimatedTotalHits":${hits.length}${more}}`);
}

/** What a node said of one index. */
function part(
  indexUid: string,
  positions: readonly number[],
  body: Buffer,
  kind: FederatedAnswer['request']['part'] = 'whole',
): FederatedAnswer {
  return { body, request: { indexUid, positions, part: kind } };
}

interface Shown {
  readonly hits: { id: number; _federation: { queriesPosition: number; indexUid: string } }[];
  readonly estimatedTotalHits: number;
}

test('one node that holds everything is sent the request, and its answer passes without our fields', () => {
  const queries = [{ indexUid: 'a', q: 'x' }, { indexUid: 'b' }];
  const body = { queries, federation: { limit: 2, mergeFacets: {}, facetsByIndex: { a: ['*'] } } };
  const indexes = new Map([
    index('a', { filterableAttributes: ['g'] }),
    index('b', { displayedAttributes: ['g'] }),
  ]);
  const plan = planFederated({ body, indexes });
  assert.ok(plan);
  assert.equal(forwardFederated(plan, queries), {
    queries: [queries[0], { indexUid: 'b', attributesToRetrieve: ['g'] }],
    federation: { limit: 2, mergeFacets: {}, facetsByIndex: { a: ['g', 'g.*'] } },
  });
  const facets = ',"facetsByIndex":{"a":{"distribution":{"_miroir_shard":{"1":1},"g":{"2":1}}}}';
  const hits = [
    { position: 1, indexUid: 'b' },
    { position: 0, indexUid: 'a' },
  ] as const;
  const [first, second] = hits.map((query, id) => hit(id, query, 2));
  const { chunks } = stripFederated(plan, answer([first ?? '', second ?? ''], facets));
  const said = JSON.parse(Buffer.concat(chunks).toString());
  assert.equal(said.facetsByIndex, { a: { distribution: { g: { 2: 1 } } } });
  assert.equal(Object.keys(said.hits[0]), ['g', '_federation']);
  assert.is(said.hits[1].id, 1);
  assert.not.ok(JSON.stringify(said).includes('_miroir_'));
  assert.equal(said.hits[0]._federation.queriesPosition, 1);
});

test('nodes are sent the queries of their indexes; places stay the client’s', () => {
  const body = {
    queries: [
      { indexUid: 'a', q: 'x' },
      { indexUid: 'b', q: 'x', filter: 'c = 1' },
    ],
    federation: { offset: 1, limit: 2, facetsByIndex: { a: ['f'], b: null } },
  };
  const plan = planFederated({ body, indexes: new Map([index('a'), index('b')]) });
  assert.ok(plan);
  const [request, ...others] = federatedRequests(plan, index('b')[1], '_miroir_shard IN [x]');
  assert.is(others.length, 0);
  assert.equal(request?.positions, [1]);
  assert.equal(request?.body, {
    federation: { offset: 0, limit: 3, facetsByIndex: { b: null } },
    queries: [
      {
        indexUid: 'b',
        q: 'x',
        filter: ['c = 1', '_miroir_shard IN [x]'],
        showRankingScore: true,
        showRankingScoreDetails: true,
      },
    ],
  });
  const one = part('b', [1], answer([hit(1, { position: 0, indexUid: 'b' }, 2)]));
  const two = part('a', [0], answer([hit(2, { position: 0, indexUid: 'a' }, 4)]));
  const merged = mergeFederated({ ...plan }, [one, two], ENVELOPE);
  const shown = JSON.parse(Buffer.concat(merged.chunks).toString()) as Shown;
  assert.equal(shown.hits, [
    { id: 1, g: 1, _federation: { indexUid: 'b', queriesPosition: 1, weightedRankingScore: 0.5 } },
  ]);
  assert.is(shown.estimatedTotalHits, 2);
});

test('weights count, equals go by query and then by age, maxTotalHits holds for each index', () => {
  const body = {
    queries: [
      { indexUid: 'a', q: 'x', federationOptions: { weight: 0.5 } },
      { indexUid: 'b', q: 'x' },
    ],
    federation: {},
  };
  const indexes = new Map([index('a', { pagination: { maxTotalHits: 2 } }), index('b')]);
  const plan = planFederated({ body, indexes });
  assert.ok(plan);
  const a = { position: 0, indexUid: 'a' };
  const b = { position: 0, indexUid: 'b' };
  const merged = mergeFederated(
    plan,
    [
      part('b', [1], answer([hit(9, b, 3), hit(1, b, 2)])),
      part('a', [0], answer([hit(5, a, 4), hit(6, a, 1)])),
      part('a', [0], answer([hit(2, a, 4), hit(3, a, 4)])),
      part('b', [1], answer([hit(4, b, 1)])),
    ],
    ENVELOPE,
  );
  const shown = JSON.parse(Buffer.concat(merged.chunks).toString()) as Shown;
  // Score 0.5 each: query 0 of the weight 0.5 (ids 2, 3, 5 by age, at most two of them), then query 1.
  assert.equal(
    shown.hits.map((one) => one.id),
    [9, 2, 3, 1, 4],
  );
  assert.is(shown.estimatedTotalHits, 7);
});

test('facets by index follow each index, merged ones add up what is shown alike', () => {
  const facets = (counts: string) =>
    `,"facetsByIndex":{"a":{"distribution":{"f":{${counts}}},"stats":{}}}`;
  const queries = [{ indexUid: 'a', q: 'x' }];
  const indexes = new Map([index('a', { faceting: { maxValuesPerFacet: 2 } })]);
  const run = (federation: Record<string, unknown>) => {
    const plan = planFederated({ body: { queries, federation }, indexes });
    assert.ok(plan);
    const merged = mergeFederated(
      plan,
      [
        part('a', [0], answer([], facets('"x":1,"Y":2'))),
        part('a', [0], answer([], facets('"w":1,"x":3'))),
      ],
      ENVELOPE,
    );
    return JSON.parse(Buffer.concat(merged.chunks).toString()) as Record<string, unknown>;
  };
  const byIndex = run({ facetsByIndex: { a: ['f'] } });
  assert.equal(byIndex['facetsByIndex'], { a: { distribution: { f: { w: 1, x: 4 } }, stats: {} } });
  const merged = run({ facetsByIndex: { a: ['f'] }, mergeFacets: { maxValuesPerFacet: 1 } });
  assert.equal(merged['facetDistribution'], { f: { w: 1 } });
  assert.is(merged['facetsByIndex'], undefined);
});

test('a body that cannot be read is left to a node', () => {
  const indexes = new Map([index('a')]);
  for (const body of [
    { queries: 5, federation: {} },
    { queries: [{ indexUid: 'unknown' }], federation: {} },
    { queries: [5], federation: {} },
    { queries: [] },
  ]) {
    assert.is(planFederated({ body, indexes }), undefined);
  }
});

test('hits of a query are distinct over all nodes, by the query or by the index', () => {
  const a = { position: 0, indexUid: 'a' };
  const b = { position: 0, indexUid: 'b' };
  const queries = [{ indexUid: 'a', distinct: 'g' }, { indexUid: 'b' }];
  const indexes = new Map([index('a'), index('b', { distinctAttribute: 'g' })]);
  const plan = planFederated({ body: { queries, federation: {} }, indexes });
  assert.ok(plan);
  const answers = [
    part('a', [0], answer([hit(1, a, 4), hit(2, a, 1)])),
    part('b', [1], answer([hit(1, b, 3)])),
    part('a', [0], answer([hit(4, a, 3)])),
    part('b', [1], answer([hit(4, b, 2), hit(3, b, 1)])),
  ];
  const shown = JSON.parse(
    Buffer.concat(mergeFederated(plan, answers, ENVELOPE).chunks).toString(),
  ) as Shown;
  const found = shown.hits.map(({ id, _federation }) => [id, _federation.indexUid]);
  assert.equal(found, [
    [1, 'a'],
    [1, 'b'],
    [2, 'a'],
    [3, 'b'],
  ]);
  assert.is(shown.estimatedTotalHits, 4);
});

test('a distinct field that is not retrieved is asked for and not shown', () => {
  const query = { indexUid: 'a', distinct: 'g', attributesToRetrieve: ['id'] };
  const plan = planFederated({
    body: { queries: [query], federation: {} },
    indexes: new Map([index('a')]),
  });
  assert.ok(plan);
  const asked = plan.queries[0]?.body['attributesToRetrieve'] ?? [];
  assert.ok((asked as string[]).includes('g'));
});

test('facets of two orders are not merged, and what nodes would refuse of mergeFacets is theirs', () => {
  const queries = [{ indexUid: 'b' }, { indexUid: 'a' }];
  const facetsByIndex = { a: ['k'], b: ['k'] };
  const byCount = { faceting: { sortFacetValuesBy: { k: 'count' } } };
  const indexes = new Map([index('a', byCount), index('b')]);
  const planOf = (mergeFacets: unknown) =>
    planFederated({ body: { queries, federation: { facetsByIndex, mergeFacets } }, indexes });
  const conflictOf = (bySettings: Record<string, unknown>) => {
    const orders = new FacetOrders();
    const all = [
      { uid: 'a', settings: byCount, facets: ['k'] },
      { uid: 'b', settings: bySettings, facets: ['m', 'k*'] },
    ];
    const found = all.map((one) => orders.conflict(one, ['k', 'k.x']));
    return [canFacetOrdersDiffer(all), ...found];
  };
  assert.equal(conflictOf({}), [
    true,
    undefined,
    'Inside `.federation.facetsByIndex.b`: Inconsistent order for values in facet `k`: index `a` orders by count, but index `b` orders alphabetically.\n - Hint: Remove `federation.mergeFacets` or change `faceting.sortFacetValuesBy` to be consistent in settings.',
  ]);
  assert.equal(conflictOf(byCount), [false, undefined, undefined]);
  assert.ok(planOf({ maxValuesPerFacet: 3 }));
  for (const bad of [{ x: 1 }, [], 1, { maxValuesPerFacet: 'a' }, { maxValuesPerFacet: -1 }]) {
    assert.is(planOf(bad), undefined, JSON.stringify(bad));
  }
});

test('an index on one node keeps the order of its node', () => {
  const queries = [{ indexUid: 'a' }, { indexUid: 'b' }];
  const indexes = new Map(
    ['a', 'b'].map((uid) => [uid, { ...index(uid)[1], hasSeveralOwners: false }] as const),
  );
  const plan = planFederated({ body: { queries, federation: {} }, indexes });
  assert.ok(plan);
  const a = { position: 0, indexUid: 'a' };
  const b = { position: 0, indexUid: 'b' };
  const answers = [
    part('b', [1], answer([hit(6, b, 2), hit(4, b, 2)])),
    part('a', [0], answer([hit(3, a, 2), hit(2, a, 2), hit(5, a, 1)])),
  ];
  const shown = JSON.parse(
    Buffer.concat(mergeFederated(plan, answers, ENVELOPE).chunks).toString(),
  ) as Shown;
  assert.equal(
    shown.hits.map(({ id }) => id),
    [3, 2, 6, 4, 5],
  );
});

test('what distinct leaves out of another index is taken off facets and total', () => {
  const queries = [{ indexUid: 'a' }, { indexUid: 'b', attributesToRetrieve: ['id'] }];
  const indexes = new Map(
    ['a', 'b'].map((uid) => {
      const settings = { filterableAttributes: ['g', 'id'] };
      return [uid, { ...index(uid, settings)[1], hasSeveralOwners: false }] as const;
    }),
  );
  const facetsByIndex = { a: ['g'], b: ['g', 'id'] };
  const federation = { distinct: 'g', facetsByIndex };
  const plan = planFederated({ body: { queries, federation }, indexes });
  assert.ok(plan);
  const asked = plan.queries[1]?.body['attributesToRetrieve'];
  assert.ok(Array.isArray(asked) && asked.includes('g') && asked.includes('id'));
  const facets = (uid: string, text: string) =>
    `,"facetsByIndex":{"${uid}":{"distribution":${text},"stats":{}}}`;
  const a = { position: 0, indexUid: 'a' };
  const b = { position: 0, indexUid: 'b' };
  const merged = mergeFederated(
    plan,
    [
      part('a', [0], answer([hit(1, a, 4)], facets('a', '{"g":{"1":1}}'))),
      part(
        'b',
        [1],
        answer([hit(4, b, 2), hit(2, b, 1)], facets('b', '{"g":{"1":1,"2":1},"id":{"2":1,"4":1}}')),
      ),
    ],
    ENVELOPE,
  );
  const shown = JSON.parse(Buffer.concat(merged.chunks).toString());
  assert.is(shown.estimatedTotalHits, 2);
  assert.equal(shown.facetsByIndex.a.distribution, { g: { 1: 1 } });
  assert.equal(shown.facetsByIndex.b.distribution, { g: { 2: 1 }, id: { 2: 1 } });
});

test('queries that only nodes refuse to compare go by themselves and are counted together', () => {
  const queries = [{ indexUid: 'a', q: 'x', attributesToRetrieve: ['id'] }, { indexUid: 'a' }];
  const indexes = new Map([index('a')]);
  const federation = { limit: 3, facetsByIndex: { a: ['k'] } };
  const plan = planFederated({ body: { queries, federation }, indexes });
  assert.ok(plan);
  assert.is(firstIncompatible(plan), undefined);
  const requests = federatedRequests(plan, index('a')[1]);
  assert.equal(
    requests.map((request) => [request.part, request.positions]),
    [
      ['hits', [0]],
      ['hits', [1]],
      ['counts', [0, 1]],
    ],
  );
  const last = requests[2]?.body as { federation: object; queries: { q: string }[] };
  assert.equal(last.federation, { limit: 0, offset: 0, facetsByIndex: { a: ['k'] } });
  assert.equal(
    last.queries.map(({ q }) => q),
    ['x', '⊐'],
  );
  const one = { position: 0, indexUid: 'a' };
  const answers = [
    part('a', [0], answer([hit(2, one, 4)]), 'hits'),
    part('a', [1], answer([hit(1, one, 1), hit(2, one, 1)]), 'hits'),
    part('a', [0, 1], Buffer.from('{"hits":[],"estimatedTotalHits":5}'), 'counts'),
  ];
  const shown = JSON.parse(
    Buffer.concat(mergeFederated(plan, answers, ENVELOPE).chunks).toString(),
  ) as Shown;
  assert.equal(
    shown.hits.map(({ id, _federation }) => [id, _federation.queriesPosition]),
    [
      [2, 0],
      [1, 1],
    ],
  );
  assert.is(shown.estimatedTotalHits, 5);
});

test('of several refusals that of the first index in order is told, bodies and filters before all', () => {
  const queries = [
    { indexUid: 'b', q: 'x' },
    { indexUid: 'a', sort: ['n:asc'] },
    { indexUid: 'a' },
  ];
  const rankingRules = ['sort', 'words'];
  const indexes = new Map([index('a', { rankingRules }), index('b')]);
  const plan = planFederated({ body: { queries, federation: {} }, indexes });
  assert.ok(plan);
  const inside = (place: number, text: string, code = 'invalid_search_sort') => {
    return { code, message: `Inside \`.queries[${place}]\`: ${text}` };
  };
  const b = inside(0, 'Index `b`: x');
  const a = inside(2, 'Index `a`: x');
  const facets = inside(1, 'Inside `.federation.facetsByIndex.a`: x', 'invalid_search_facets');
  const filter = inside(0, 'x', 'invalid_search_filter');
  const filtered = inside(0, 'Index `b`: x', 'invalid_search_filter');
  assert.is(firstRefusal(plan, [b, a], []), 1);
  assert.is(firstRefusal(plan, [b, facets, a], []), 2);
  assert.is(firstRefusal(plan, [filtered, facets], []), 1);
  assert.is(firstRefusal(plan, [a, filter], []), 1);
  assert.is(firstRefusal(plan, [filter, { code: 'bad_request', message: 'x' }], []), 1);
  const found = firstIncompatible(plan);
  assert.ok(found);
  assert.is(found.position, 0);
  assert.is(firstRefusal(plan, [b], [found]), found);
  assert.is(firstRefusal(plan, [b, facets], [found]), 1);
  const early = { ...found, isOfIndex: true };
  assert.is(firstRefusal(plan, [b], [found, early]), early);
});

run();
