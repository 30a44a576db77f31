/**
 * Goal: documents are listed by distance although a node of the index has never seen a place; where none
 * has, or the list is refused for another reason, the refusal stands.
 * Method: three servers that list documents as nodes do, each with a document of its own; one index over
 * all three. Only some of the servers have seen `_geo`.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { encodeShard, encodeVersion } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, before, after, run } = suite('lists by distance');

const SHARDS = 6;
const NODES = ['n0', 'n1', 'n2'];
const SORT = ['_geoPoint(10, 10):asc', 'rank:desc'];

/** Which nodes have seen a place. */
let seeing: ReadonlySet<number> = new Set();
let nodes: Server[] = [];
let control: FakeControl;
let served: ServedApp;

before(async () => {
  nodes = NODES.map((_, node) =>
    createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const [status, answer] = answerOf(node, (JSON.parse(body || '{}').sort ?? []) as string[]);
      response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
    }),
  );
  await Promise.all(
    nodes.map((node) => new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve))),
  );
  const urls = nodes.map((node) => `http://127.0.0.1:${(node.address() as AddressInfo).port}`);
  control = new FakeControl(urls);
  control.indexes = [fakeIndex('striped', SHARDS, NODES, (shard) => shard % 3, {})];
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
}, 20_000);

after(async () => {
  await served.close();
  control.close();
  for (const node of nodes) node.close();
});

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
  served.call('POST', '/indexes/striped/documents/fetch', { body: { sort, ...more } });

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
