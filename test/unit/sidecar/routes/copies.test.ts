/**
 * Goal: with several copies a read never shows one that is behind, held or in doubt, is not held up by a
 * slow or dead node, and says so when it cannot know.
 * Method: an app over three stand-in nodes behind a control made by the test, which changes the states of
 * copies, lets leases lapse, and kills, slows and restarts nodes. What a copy holds tells which was read.
 */
import * as assert from 'uvu/assert';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, MASTER_KEY } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';
import { copiedIndex, place, post, SETTINGS, SHARDS, settle, splitIndex } from './reads-world.ts';

const { test, before, after, run } = suite('copies');
const [IN_SYNC, BEHIND, FILLING, HELD] = [0, 1, 3, 5];
const settingsJson = Buffer.from(JSON.stringify(SETTINGS));

let engines: RunningEngine[] = [];
let control: FakeControl;
let served: ServedApp;

before(async () => {
  engines = await Promise.all([1, 2, 3].map(() => startEngine({ masterKey: MASTER_KEY })));
  control = new FakeControl(engines.map(({ url }) => url));
  control.indexes = [copiedIndex(settingsJson), splitIndex(settingsJson)];
  await place(engines, 'copied', () => [0, 1]);
  await place(engines, 'parted', (shard) => [0, shard < SHARDS / 2 ? 1 : 2]);
  // What only the second copy holds, and only a read of it shows.
  await post(engines, 1, '/indexes/copied/documents', '[{"id":900,"title":"second"}]');
  await Promise.all(engines.map((_, node) => settle(engines, node)));
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
}, 20_000);

after(async () => {
  await served.close();
  control.close();
  await Promise.all(engines.map((engine) => engine.close()));
});

const search = (uid: string, body: unknown) =>
  served.call('POST', `/indexes/${uid}/search`, { body });

/** Sets the states of the first and the second copy of every shard, and what is foreign. */
async function setCopies(first: number, second: number, foreignNodeIds: string[] = []) {
  const index = copiedIndex(settingsJson);
  for (let shard = 0; shard < SHARDS; shard += 1) {
    index.copyStates[shard * 2] = first;
    index.copyStates[shard * 2 + 1] = second;
  }
  control.change({ indexes: [{ ...index, foreignNodeIds }] });
  const { index: position } = control.position;
  await until(() => served.app.view()?.position.index === position);
}

/** Whether any of some searches, sticking to different copies, was answered by the second copy. */
async function readsOfSecond(): Promise<number> {
  let count = 0;
  for (let at = 0; at < 24; at += 1) {
    const filter = `id > ${-1 - at}`;
    const { status, json, text } = await search('copied', { q: '', filter, limit: 100 });
    assert.is(status, 200, text);
    if (json.hits.some(({ id }: { id: number }) => id === 900)) count += 1;
  }
  return count;
}

test('both copies are read, and one search stays on one copy', async () => {
  const count = await readsOfSecond();
  assert.ok(count > 0 && count < 24, `${count} of 24`);
  const pages = await Promise.all(
    [0, 5, 10, 15, 20, 25].map((offset) => search('copied', { q: '', offset, limit: 5 })),
  );
  const ids = pages.flatMap(({ json }) => json.hits.map(({ id }: { id: number }) => id));
  assert.is(new Set(ids).size, ids.length);
});

test('copies that are behind or being filled are not read, held ones only if all are', async () => {
  for (const state of [BEHIND, FILLING, HELD]) {
    await setCopies(IN_SYNC as number, state as number);
    assert.is(await readsOfSecond(), 0);
    await setCopies(state as number, IN_SYNC as number);
    assert.is(await readsOfSecond(), 24);
  }
  await setCopies(HELD as number, BEHIND as number);
  assert.is(await readsOfSecond(), 0);
  await setCopies(BEHIND as number, BEHIND as number);
  const nothing = await search('copied', { q: '' });
  assert.is(nothing.json.code, 'miroir_shard_unavailable');
  await setCopies(IN_SYNC as number, IN_SYNC as number);
});

test('a node with foreign documents is asked with the internal filter', async () => {
  await setCopies(BEHIND as number, IN_SYNC as number, ['n1']);
  // The stray document carries no shard, so that a filter shuts it out.
  assert.is(await readsOfSecond(), 0);
  await setCopies(IN_SYNC as number, IN_SYNC as number);
});

test('every document is counted once, with all copies and without some', async () => {
  const count = async (uid: string) => (await served.call('GET', `/indexes/${uid}/stats`)).json;
  assert.is((await count('parted')).numberOfDocuments, 30);
  assert.is((await count('parted')).fieldDistribution.title, 30);
  // The first two nodes differ by one document: the halves do not add up, so shards are counted.
  await setCopies(IN_SYNC as number, BEHIND as number);
  assert.is((await count('copied')).numberOfDocuments, 30);
  await setCopies(IN_SYNC as number, IN_SYNC as number);
  const second = engines[1] as RunningEngine;
  second.switches.isRefusing = true;
  const parted = await served.call('GET', '/indexes/parted/stats');
  assert.is(parted.json.numberOfDocuments, 30);
  assert.is(parted.json.fieldDistribution.title, 30);
  assert.is(parted.headers.get('x-miroir-degraded'), 'shards=0; reason=unreachable; node=n1');
  const fields = await served.call('POST', '/indexes/parted/fields', { body: {} });
  assert.is(fields.status, 200);
  second.switches.isRefusing = false;
});

test('operators see every copy, and why it is not in-sync', async () => {
  await setCopies(IN_SYNC as number, BEHIND as number);
  const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
  const reason = 'write 7 did not reach it';
  const group = { indexUid: 'copied', nodeId: 'n1', state: 1, reason, shards, from: 7n };
  control.notes = [group];
  const { json } = await served.call('GET', '/_miroir/topology', {
    authorization: 'Bearer admin-token',
  });
  assert.is(json.is_current, true);
  assert.equal(json.groups, [{ group: 0, nodes: ['n0', 'n1', 'n2'] }]);
  const copied = json.indexes.find(({ uid }: { uid: string }) => uid === 'copied');
  assert.equal(copied.copies, { n0: { 'in-sync': SHARDS }, n1: { behind: SHARDS } });
  assert.is(copied.covered_shards, SHARDS);
  assert.equal(copied.not_in_sync, [
    { node: 'n1', state: 'behind', shards: '0-7', why: reason, missing_from: '7' },
  ]);
  await setCopies(IN_SYNC as number, IN_SYNC as number);
});

test('an answer of a copy that was taken away meanwhile counts for nothing', async () => {
  const second = engines[1] as RunningEngine;
  for (const body of [{ q: '', limit: 100 }, { q: 'second' }]) {
    await setCopies(BEHIND as number, IN_SYNC as number);
    second.switches.latencyMs = 400;
    const searching = search('copied', body);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await setCopies(IN_SYNC as number, BEHIND as number);
    second.switches.latencyMs = 0;
    const { status, json, headers } = await searching;
    assert.is(status, 200);
    assert.not.ok(json.hits.some(({ id }: { id: number }) => id === 900));
    assert.is(headers.get('x-miroir-coverage'), '8/8');
    assert.is(headers.get('x-miroir-degraded'), null);
  }
  await setCopies(IN_SYNC as number, IN_SYNC as number);
});

test('a slow copy is overtaken, then spared', async () => {
  for (let at = 0; at < 120; at += 1) await search('copied', { q: `word${at}`, limit: 1 });
  const slow = engines[0] as RunningEngine;
  slow.switches.latencyMs = 300;
  const tookMs: number[] = [];
  for (let at = 0; at < 60; at += 1) {
    const startedAtMs = performance.now();
    assert.is((await search('copied', { q: `word${at}`, limit: 1 })).status, 200);
    tookMs.push(performance.now() - startedAtMs);
  }
  const waited = tookMs.filter((ms) => ms > 250).length;
  assert.ok(waited <= 4, `${waited} waited for the slow copy`);
  const metrics = await served.call('GET', '/_miroir/metrics', {
    authorization: 'Bearer admin-token',
  });
  assert.match(metrics.text, /miroir_hedge_fired_total\{outcome="(won|lost)"\} [1-9]/);
  const explained = await served.call('POST', '/_miroir/explain', {
    authorization: 'Bearer admin-token',
    body: { method: 'POST', path: '/indexes/copied/search', body: { q: 'word1' } },
  });
  const [first] = explained.json.indexes[0].copies.filter(
    ({ node }: { node: string }) => node === 'n0',
  );
  assert.is(first.states['in-sync'], SHARDS);
  assert.ok(first.health.circuit);
  slow.switches.latencyMs = 0;
});

test('past the lease every node is filtered and answers say that they may be old', async () => {
  const fresh = await search('copied', { q: '', filter: 'id > 0' });
  assert.is(fresh.headers.get('x-miroir-degraded'), null);
  control.leaseMs = undefined;
  await new Promise((resolve) => setTimeout(resolve, 2_600));
  const old = await search('copied', { q: '', limit: 100 });
  assert.is(old.headers.get('x-miroir-degraded'), 'shards=all; reason=unconfirmed');
  assert.is(old.json.hits.length, 30, 'without the stray document');
  assert.is(await readsOfSecond(), 0, 'no node is asked without the filter');
  const list = await served.call('GET', '/indexes');
  assert.is(list.headers.get('x-miroir-degraded'), 'shards=all; reason=unconfirmed');
  control.leaseMs = 2_000;
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.is((await search('copied', { q: '' })).headers.get('x-miroir-degraded'), null);
});

test('each new view is confirmed at once', async () => {
  control.change({ cluster: { versionJson: Buffer.from('{"pkgVersion":"1.50.1"}') } });
  const { index } = control.position;
  const startedAtMs = performance.now();
  await until(() => control.confirmed.includes(index));
  assert.ok(performance.now() - startedAtMs < 200);
});

test('a worker that control forgot follows anew', async () => {
  const before = control.confirmed.length;
  const [stream] = control.watchers;
  control.leaseMs = 0;
  await until(() => control.confirmed.length > before);
  await until(() => stream !== undefined && !control.watchers.has(stream));
  control.leaseMs = 2_000;
  await until(() => control.watchers.size === 1);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.is((await search('copied', { q: '' })).headers.get('x-miroir-degraded'), null);
});

test('a node that was away is read again only after control looked at it', async () => {
  const node = engines[1] as RunningEngine;
  control.canLook = false;
  node.switches.isRefusing = true;
  // The witness pings each second, so the loss is seen by then.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  node.switches.isRefusing = false;
  control.looked.length = 0;
  await until(() => control.looked.includes('n1'));
  assert.is(await readsOfSecond(), 0);
  await setCopies(BEHIND as number, IN_SYNC as number);
  const only = await search('copied', { q: '' });
  assert.is(only.json.code, 'miroir_shard_unavailable');
  await setCopies(IN_SYNC as number, IN_SYNC as number);
  control.canLook = true;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.ok((await readsOfSecond()) > 0);
});

test('while control is away a node that comes back is read, and answers are labelled', async () => {
  control.kill();
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  const [first, second] = engines as [RunningEngine, RunningEngine];
  second.switches.isRefusing = true;
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  second.switches.isRefusing = false;
  first.switches.isRefusing = true;
  const answer = await search('copied', { q: '', limit: 100 });
  first.switches.isRefusing = false;
  assert.is(answer.status, 200);
  assert.is(answer.json.hits.length, 30);
  assert.match(answer.headers.get('x-miroir-degraded') ?? '', 'reason=unconfirmed');
});

run();
