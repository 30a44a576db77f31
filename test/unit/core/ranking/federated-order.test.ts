/**
 * Goal: hits of queries that rank by different rules stand in a federation as on one node.
 * Method: answers written by hand, one for each index.
 */
import * as assert from 'uvu/assert';
import { mergeFederated, planFederated } from '../../../../core/ranking/index.ts';
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

run();
