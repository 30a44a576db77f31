/**
 * Goal: distinct by a field that holds lists shows the documents and the page total of one node, be it that
 * nodes show few hits at once.
 * Method: random documents on three nodes. A dumb node keeps, in order, each document of which no value
 * was seen. The gateway's answer, after as many rounds as it wants, against one such node with everything.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  hitsWanted,
  type JsonObject,
  ListParts,
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
const MOST_DEFAULT = 1000;
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

/** A node's answer with `most` hits at most; `distinct` by tags or by what all differ in. */
function answer(docs: readonly Doc[], body: JsonObject, most: number): Buffer {
  const filter = JSON.stringify(body['filter'] ?? []);
  const wanted = docs.filter((doc) => !filter.includes(doc._miroir_version));
  const left = body['distinct'] === 'tags' ? survivors(wanted) : wanted;
  const isPaged = body['hitsPerPage'] !== undefined;
  const count = Math.min(most, hitsWanted(body));
  return Buffer.from(
    JSON.stringify({
      hits: left.slice(0, count),
      query: '',
      processingTimeMs: 0,
      [isPaged ? 'totalHits' : 'estimatedTotalHits']: left.length,
    }),
  );
}

/** A node's list, in as many parts as it takes. */
function list(docs: readonly Doc[], body: JsonObject, most: number): Buffer {
  if (hitsWanted(body) <= most) return answer(docs, body, most);
  const parts = new ListParts(body, most);
  for (let part = parts.next(); part !== undefined; part = parts.next()) {
    parts.add(answer(docs, part, most));
  }
  return Buffer.from(parts.whole());
}

/** The gateway's answer, and how many rounds without distinct it took. */
function merged(
  docs: readonly Doc[],
  body: JsonObject,
  most = MOST_DEFAULT,
): { text: JsonObject; rounds: number } {
  const nodes = Array.from({ length: NODES }, (_, node) =>
    docs.filter(({ id }) => (id * 7 + (id >> 2)) % NODES === node),
  );
  const settings = { pagination: { maxTotalHits: most } };
  const index = { uid: 'i', primaryKey: 'id', settings, hasSeveralOwners: true };
  const plan = planSearch({ body, index });
  const answers = new Map<SearchPurpose, Buffer[]>();
  const ask = (requests: typeof plan.requests) => {
    for (const one of requests) {
      answers.set(
        one.purpose,
        nodes.map((own) => list(own, one.body, most)),
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

test('nodes that show few hits at once are asked until nothing can be missing', () => {
  let few = 0;
  const most = fc.constantFrom(1, 3, 10, 40);
  fc.assert(
    fc.property(documents, most, fc.integer({ min: 1, max: 12 }), (docs, cap, limit) => {
      const { text, rounds } = merged(docs, { distinct: 'tags', limit }, cap);
      const all = survivors(docs);
      const ids = all.slice(0, Math.min(limit, cap)).map(({ id }) => id);
      assert.equal(idsOf(text), ids);
      const paged = merged(docs, { distinct: 'tags', hitsPerPage: limit }, cap).text;
      assert.equal([idsOf(paged), paged['totalHits']], [ids, all.length]);
      if (rounds > 0 && cap < 40) few += 1;
    }),
    { seed, numRuns: 100 },
  );
  assert.ok(few > 10, `without distinct: ${few}`);
});

test('documents of one value are counted once beyond what nodes list, by the counts of values', () => {
  // One node holds 0 to 499, the other 250 to 749: the same values on both sides.
  const docs = Array.from({ length: 1000 }, (_, id) => ({
    id,
    tags: [`t${id < 500 ? id : id - 250}`],
    _miroir_version: encodeVersion({ seq: id + 1, position: 0 }),
  }));
  const settings = { filterableAttributes: ['tags'], pagination: { maxTotalHits: 100 } };
  const index = { uid: 'i', primaryKey: 'id', settings, hasSeveralOwners: true };
  const plan = planSearch({ body: { distinct: 'tags', hitsPerPage: 5 }, index });
  const answers = new Map<SearchPurpose, Buffer[]>();
  for (const { purpose, body } of plan.requests) {
    const nodes = [docs.slice(0, 500), docs.slice(500)].map((own) => {
      const { hits, ...rest } = JSON.parse(answer(own, body, 100).toString()) as JsonObject;
      const counts = Object.fromEntries(own.map(({ tags }) => [tags[0], 1]));
      const facets = body['facets'] === undefined ? {} : { facetDistribution: { tags: counts } };
      return Buffer.from(JSON.stringify({ hits, ...rest, ...facets }));
    });
    answers.set(purpose, nodes);
  }
  const { chunks, wantedDepth } = mergeSearch(plan, answers, {
    processingTimeMs: 0,
    requestUid: 'x',
  });
  assert.is(wantedDepth, undefined);
  const { totalHits } = JSON.parse(Buffer.concat(chunks).toString()) as JsonObject;
  assert.is(totalHits, 750);
});

run();
