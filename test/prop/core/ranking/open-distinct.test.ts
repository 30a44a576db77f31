/**
 * Goal: distinct by a field that holds lists shows the documents and the page total of one node.
 * Method: random documents on three nodes. A dumb node keeps, in order, each document of which no value
 * was seen. The gateway's answer, after as many rounds as it wants, against one such node with everything.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  type JsonObject,
  type MergedAnswer,
  mergeSearch,
  openRequests,
  planSearch,
  type SearchPurpose,
} from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { seed, suite } from '../../../kit/suite.ts';

const { test, run } = suite('distinct by lists');

interface Doc {
  readonly id: number;
  readonly tags: readonly string[];
  readonly _miroir_version: string;
}

const NODES = 3;
const ROUNDS_MAX = 4;
const INDEX = { uid: 'i', primaryKey: 'id', settings: {}, hasSeveralOwners: true };
const documents = fc
  .array(
    fc.uniqueArray(fc.constantFrom(...'abcdefghijklmnopqrstuvwx'), { minLength: 1, maxLength: 3 }),
    {
      minLength: 1,
      maxLength: 400,
      size: 'max',
    },
  )
  .map((list) =>
    list.map(
      (tags, id): Doc => ({
        id,
        tags,
        _miroir_version: encodeVersion({ seq: id + 1, position: 0 }),
      }),
    ),
  );

/** Documents of which no value was seen before, in order. */
function survivors(docs: readonly Doc[]): Doc[] {
  const seen = new Set<string>();
  return docs.filter(({ tags }) => {
    if (tags.some((tag) => seen.has(tag))) return false;
    for (const tag of tags) seen.add(tag);
    return true;
  });
}

/** A node's answer; `distinct` by tags or by what all differ in. */
function answer(docs: readonly Doc[], body: JsonObject): Buffer {
  const left = body['distinct'] === 'tags' ? survivors(docs) : docs;
  const isPaged = body['hitsPerPage'] !== undefined;
  const count = Number(body[isPaged ? 'hitsPerPage' : 'limit']);
  return Buffer.from(
    JSON.stringify({
      hits: left.slice(0, count),
      query: '',
      processingTimeMs: 0,
      [isPaged ? 'totalHits' : 'estimatedTotalHits']: left.length,
    }),
  );
}

/** The gateway's answer, and how many rounds without distinct it took. */
function merged(docs: readonly Doc[], body: JsonObject): { text: JsonObject; rounds: number } {
  const nodes = Array.from({ length: NODES }, (_, node) =>
    docs.filter(({ id }) => (id * 7 + (id >> 2)) % NODES === node),
  );
  const plan = planSearch({ body, index: INDEX });
  const answers = new Map<SearchPurpose, Buffer[]>();
  const ask = (requests: typeof plan.requests) => {
    for (const one of requests) {
      answers.set(
        one.purpose,
        nodes.map((own) => answer(own, one.body)),
      );
    }
  };
  ask(plan.requests);
  const envelope = { processingTimeMs: 0, requestUid: 'x' };
  let result: MergedAnswer = mergeSearch(plan, answers, envelope);
  let rounds = 0;
  while (result.wantedDepth !== undefined) {
    rounds += 1;
    assert.ok(rounds <= ROUNDS_MAX, 'the rounds end');
    const openDepth = result.wantedDepth;
    ask(openRequests(plan, openDepth));
    result = mergeSearch(plan, answers, { ...envelope, openDepth });
  }
  return { text: JSON.parse(Buffer.concat(result.chunks).toString()) as JsonObject, rounds };
}

const idsOf = (text: JsonObject) => (text['hits'] as Doc[]).map(({ id }) => id);

test('a page shows the survivors of the whole', () => {
  let asked = 0;
  let deep = 0;
  fc.assert(
    fc.property(documents, fc.nat(12), fc.integer({ min: 1, max: 12 }), (docs, offset, limit) => {
      const { text, rounds } = merged(docs, { distinct: 'tags', offset, limit });
      const wanted = survivors(docs).slice(offset, offset + limit);
      assert.equal(
        idsOf(text),
        wanted.map(({ id }) => id),
      );
      assert.ok(
        Number(text['estimatedTotalHits']) >= wanted.length,
        'no total below what is shown',
      );
      if (rounds > 0) asked += 1;
      if (rounds > 1) deep += 1;
    }),
    { seed, numRuns: 200 },
  );
  assert.ok(asked > 50, `without distinct: ${asked}`);
  assert.ok(deep > 0, `asked twice: ${deep}`);
});

test('pages count the survivors of the whole', () => {
  fc.assert(
    fc.property(documents, fc.integer({ min: 1, max: 12 }), (docs, hitsPerPage) => {
      const { text } = merged(docs, { distinct: 'tags', page: 2, hitsPerPage });
      const all = survivors(docs);
      assert.is(text['totalHits'], all.length);
      assert.equal(
        idsOf(text),
        all.slice(hitsPerPage, 2 * hitsPerPage).map(({ id }) => id),
      );
    }),
    { seed, numRuns: 100 },
  );
});

run();
