/**
 * Goal: explain tells how a read is really answered: the copies asked and why, the bodies sent, what
 * each node said, which rule put one hit before the next, and how near the answer is to one node's; and
 * it opens nothing to a caller without the admin token.
 * Method: an app over three stand-in nodes with one striped index and one on a single node.
 */
import * as assert from 'uvu/assert';
import { shardOfKey } from '../../../../core/placement/index.ts';
import { encodeShard, encodeVersion } from '../../../../core/reserved/index.ts';
import { toNodeSettings } from '../../../../core/settings/index.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex, MASTER_KEY } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, before, after, run } = suite('explain');

const SHARDS = 8;
const SETTINGS = { filterableAttributes: ['year'], sortableAttributes: ['year'] };
const ADMIN = 'Bearer admin-token';
const SEARCH = '/indexes/striped/search';

let engines: RunningEngine[] = [];
let control: FakeControl;
let served: ServedApp;

before(async () => {
  engines = await Promise.all([1, 2, 3].map(() => startEngine({ masterKey: MASTER_KEY })));
  control = new FakeControl(engines.map(({ url }) => url));
  const settingsJson = Buffer.from(JSON.stringify(SETTINGS));
  const nodes = ['n0', 'n1', 'n2'];
  control.indexes = [
    fakeIndex('striped', SHARDS, nodes, (shard) => shard % 3, { settingsJson }),
    fakeIndex('single', SHARDS, nodes, () => 1, { settingsJson }),
  ];
  await Promise.all([place('striped', (shard) => shard % 3), place('single', () => 1)]);
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
}, 20_000);

after(async () => {
  await served.close();
  control.close();
  await Promise.all(engines.map((engine) => engine.close()));
});

async function place(uid: string, nodeOf: (shard: number) => number): Promise<void> {
  const perNode: string[][] = [[], [], []];
  for (let id = 0; id < 30; id += 1) {
    const shard = shardOfKey(String(id), SHARDS);
    const own = `"_miroir_shard":"${encodeShard(shard)}","_miroir_version":"${encodeVersion({ seq: 1, position: id })}"`;
    perNode[nodeOf(shard)]?.push(`{"id":${id},"title":"word common","year":${id % 7},${own}}`);
  }
  for (const [node, texts] of perNode.entries()) {
    if (texts.length === 0) continue;
    const hasSeveralOwners = uid === 'striped';
    const settings = toNodeSettings(SETTINGS, { hasSeveralOwners });
    await send(node, 'PATCH', `/indexes/${uid}/settings`, JSON.stringify(settings));
    await send(node, 'POST', `/indexes/${uid}/documents?primaryKey=id`, `[${texts.join(',')}]`);
  }
}

async function send(node: number, method: string, path: string, body: string): Promise<void> {
  const headers = { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' };
  const url = engines[node]?.url ?? '';
  const response = await fetch(url + path, { method, headers, body });
  assert.is(response.status, 202, await response.text());
  for (;;) {
    const tasks = await fetch(`${url}/tasks?statuses=enqueued,processing`, { headers });
    if (((await tasks.json()) as { total: number }).total === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
async function explain(body: unknown, authorization = ADMIN): Promise<any> {
  const answer = await served.call('POST', '/_miroir/explain', { body, authorization });
  return { ...answer.json, httpStatus: answer.status };
}

test('a striped search: who was asked what, and which rule decided', async () => {
  const body = { q: 'common', sort: ['year:desc'], filter: 'year > 2', limit: 6 };
  const said = await explain({ method: 'POST', path: SEARCH, body });
  assert.is(said.httpStatus, 200, JSON.stringify(said));
  assert.is(said.status, 200);
  assert.is(said.coverage, '8/8');
  assert.is(said.verdict, 'vocabulary');
  assert.equal(
    said.indexes[0].copies.map((copy: { node: string; shards: string }) => copy.shards).sort(),
    ['0,3,6', '1,4,7', '2,5'],
  );
  assert.match(said.indexes[0].copies[0].why, 'only in-sync copy');
  assert.is(said.calls.length, 3);
  for (const call of said.calls) {
    assert.is(call.purpose, 'main');
    assert.is(call.status, 200);
    assert.is(call.body.filter, 'year > 2');
    assert.is(call.body.showRankingScoreDetails, true);
    assert.ok(call.elapsed_ms > 0 && call.answer_bytes > 0);
  }
  const [merge] = said.merges;
  assert.is(merge.hit_count, 6);
  assert.is(merge.decisions.length, 5);
  const bys = new Set(merge.decisions.map((decision: { by: string }) => decision.by));
  assert.ok(bys.has('year:desc') && bys.has('tie: order of writes'), [...bys].join());
  const byYear = merge.decisions.find((decision: { by: string }) => decision.by === 'year:desc');
  assert.ok(byYear.first.value > byYear.second.value);
  assert.ok(byYear.nodes.every((node: string) => /^n[012]$/.test(node)));
});

test('one node that holds everything answers alone and exactly', async () => {
  const said = await explain({ method: 'GET', path: '/indexes/single/search?q=common' });
  assert.is(said.verdict, 'exact');
  assert.is(said.why, undefined);
  assert.is(said.calls.length, 1);
  assert.is(said.calls[0].node, 'n1');
  assert.equal(said.merges[0].decisions, []);
});

test('every kind of read can be explained', async () => {
  for (const [method, path, body, verdict] of [
    ['GET', '/indexes/striped/documents?limit=5', undefined, 'ties'],
    ['GET', '/indexes/striped/documents/7', undefined, 'exact'],
    ['POST', '/indexes/striped/documents/fetch', { ids: [1, 2] }, 'ties'],
    ['POST', '/indexes/striped/facet-search', { facetName: 'year' }, 'exact'],
    ['POST', SEARCH, { sort: ['year:asc'], filter: 'year = 1' }, 'ties'],
    ['POST', '/multi-search', { queries: [{ indexUid: 'striped', q: 'a' }] }, 'vocabulary'],
  ] as const) {
    const said = await explain({ method, path, ...(body === undefined ? {} : { body }) });
    assert.is(said.status, 200, `${path}: ${JSON.stringify(said)}`);
    assert.is(said.verdict, verdict, `${path}: ${JSON.stringify(said)}`);
    assert.ok(said.calls.length > 0, path);
  }
});

test('a refused request is explained with its error', async () => {
  const said = await explain({ method: 'POST', path: SEARCH, body: { filter: 'title = 1' } });
  assert.is(said.status, 400);
  assert.is(said.error.code, 'invalid_search_filter');
  assert.ok(said.calls.some((call: { status: number }) => call.status === 400));
  const reserved = await explain({
    method: 'POST',
    path: SEARCH,
    body: { sort: ['_miroir_x:asc'] },
  });
  assert.is(reserved.error.code, 'miroir_reserved_field');
  const bad = await explain({
    method: 'POST',
    path: SEARCH,
    body: {},
    authorization: 'Bearer nobody',
  });
  assert.is(bad.code, 'invalid_api_key');
});

test('shards that nobody can answer make no exact answer', async () => {
  const broken = engines[2];
  assert.ok(broken);
  broken.switches.isRefusing = true;
  try {
    const said = await explain({ method: 'POST', path: SEARCH, body: { sort: ['year:asc'] } });
    assert.is(said.coverage, '6/8');
    assert.is(said.verdict, 'estimate');
    assert.ok(said.calls.some((call: { outcome: string }) => call.outcome !== 'answered'));
  } finally {
    broken.switches.isRefusing = false;
  }
});

test('only the admin token opens it, and only reads can be explained', async () => {
  const read = { method: 'POST', path: SEARCH, body: {} };
  assert.is((await explain(read, `Bearer ${MASTER_KEY}`)).code, 'miroir_admin_token_required');
  for (const body of [
    { method: 'POST', path: '/indexes/striped/documents', body: [] },
    { method: 'DELETE', path: '/indexes/striped/documents/1' },
    { method: 'GET', path: '/keys' },
    { method: 'POST', path: '/_miroir/explain', body: {} },
    { method: 'POST' },
    { method: 'POST', path: 'x' },
    { ...read, more: 1 },
    [],
  ]) {
    const said = await explain(body);
    assert.is(said.httpStatus, 400, JSON.stringify(body));
    assert.is(said.code, 'bad_request');
  }
});

run();
