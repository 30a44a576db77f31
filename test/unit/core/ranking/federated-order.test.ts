/**
 * Goal: hits of queries that rank by different rules stand in a federation as on one node, and queries go to
 * nodes by themselves where that is not to be had otherwise.
 * Method: answers written by hand, one for each index.
 */
import * as assert from 'uvu/assert';
import {
  federatedRequests,
  mergeFederated,
  planFederated,
} from '../../../../core/ranking/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('order in a federation');

const ENVELOPE = { processingTimeMs: 1, requestUid: 'u' };

/** The answer of index `indexUid` with one hit; `rule` is its result, `score` that of all ranks. */
function answer(indexUid: string, id: number, rule: object, score: number) {
  const _federation = { indexUid, queriesPosition: 0, weightedRankingScore: score };
  const hit = { id, _federation, _rankingScore: score, _rankingScoreDetails: rule };
  const body = Buffer.from(JSON.stringify({ hits: [hit], estimatedTotalHits: 1 }));
  const positions = [indexUid === 'a' ? 0 : 1];
  return { body, request: { indexUid, positions, part: 'whole' as const } };
}

test('a score and a sort value cannot be compared: the better score of all ranks goes first', () => {
  const queries = [
    { indexUid: 'a', q: 'x' },
    { indexUid: 'b', sort: ['g:asc'] },
  ];
  const indexes = new Map(
    ['a', 'b'].map((uid) => [
      uid,
      { uid, primaryKey: 'id', settings: {}, hasSeveralOwners: false },
    ]),
  );
  const plan = planFederated({ body: { queries, federation: {} }, indexes });
  assert.ok(plan);
  const words = { words: { order: 0, matchingWords: 3, maxMatchingWords: 4, score: 0.75 } };
  const sorted = { 'g:asc': { order: 0, value: 5 } };
  const answers = [answer('a', 1, words, 0.75), answer('b', 2, sorted, 1)];
  const { chunks } = mergeFederated(plan, answers, ENVELOPE);
  const { hits } = JSON.parse(Buffer.concat(chunks).toString()) as { hits: { id: number }[] };
  assert.equal(
    hits.map(({ id }) => id),
    [2, 1],
  );
});

test('queries go by themselves where the last rule of nodes would order them amiss', () => {
  const INDEX = { uid: 'a', primaryKey: 'id', settings: {}, hasSeveralOwners: true };
  const partsOf = (
    queries: Record<string, unknown>[],
    federation: Record<string, unknown> = {},
  ) => {
    const asked = queries.map((query) => ({ indexUid: 'a', ...query }));
    const plan = planFederated({
      body: { queries: asked, federation },
      indexes: new Map([['a', INDEX]]),
    });
    assert.ok(plan);
    return federatedRequests(plan, INDEX);
  };
  const parts = (...input: Parameters<typeof partsOf>) => partsOf(...input).map(({ part }) => part);
  const APART = ['hits', 'hits', 'counts'];
  // Everything ties: the version would stand before the place of the query.
  assert.equal(parts([{ filter: 'n = 1' }, {}]), APART);
  assert.equal(parts([{ filter: 'n = 1' }, {}], { distinct: 'n' }), APART);
  // The version of the one would be compared with a value of the other.
  assert.equal(parts([{ sort: ['n:asc'] }, {}], { distinct: 'n' }), APART);
  assert.equal(parts([{ q: 'x', sort: ['n:asc'] }, { q: 'x' }]), APART);
  assert.equal(parts([{ q: 'x' }, { q: 'y' }]), ['whole']);
  // What the first leaves out for another node's document may come in by the second.
  assert.equal(parts([{ q: 'x', distinct: 'n' }, { q: 'y' }]), APART);
  assert.equal(parts([{ q: 'x', distinct: 'n' }, { q: 'y' }], { distinct: 'n' }), ['whole']);
  assert.equal(parts([{ q: 'x', distinct: 'n' }]), ['whole']);
  const counts = partsOf([{ q: 'x', matchingStrategy: 'all' }, {}]).at(-1)?.body['queries'];
  assert.equal(
    (counts as Record<string, unknown>[]).map((query) => query['matchingStrategy']),
    ['all', 'all'],
  );
});

test('queries of which some have no rule for words are counted by a sort that all share', () => {
  const settings = { rankingRules: ['n:asc', 'sort', 'words'] };
  const index = { uid: 'a', primaryKey: 'id', settings, hasSeveralOwners: true };
  const queries = [
    { indexUid: 'a', q: 'x', sort: ['n:desc'] },
    { indexUid: 'a', q: 'y', matchingStrategy: 'all' },
    { indexUid: 'a' },
  ];
  const plan = planFederated({
    body: { queries, federation: {} },
    indexes: new Map([['a', index]]),
  });
  assert.ok(plan);
  const counts = federatedRequests(plan, index).at(-1);
  assert.ok(counts?.part === 'counts');
  assert.equal(
    (counts.body['queries'] as Record<string, unknown>[]).map(({ sort }) => sort),
    Array(3).fill(['_miroir_version:asc']),
  );
});

test('a total is not below what is listed: what one query leaves out may stand there by another', () => {
  const settings = { distinctAttribute: 'g' };
  const indexes = new Map([
    ['a', { uid: 'a', primaryKey: 'id', settings, hasSeveralOwners: true }],
  ]);
  const queries = [{ indexUid: 'a' }, { indexUid: 'a', distinct: 'id' }];
  const plan = planFederated({ body: { queries, federation: {} }, indexes });
  assert.ok(plan);
  const told = (id: number, position: number, part: 'hits' | 'counts') => {
    const { body } = answer('a', id, {}, 1);
    const text = body.toString().replace('"id":', `"g":1,"_miroir_version":"${id}","id":`);
    const positions = part === 'hits' ? [position] : [0, 1];
    return { body: Buffer.from(text), request: { indexUid: 'a', positions, part } };
  };
  const { chunks } = mergeFederated(
    plan,
    [1, 2].flatMap((id) => [told(id, 0, 'hits'), told(id, 1, 'hits'), told(id, 0, 'counts')]),
    ENVELOPE,
  );
  const { hits, estimatedTotalHits } = JSON.parse(Buffer.concat(chunks).toString()) as {
    hits: object[];
    estimatedTotalHits: number;
  };
  assert.is(hits.length, 2);
  assert.is(estimatedTotalHits, 2);
});

test('a query formats all its hits as soon as one node has seen a field to be highlighted', () => {
  const indexes = new Map([
    ['a', { uid: 'a', primaryKey: 'id', settings: {}, hasSeveralOwners: true }],
  ]);
  const queries = [{ indexUid: 'a', q: 'x', attributesToHighlight: ['t'] }];
  const plan = planFederated({ body: { queries, federation: {} }, indexes });
  assert.ok(plan);
  const words = (share: number) => ({ words: { order: 0, matchingWords: 1, score: share } });
  const seen = answer('a', 1, words(1), 1);
  const text = seen.body.toString().replace('"id":1', '"id":1,"_formatted":{"id":"1"}');
  const merged = mergeFederated(
    plan,
    [{ ...seen, body: Buffer.from(text) }, answer('a', 2, words(0.5), 0.5)],
    ENVELOPE,
  );
  const { hits } = JSON.parse(Buffer.concat(merged.chunks).toString()) as {
    hits: { _formatted?: object }[];
  };
  assert.equal(
    hits.map(({ _formatted }) => _formatted),
    [{ id: '1' }, { id: '2' }],
  );
});

run();
