/**
 * Goal: with several replicas of control a worker finds the one that leads and stays with it; a change of the
 * leader costs its clients nothing that can be repeated, and nothing is done twice.
 * Method: three control services made by the test behind real gRPC, one behind a proxy that can fall silent;
 * they lead, resign, die and hang as the test says.
 */
import { status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { FaultProxy } from '../../../chaos/fault-proxy.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, after, run } = suite('several replicas of control');
const NODES = ['http://127.0.0.1:1'];
const open: (() => Promise<void> | void)[] = [];

after(async () => {
  for (const close of open.reverse()) await close();
});

interface World {
  readonly replicas: readonly [FakeControl, FakeControl, FakeControl];
  /** Before the first replica. */
  readonly proxy: FaultProxy;
  /** As workers know them: the first by its proxy. */
  readonly addresses: readonly [string, string, string];
  readonly served: ServedApp;
}

/** The first replica leads; the others name it. */
async function start(): Promise<World> {
  const replicas = [
    new FakeControl(NODES),
    new FakeControl(NODES),
    new FakeControl(NODES),
  ] as const;
  for (const replica of replicas) {
    open.push(() => replica.close());
    replica.indexes = [fakeIndex('a', 4, ['n0'], () => 0)];
    await replica.start();
  }
  const proxy = await FaultProxy.start(Number(replicas[0].address.split(':')[1]));
  open.push(() => proxy.close());
  const first = `127.0.0.1:${proxy.port}`;
  const addresses = [first, replicas[1].address, replicas[2].address] as const;
  for (const replica of replicas.slice(1)) replica.resign(first);
  const served = await serveApp(addresses.join(','));
  open.push(() => served.close());
  await until(() => served.app.isReady());
  return { replicas, proxy, addresses, served };
}

const remove = (served: ServedApp) => served.call('DELETE', '/indexes/a');
const numbersOf = (replica: FakeControl) => replica.begins.map((begin) => begin.requestNumber);

test('calls go to the leader, wherever they are sent first', async () => {
  for (let count = 0; count < 4; count += 1) {
    const { replicas, served } = await start();
    const startedAtMs = performance.now();
    assert.is((await remove(served)).status, 202);
    assert.is((await served.call('GET', '/tasks/0')).status, 404);
    assert.is((await served.call('POST', '/keys', { body: {} })).status, 201);
    assert.ok(performance.now() - startedAtMs < 1_000);
    assert.equal(numbersOf(replicas[0]), [1n]);
    assert.equal(replicas.slice(1).flatMap(numbersOf), []);
    await until(() => replicas[0].confirmed.length > 0);
  }
});

test('a leader that hands over loses no write, and none is taken twice', async () => {
  const { replicas, addresses, served } = await start();
  const [first, second, third] = replicas;
  first.answerBegin = () => undefined;
  const writes = Array.from({ length: 20 }, () => remove(served));
  await until(() => first.begins.length === 20);
  const startedAtMs = performance.now();
  first.resign('');
  setTimeout(() => {
    second.leads = true;
    first.leader = third.leader = addresses[1];
  }, 600);
  for (const answer of await Promise.all(writes)) assert.is(answer.status, 202);
  assert.ok(performance.now() - startedAtMs < 2_500);
  const numbers = new Set(numbersOf(second));
  assert.is(numbers.size, 20);
  assert.equal([...numbers].sort(), numbersOf(first).sort());
});

test('writes wait for the next leader after one that died, as do reads of tasks', async () => {
  const { replicas, served } = await start();
  const [first, second, third] = replicas;
  assert.is((await remove(served)).status, 202);
  first.kill();
  // A name that is out of date leads nowhere.
  const write = remove(served);
  const task = served.call('GET', '/tasks/0');
  const key = served.call('POST', '/keys', { body: {} });
  setTimeout(() => {
    third.leads = true;
    second.leader = third.address;
  }, 3_000);
  assert.is((await write).status, 202);
  assert.is((await task).status, 404);
  assert.is((await key).status, 201);
  assert.equal(numbersOf(third), [2n]);
  assert.is(third.keyCalls, 1);
});

test('two that name each other do not hide the third', async () => {
  const { replicas, addresses, served } = await start();
  const [first, second, third] = replicas;
  first.resign(addresses[1]);
  second.leader = addresses[0];
  third.leads = true;
  third.leader = '';
  assert.is((await remove(served)).status, 202);
  assert.is(third.begins.length, 1);
});

test('a leader that hangs is left for the next', async () => {
  const { replicas, proxy, served } = await start();
  const [first, second, third] = replicas;
  assert.is((await remove(served)).status, 202);
  proxy.setMode('silent');
  second.leads = true;
  third.leader = second.address;
  const startedAtMs = performance.now();
  assert.is((await remove(served)).status, 202);
  assert.ok(performance.now() - startedAtMs < 8_000);
  assert.equal(numbersOf(first), [1n]);
  assert.equal(numbersOf(second), [2n]);
});

test('a leader that does not know of the next is left when its successor is seen', async () => {
  const { replicas, addresses, served } = await start();
  const at = replicas.findIndex(({ watchers }) => watchers.size > 0);
  const watched = replicas[at];
  const [old, oldAddress] = at === 1 ? [replicas[2], addresses[2]] : [replicas[1], addresses[1]];
  assert.ok(watched !== undefined);
  for (const replica of replicas) replica.resign(oldAddress);
  old.leads = true;
  old.answerBegin = () => undefined;
  const write = remove(served);
  await until(() => old.begins.length === 1);
  // It refuses what comes, and holds what it has.
  old.leads = false;
  old.leader = '';
  watched.leads = true;
  watched.position = { epoch: 2n, index: 1n };
  watched.change({ indexes: [] });
  assert.is((await write).status, 202);
  assert.equal(numbersOf(watched), numbersOf(old).slice(0, 1));
});

test('where no leader comes writes end with 503, later ones sooner, and reads go on', async () => {
  const { replicas, served } = await start();
  replicas[0].kill();
  const startedAtMs = performance.now();
  const first = await remove(served);
  const tookMs = performance.now() - startedAtMs;
  assert.is(first.status, 503);
  assert.is(first.json.code, 'miroir_control_unavailable');
  assert.is(first.headers.get('retry-after'), '1');
  assert.ok(tookMs > 9_000 && tookMs < 14_000, `${tookMs} ms`);
  const laterAtMs = performance.now();
  assert.is((await remove(served)).status, 503);
  assert.ok(performance.now() - laterAtMs < 5_000);
  assert.is((await served.call('GET', '/indexes')).json.total, 1);
});

test('a change of keys that may have been made is not made again', async () => {
  const { replicas, served } = await start();
  const [first, second] = replicas;
  first.keyFailure = status.UNAVAILABLE;
  assert.is((await served.call('POST', '/keys', { body: {} })).status, 503);
  assert.is(first.keyCalls, 1);
  first.resign(second.address);
  second.leads = true;
  assert.is((await served.call('POST', '/keys', { body: {} })).status, 201);
  assert.is(second.keyCalls, 1);
});

test('another replica is followed when one dies, never one that is behind', async () => {
  const { replicas, served } = await start();
  const followed = () => replicas.find(({ watchers }) => watchers.size > 0);
  const one = followed();
  assert.ok(one !== undefined);
  const [behind, ahead] = replicas.filter((replica) => replica !== one);
  assert.ok(behind !== undefined && ahead !== undefined);
  for (const replica of [one, ahead]) {
    replica.change({ indexes: [fakeIndex('b', 2, ['n0'], () => 0)] });
  }
  await until(() => served.app.view()?.position.index === 2n);
  one.kill();
  await until(() => ahead.watchers.size === 1 && behind.watchers.size === 0);
  await until(() => served.app.isReady());
  assert.is(served.app.view()?.position.index, 2n);
  ahead.isSilent = true;
  behind.position = { epoch: 2n, index: 1n };
  await until(() => behind.watchers.size === 1);
  await until(() => served.app.view()?.position.epoch === 2n);
});

test('every call says what was seen, and one that is forgotten follows the leader itself', async () => {
  const { replicas, served } = await start();
  const [first] = replicas;
  for (const replica of replicas) replica.change({ indexes: [] });
  await until(() => served.app.view()?.position.index === 2n);
  assert.is((await remove(served)).status, 202);
  assert.equal(first.seen.at(-1), '1.2');
  first.leaseMs = 0;
  await until(() => first.watchers.size === 1);
  first.leaseMs = 2_000;
});

run();
