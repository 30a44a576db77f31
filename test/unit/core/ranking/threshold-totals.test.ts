/**
 * Goal: a total under a score threshold, under distinct and of vectors is that of one node, from where that
 * one stops to look (the engine's bucket_sort.rs; execute_vector_search in its new/mod.rs).
 * Method: nodes' answers written by hand, merged by the real plan.
 */
import * as assert from 'uvu/assert';
import {
  type JsonObject,
  mergeSearch,
  planSearch,
  type SearchPurpose,
} from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('totals from where a node stops');

const HYBRID = { vector: [1], hybrid: { embedder: 'e', semanticRatio: 1 } };

interface Said {
  /** The groups of the hits listed. */
  readonly groups?: readonly string[];
  readonly total: number;
  readonly counts?: Readonly<Record<string, number>>;
}

function answer({ groups = [], total, counts }: Said, body: JsonObject, node: number): Buffer {
  const hits = groups.map((g, at) => ({
    id: 2 * at + node,
    g,
    _miroir_version: encodeVersion({ seq: 2 * at + node + 1, position: 0 }),
  }));
  const name = body['hitsPerPage'] === undefined ? 'estimatedTotalHits' : 'totalHits';
  const facets = counts === undefined ? {} : { facetDistribution: { g: counts } };
  return Buffer.from(JSON.stringify({ hits, query: '', [name]: total, ...facets }));
}

/** The total that two nodes' answers come to, and the bodies that were planned. */
function totalOf(
  body: JsonObject,
  said: Partial<Record<SearchPurpose, readonly Said[]>>,
  most = 1000,
): {
  readonly total: number;
  readonly bodies: ReadonlyMap<SearchPurpose, JsonObject>;
  /** Of the distinct field. */
  readonly facet: JsonObject | undefined;
} {
  const settings = { filterableAttributes: ['g'], pagination: { maxTotalHits: most } };
  const index = { uid: 'i', primaryKey: 'id', settings, hasSeveralOwners: true };
  const plan = planSearch({ body, index });
  const bodies = new Map(plan.requests.map((one) => [one.purpose, one.body]));
  const answers = new Map<SearchPurpose, Buffer[]>();
  for (const [purpose, asked] of bodies) {
    const nodes = said[purpose];
    assert.ok(nodes !== undefined, `nobody expects ${purpose}`);
    answers.set(
      purpose,
      nodes.map((one, node) => answer(one, asked, node)),
    );
  }
  const { chunks } = mergeSearch(plan, answers, { processingTimeMs: 0, requestUid: 'x' });
  const merged = JSON.parse(Buffer.concat(chunks).toString());
  const facet = merged.facetDistribution?.g;
  return { total: merged.totalHits ?? merged.estimatedTotalHits ?? -1, bodies, facet };
}

test('of vectors a page is counted as a window: distinct for what it came upon alone', () => {
  const said = {
    main: [
      { groups: ['a', 'b'], total: 9 },
      { groups: ['a', 'c'], total: 9 },
    ],
    'distinct-values': [
      { total: 10, counts: { a: 2, b: 1, d: 7 } },
      { total: 10, counts: { a: 2, c: 1, d: 7 } },
    ],
  };
  for (const paging of [{ hitsPerPage: 2 }, { limit: 2 }]) {
    const { total, bodies } = totalOf({ ...HYBRID, distinct: 'g', ...paging }, said);
    // Of 20 the other three in group a are taken off, and none in group d.
    assert.is(total, 17);
    assert.not.ok(bodies.has('distinct-list'));
  }
});

test('a value that no count names is that of one document at least', () => {
  const { total } = totalOf(
    { distinct: 'g', limit: 5 },
    {
      main: [
        { groups: ['a', '5'], total: 2 },
        { groups: [], total: 0 },
      ],
      // Beside numbers, 5 is taken for one of them.
      'distinct-values': [{ total: 2, counts: { a: 1 } }, { total: 0 }],
    },
  );
  assert.is(total, 2);
});

test('what did not fill its window under a threshold is all there is', () => {
  const { total } = totalOf(
    { q: 'x', distinct: 'g', limit: 5, rankingScoreThreshold: 0.5 },
    {
      main: [
        { groups: ['a', 'b'], total: 4 },
        { groups: ['a', 'c'], total: 4 },
      ],
      'distinct-values': [{ total: 50 }, { total: 50 }],
      'no-threshold': [{ total: 50 }, { total: 50 }],
    },
  );
  assert.is(total, 3);
});

test('values of documents below the threshold are not listed in the facet of the distinct field', () => {
  const counted = [{ total: 50, counts: { a: 9, d: 41 } }, { total: 50 }];
  const body = { q: 'x', distinct: 'g', facets: ['g'], rankingScoreThreshold: 0.5 };
  const lists = [
    { groups: ['a', 'b'], total: 2, counts: { a: 1, b: 1 } },
    { groups: ['a', 'c'], total: 2, counts: { a: 1, c: 1 } },
  ];
  const said = {
    main: lists,
    'distinct-list': lists,
    'distinct-values': counted,
    'no-threshold': counted,
  };
  const expected = { a: 1, b: 1, c: 1 };
  assert.equal(totalOf({ ...body, limit: 5 }, said).facet, expected);
  assert.equal(totalOf({ ...body, hitsPerPage: 5 }, said).facet, expected);
  // A full page was filled before any node came to what lies below.
  assert.equal(totalOf({ ...body, limit: 3 }, said).facet, { a: 1, d: 41 });
});

test('what filled its window under a threshold is counted as without one', () => {
  const { total, bodies } = totalOf(
    { distinct: 'g', limit: 2, rankingScoreThreshold: 0.5 },
    {
      main: [
        { groups: ['a', 'b'], total: 4 },
        { groups: ['a', 'c'], total: 4 },
      ],
      'distinct-values': [
        { total: 10, counts: { a: 4, b: 6 } },
        { total: 10, counts: { a: 4, c: 6 } },
      ],
      'no-threshold': [{ total: 10 }, { total: 10 }],
    },
  );
  assert.is(total, 20 - 7 - 5);
  assert.not.ok('rankingScoreThreshold' in (bodies.get('distinct-values') ?? {}));
});

test('in pages under a threshold all candidates are ranked, but where a page ends at maxTotalHits', () => {
  const body = { q: 'x', distinct: 'g', rankingScoreThreshold: 0.5 };
  const lists = [
    { groups: ['a', 'b', 'd', 'e'], total: 4 },
    { groups: ['a', 'c', 'd', 'f'], total: 4 },
  ];
  const main = lists.map(({ groups, total }) => ({ groups: groups.slice(0, 2), total }));
  const said = {
    main,
    'distinct-list': lists,
    'distinct-values': [{ total: 50 }, { total: 50 }],
    'no-threshold': [{ total: 50 }, { total: 50 }],
  };
  const whole = totalOf({ ...body, hitsPerPage: 2 }, said, 5);
  assert.is(whole.total, 6);
  // Asked for five it would stop at the fifth.
  assert.is(whole.bodies.get('distinct-list')?.['hitsPerPage'], 4);
  assert.is(whole.bodies.get('distinct-list')?.['rankingScoreThreshold'], 0.5);
  const stopped = totalOf({ ...body, page: 2, hitsPerPage: 3 }, { ...said, main: lists }, 5);
  assert.is(stopped.total, 6);
  assert.is(stopped.bodies.get('distinct-list')?.['hitsPerPage'], 5);
  assert.not.ok('rankingScoreThreshold' in (stopped.bodies.get('distinct-list') ?? {}));
});

run();
