/**
 * Goal: documents are listed by distance although a node of the index has never seen a place; where none
 * has, or the list is refused for another reason, the refusal stands.
 * Method: three servers that list documents as nodes do, each with a document of its own; one index over
 * all three. Only some of the servers have seen `_geo`.
 */
import * as assert from 'uvu/assert';
import { encodeShard, encodeVersion } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';
import { type ServerNodes, startServerNodes } from './server-nodes.ts';

const { test, before, after, run } = suite('lists by distance');

const SORT = ['_geoPoint(10, 10):asc', 'rank:desc'];

/** Which nodes have seen a place. */
let seeing: ReadonlySet<number> = new Set();
let world: ServerNodes;

before(async () => {
  world = await startServerNodes((node, { body }) =>
    answerOf(node, (JSON.parse(body || '{}').sort ?? []) as string[]),
  );
}, 20_000);

after(() => world.close());

function answerOf(node: number, sort: readonly string[]): [status: number, body: string] {
  if (sort.some((entry) => entry.startsWith('other:'))) return refusal('other');
  if (!seeing.has(node) && sort.some((entry) => entry.startsWith('_geoPoint'))) {
    return refusal('_geo');
  }
  const place = seeing.has(node) ? `,"_geo":{"lat":${node},"lng":10}` : '';
  const own = `"_miroir_shard":"${encodeShard(node)}","_miroir_version":"${encodeVersion({ seq: 1, position: node })}"`;
  const document = `{"id":${node},"rank":${node}${place},${own}}`;
  return [200, `{"results":[${document}],"offset":0,"limit":20,"total":1}`];
}

function refusal(field: string): [status: number, body: string] {
  const message = `Attribute \`${field}\` is not sortable. Available sortable attributes are: \`_geo, rank\`.`;
  const code = 'invalid_document_sort';
  return [400, JSON.stringify({ message, code, type: 'invalid_request', link: '' })];
}

const list = (sort: readonly string[], more: object = {}) =>
  world.served.call('POST', '/indexes/striped/documents/fetch', { body: { sort, ...more } });

const idsOf = (answer: { json: { results: { id: number }[] } }) =>
  answer.json.results.map(({ id }) => id);

test('nodes without places list theirs behind all others', async () => {
  seeing = new Set([1]);
  const answer = await list(SORT);
  assert.is(answer.status, 200, answer.text);
  assert.equal(idsOf(answer), [1, 2, 0]);
  assert.is(answer.json.total, 3);
  assert.equal(idsOf(await list(SORT, { offset: 1, limit: 1 })), [2]);
  seeing = new Set([0, 2]);
  assert.equal(idsOf(await list(SORT)), [2, 0, 1]);
});

test('one that is asked alone lists its own, as others have seen places', async () => {
  seeing = new Set([1]);
  const { json } = await list(SORT);
  for (const { id } of json.results) {
    const answer = await list(SORT, { ids: [id] });
    assert.is(answer.status, 200, answer.text);
  }
});

test('where no node has seen a place the list is refused, as by one node', async () => {
  seeing = new Set();
  const answer = await list(SORT);
  assert.is(answer.status, 400);
  assert.match(answer.json.message, /^Attribute `_geo` is not sortable/);
});

test('another fault of the sort is still told', async () => {
  seeing = new Set([1]);
  const answer = await list([...SORT, 'other:asc']);
  assert.is(answer.status, 400);
  assert.match(answer.json.message, /^Attribute `other` is not sortable/);
});

run();
