/**
 * Goal: a list longer than a node shows at once comes as if the node had shown it whole: every hit once, in
 * order, byte for byte, with the counts of the whole, in no more questions than it takes.
 * Method: a dumb node that shows a few hits at once and leaves out the versions it is told to.
 */
import * as assert from 'uvu/assert';
import {
  hitsWanted,
  type JsonObject,
  ListParts,
  mergeSimilar,
  planSimilar,
} from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('lists in parts');

/** Hits of 0 to `count`, numbers as no parser would write them again. */
function hitTexts(count: number, rule = (_: number): string => ''): string[] {
  return Array.from({ length: count }, (_, id) => {
    const version = encodeVersion({ seq: 1, position: id });
    return `{"id":${id},"n":1.${id}0,"_miroir_version":"${version}"${rule(id)}}`;
  });
}

/** What a node with these hits says that shows `most` at once. */
function answer(texts: readonly string[], most: number, body: JsonObject): Buffer {
  const filters = JSON.stringify(body['filter'] ?? '');
  const unseen = texts.filter((text) => {
    const version = /"_miroir_version":"([^"]+)"/.exec(text)?.[1] ?? '';
    return !filters.includes(version);
  });
  const shown = unseen.slice(0, Math.min(most, hitsWanted(body)));
  const counts = body['hitsPerPage'] === undefined ? 'estimatedTotalHits' : 'totalHits';
  return Buffer.from(`{"hits":[${shown.join(',')}],"query":"q","${counts}":${unseen.length}}`);
}

/** The whole of it, and the questions it took. */
function readWhole(
  texts: readonly string[],
  most: number,
  body: JsonObject,
): { whole: string; asked: JsonObject[] } {
  const parts = new ListParts(body, most);
  const asked: JsonObject[] = [];
  for (let part = parts.next(); part !== undefined; part = parts.next()) {
    asked.push(part);
    parts.add(answer(texts, most, part));
  }
  return { whole: Buffer.from(parts.whole()).toString(), asked };
}

test('all hits in order, with the bytes and the counts of one answer', () => {
  for (const [count, most, limit] of [
    [10, 3, 8],
    [10, 3, 9],
    [10, 3, 10],
    [10, 3, 100],
    [9, 3, 100],
    [10, 1, 4],
    [2, 3, 4],
    [0, 3, 4],
  ] as const) {
    const texts = hitTexts(count);
    const { whole, asked } = readWhole(texts, most, { limit, offset: 0, filter: 'a = 1' });
    const label = `${count} hits, ${most} at once, ${limit} wanted`;
    assert.is(whole, answer(texts, limit, { limit }).toString(), label);
    const wanted = Math.min(count, limit);
    const isSure = wanted === limit || wanted % most !== 0;
    assert.is(asked.length, Math.ceil(wanted / most) + (isSure && count > 0 ? 0 : 1), label);
    for (const { filter } of asked.slice(1)) assert.is((filter as string[])[0], 'a = 1', label);
  }
});

test('pages go on as windows, without what the first part brought of the whole', () => {
  const texts = hitTexts(7);
  const body = { page: 1, hitsPerPage: 5, facets: ['a'], q: 'x', distinct: '_miroir_version' };
  const { whole, asked } = readWhole(texts, 2, body);
  assert.equal(asked[0], body);
  const { filter: _filter, ...second } = asked[1] ?? {};
  assert.equal(second, { q: 'x', distinct: '_miroir_version', offset: 0, limit: 2 });
  assert.is(asked[2]?.['limit'], 1);
  assert.is(whole, answer(texts, 5, body).toString());
});

test('a list that goes on and on is left at some part', () => {
  const { asked } = readWhole(hitTexts(400), 1, { limit: 400 });
  assert.ok(asked.length < 400 && asked.length > 100, `${asked.length} parts`);
});

test('similar documents are shown beyond maxTotalHits, which caps their total alone', () => {
  const similarity = (id: number): string => {
    const details = `"vectorSort":{"order":0,"similarity":${1 - id / 100}}`;
    return `,"_rankingScore":${1 - id / 100},"_rankingScoreDetails":{${details}}`;
  };
  const texts = hitTexts(40, similarity);
  const nodes = [0, 1, 2].map((node) => texts.filter((_, id) => id % 3 === node));
  const shown = (most: number, body: JsonObject, rankingRules = ['words']) => {
    const settings = { pagination: { maxTotalHits: most }, rankingRules };
    const index = { uid: 'i', primaryKey: 'id', settings, hasSeveralOwners: true };
    const plan = planSimilar({ body: { id: 0, embedder: 'e', ...body }, index, vector: [1] });
    const main = nodes.map((own) => {
      return Buffer.from(readWhole(own, most, plan.requests[0]?.body ?? {}).whole);
    });
    const envelope = { processingTimeMs: 0, requestUid: 'x' };
    const { chunks } = mergeSimilar(plan, new Map([['main', main]]), envelope);
    const merged = JSON.parse(Buffer.concat(chunks).toString()) as {
      hits: { id: number }[];
      estimatedTotalHits: number;
    };
    return { ids: merged.hits.map(({ id }) => id), total: merged.estimatedTotalHits };
  };
  const range = (from: number, to: number) => [...Array(to - from).keys()].map((n) => n + from);
  for (const most of [1, 3, 1000]) {
    const total = Math.min(39, most);
    assert.equal(shown(most, {}), { ids: range(1, 21), total });
    assert.equal(shown(most, { offset: 30, limit: 5 }), { ids: range(31, 36), total });
    assert.equal(shown(most, { limit: 99 }), { ids: range(1, 40), total });
    assert.equal(shown(most, { offset: 99 }), { ids: [], total });
    // Nodes that rank by a field first are asked for all they have.
    assert.equal(shown(most, { limit: 99 }, ['n:asc', 'words']).ids, range(1, 40));
    assert.equal(shown(most, { rankingScoreThreshold: 0.9 }), {
      ids: range(1, 11),
      total: Math.min(10, most),
    });
  }
});

run();
