/**
 * Goal: a worker holds the newest view it was sent, never an older one, and goes on with it while
 * control is silent or dead, also after a restart of its own.
 * Method: a control service made by the test behind real gRPC; it changes, falls silent, dies, and
 * comes back older.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, after, run } = suite('following control');
const NODES = ['http://127.0.0.1:1', 'http://127.0.0.1:2'];
const open: (() => Promise<void> | void)[] = [];

after(async () => {
  for (const close of open.reverse()) await close();
});

async function start(): Promise<{ control: FakeControl; served: ServedApp }> {
  const control = new FakeControl(NODES);
  open.push(() => control.close());
  control.indexes = [fakeIndex('a', 4, ['n0', 'n1'], (shard) => shard % 2)];
  await control.start();
  const served = await serveApp(control.address);
  open.push(() => served.close());
  await until(() => served.app.isReady());
  return { control, served };
}

test('a whole view, then changes of indexes and of the cluster', async () => {
  const { control, served } = await start();
  const view = () => served.app.view();
  assert.is(view()?.clusterId, '0123456789abcdef');
  const entry = view()?.indexes.get('a' as never);
  assert.equal(
    entry?.owners.map((copies) => copies[0]?.nodeId as string),
    ['n0', 'n1', 'n0', 'n1'],
  );
  assert.is(entry?.owners[0]?.[0], entry?.owners[2]?.[0], 'equal copies are one object');
  control.change({ indexes: [fakeIndex('b', 2, ['n1'], () => 0)], removed: ['a'] });
  await until(() => view()?.position.index === 2n);
  assert.equal([...(view()?.indexes.keys() ?? [])], ['b']);
  control.change({ cluster: { internalKey: 'other' } });
  await until(() => view()?.position.index === 3n);
  assert.is(view()?.internalKey, 'other');
  assert.equal([...(view()?.indexes.keys() ?? [])], ['b']);
});

test('control dies: reads go on, writes and tasks wait with 503, and all is well when it is back', async () => {
  const { control, served } = await start();
  control.kill();
  const list = await served.call('GET', '/indexes');
  assert.is(list.status, 200);
  assert.is(list.json.total, 1);
  const write = await served.call('DELETE', '/indexes/a');
  assert.is(write.status, 503);
  assert.is(write.json.code, 'miroir_control_unavailable');
  assert.is(write.headers.get('retry-after'), '1');
  assert.is((await served.call('GET', '/tasks/0')).status, 503);
  control.position = { epoch: 2n, index: 1n };
  await control.start();
  await until(() => served.app.view()?.position.epoch === 2n);
  assert.is((await served.call('DELETE', '/indexes/a')).status, 202);
});

test('a control that comes back older is not followed', async () => {
  const { control, served } = await start();
  control.change({ indexes: [fakeIndex('new', 2, ['n0'], () => 0)] });
  await until(() => served.app.view()?.position.index === 2n);
  control.kill();
  control.position = { epoch: 1n, index: 1n };
  control.indexes = [];
  await control.start();
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.is(served.app.view()?.position.index, 2n);
  control.position = { epoch: 1n, index: 5n };
  await until(() => served.app.view()?.position.index === 5n);
});

test('a silent control is left after three seconds and asked again', async () => {
  const { control, served } = await start();
  const topology = () =>
    served.call('GET', '/_miroir/topology', { authorization: 'Bearer admin-token' });
  assert.is((await topology()).json.following_control, true);
  control.isSilent = true;
  await until(() => control.watchers.size === 0);
  assert.is((await topology()).json.following_control, false);
  control.isSilent = false;
  await until(() => control.watchers.size === 1);
  assert.is((await topology()).json.following_control, true);
});

test('a worker that starts without control serves from its file, which only its owner can read', async () => {
  const { control, served } = await start();
  const path = join(served.folder, 'view-0.bin');
  await until(() => existsAndFull(path));
  assert.is(statSync(path).mode & 0o777, 0o600);
  control.kill();
  const second = await serveApp(control.address, served.folder);
  open.push(() => second.close());
  assert.is(second.app.isReady(), true);
  assert.is((await second.call('GET', '/indexes')).json.total, 1);
  assert.is((await second.call('GET', '/indexes', { authorization: 'Bearer no' })).status, 403);
});

test('without a view nothing is answered but that this process lives', async () => {
  const served = await serveApp('127.0.0.1:9');
  open.push(() => served.close());
  assert.is(served.app.isReady(), false);
  assert.is((await served.call('GET', '/_miroir/livez')).status, 200);
  assert.is((await served.call('GET', '/_miroir/readyz')).status, 503);
  const answer = await served.call('GET', '/health');
  assert.is(answer.status, 503);
  assert.is(answer.json.code, 'miroir_gateway_unavailable');
});

function existsAndFull(path: string): boolean {
  try {
    return statSync(path).size > 0;
  } catch {
    return false;
  }
}

run();
