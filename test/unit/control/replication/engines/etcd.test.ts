/**
 * Goal: the driver swaps in a real etcd as engines must, never takes long, and never says that something was or
 * was not done which nobody can know.
 * Method: a real etcd behind a proxy that refuses, swallows, delays, or cuts when the answer comes; etcd killed,
 * frozen, wiped, and asking for a login.
 */
import * as assert from 'uvu/assert';
import {
  EtcdEngine,
  type EtcdEngineOptions,
} from '../../../../../control/replication/engines/etcd.ts';
import { FaultProxy } from '../../../../chaos/fault-proxy.ts';
import { EtcdProcess } from '../../../../kit/etcd.ts';
import { suite } from '../../../../kit/suite.ts';
import { never, nonceOf, recordOf, testContract, versionOf } from './contract.ts';

const { test, before, after, run } = suite('engine: etcd');

const CALL_MS = 2_000;
/** What a busy machine may add to a bound. */
const LATE_MS = 5_000;

let etcd: EtcdProcess;
let proxy: FaultProxy;
let opened: EtcdEngine[] = [];
let keys = 0;

before(async () => {
  etcd = await EtcdProcess.start();
  proxy = await FaultProxy.start(etcd.port);
}, 120_000);

after(async () => {
  await closeAll();
  await proxy.close();
  await etcd.remove();
});

async function closeAll(): Promise<void> {
  await Promise.all(opened.map((engine) => engine.close()));
  opened = [];
}

/** An engine on a key of its own, unless told otherwise. */
function open(options: Partial<EtcdEngineOptions> = {}): EtcdEngine {
  keys += 1;
  const engine = new EtcdEngine({
    endpoints: [etcd.url],
    key: `/test/${keys}`,
    callTimeoutMs: CALL_MS,
    ...options,
  });
  opened.push(engine);
  return engine;
}

const proxied = () => `http://127.0.0.1:${proxy.port}`;

async function timed<Result>(promise: Promise<Result>, limitMs: number): Promise<Result> {
  const startedMs = performance.now();
  const result = await promise;
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < limitMs + LATE_MS, `took ${tookMs} ms`);
  return result;
}

testContract(test, async () => {
  await closeAll();
  return open({ callTimeoutMs: 15_000 });
});

test('a swap whose answer was cut off is unknown, and was done', async () => {
  const engine = open({ endpoints: [proxied()] });
  const direct = open({ key: `/test/${keys}` });
  assert.is((await engine.cas(null, recordOf('n1'), never)).kind, 'ok');
  const version = await versionOf(engine);
  proxy.setMode('answerless');
  const end = await engine.cas(version, recordOf('n2'), never);
  proxy.setMode('pass');
  assert.is(end.kind, 'unknown');
  assert.is(await nonceOf(direct), 'n2');
  // And it was sent once: the same swap again is a conflict, not a second success.
  assert.equal(await engine.cas(version, recordOf('n3'), never), { kind: 'conflict' });
});

test('a swap that was swallowed on the way is unknown, and was not done', async () => {
  const engine = open({ endpoints: [proxied()] });
  const direct = open({ key: `/test/${keys}` });
  await engine.cas(null, recordOf('n1'), never);
  const version = await versionOf(engine);
  proxy.setMode('silent');
  const end = await timed(engine.cas(version, recordOf('n2'), never), CALL_MS);
  assert.is(end.kind, 'unknown');
  const read = await timed(engine.read(never), CALL_MS);
  assert.is(read.kind, 'failed');
  proxy.setMode('pass');
  assert.is(await nonceOf(direct), 'n1');
  assert.is(await nonceOf(engine), 'n1');
});

test('an aborted call ends at once', async () => {
  const engine = open({ endpoints: [proxied()], callTimeoutMs: 20_000 });
  proxy.setMode('silent');
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  assert.is((await timed(engine.cas(null, recordOf('n1'), abort.signal), 50)).kind, 'unknown');
  assert.is((await timed(engine.read(abort.signal), 0)).kind, 'failed');
  proxy.setMode('pass');
});

test('a slow etcd is waited for within the bound only', async () => {
  const engine = open({ endpoints: [proxied()] });
  proxy.slowMs = 60;
  proxy.setMode('slow');
  const patient = open({ endpoints: [proxied()], key: `/test/${keys}`, callTimeoutMs: 15_000 });
  assert.is((await patient.cas(null, recordOf('n1'), never)).kind, 'ok');
  proxy.slowMs = 3 * CALL_MS;
  assert.is((await timed(engine.read(never), CALL_MS)).kind, 'failed');
  assert.is((await timed(engine.cas(null, recordOf('n2'), never), CALL_MS)).kind, 'unknown');
  proxy.setMode('pass');
});

test('a member that is not there is passed over; a silent one costs one call at most', async () => {
  const key = '/test/several';
  const refusing = open({ key, endpoints: ['http://127.0.0.1:9', etcd.url] });
  const made = await timed(refusing.cas(null, recordOf('n1'), never), CALL_MS);
  assert.is(made.kind, 'ok');
  assert.is(await nonceOf(refusing), 'n1');
  proxy.setMode('silent');
  const silent = open({ key, endpoints: [proxied(), etcd.url] });
  assert.is(await timed(nonceOf(silent), CALL_MS), 'n1');
  const other = open({ key, endpoints: [proxied(), etcd.url] });
  assert.is((await timed(other.cas(null, recordOf('n2'), never), CALL_MS)).kind, 'unknown');
  assert.is(await timed(nonceOf(other), CALL_MS), 'n1');
  proxy.setMode('pass');
});

test('a frozen etcd is bounded, a killed one is failed, a restarted one has the record', async () => {
  const engine = open();
  await engine.cas(null, recordOf('n1'), never);
  const version = await versionOf(engine);
  etcd.freeze(true);
  assert.is((await timed(engine.cas(version, recordOf('n2'), never), CALL_MS)).kind, 'unknown');
  assert.is((await timed(engine.read(never), CALL_MS)).kind, 'failed');
  etcd.freeze(false);
  await etcd.kill();
  assert.is((await timed(engine.read(never), CALL_MS)).kind, 'failed');
  assert.is((await timed(engine.cas(version, recordOf('n3'), never), CALL_MS)).kind, 'unknown');
  await etcd.start();
  // The swap into the frozen one may have been done when it woke.
  assert.ok(['n1', 'n2'].includes((await nonceOf(engine)) ?? ''));
  const now = await versionOf(engine);
  assert.is((await engine.cas(now, recordOf('n4'), never)).kind, 'ok');
});

test('a watch goes on after etcd was away', async () => {
  const engine = open();
  let hints = 0;
  const stop = engine.watch(() => {
    hints += 1;
  });
  await until(() => hints > 0);
  await etcd.kill();
  const before = hints;
  await etcd.start();
  // It begins again by itself, and then tells of a change.
  await until(() => hints > before);
  const restarted = hints;
  await engine.cas(null, recordOf('n1'), never);
  await until(() => hints > restarted);
  stop();
});

test('something else under the key is a failure, and is not overwritten', async () => {
  const engine = open({ key: '/test/foreign' });
  await ask('/v3/kv/put', { key: base64('/test/foreign'), value: base64('hello') });
  assert.is((await engine.read(never)).kind, 'failed');
  assert.equal(await engine.cas(null, recordOf('n1'), never), { kind: 'conflict' });
});

test('a version from before the data was lost does not fit a record of the same revision', async () => {
  const other = await EtcdProcess.start();
  try {
    const options = { key: '/test/lost', endpoints: [other.url] };
    const engine = open(options);
    const first = await engine.cas(null, recordOf('n1'), never);
    await other.wipe();
    const second = await engine.cas(null, recordOf('n2'), never);
    assert.ok(first.kind === 'ok' && second.kind === 'ok');
    assert.is(first.version.split(' ')[0], second.version.split(' ')[0]);
    assert.equal(await engine.cas(first.version, recordOf('n3'), never), { kind: 'conflict' });
    assert.is(await nonceOf(engine), 'n2');
  } finally {
    await other.remove();
  }
});

test('a login is made, made again when its token is gone, and its failure told without the password', async () => {
  const other = await EtcdProcess.start();
  try {
    const call = (path: string, body: object) => ask(path, body, other.url);
    for (const [name, role] of [
      ['root', 'root'],
      ['miroir', 'writer'],
    ] as const) {
      await call('/v3/auth/user/add', { name, password: `${name}-secret` });
      await call('/v3/auth/role/add', { name: role });
      await call('/v3/auth/user/grant', { user: name, role });
    }
    const perm = { permType: 'READWRITE', key: base64('/test/login') };
    await call('/v3/auth/role/grant', { name: 'writer', perm });
    await call('/v3/auth/enable', {});
    let password = 'wrong-secret';
    const options = { endpoints: [other.url], key: '/test/login' };
    const engine = open({ ...options, login: () => ({ name: 'miroir', password }) });
    const refused = await engine.cas(null, recordOf('n1'), never);
    assert.ok(refused.kind === 'unknown');
    assert.match(refused.reason, /login/);
    assert.not.match(refused.reason, /secret/);
    password = 'miroir-secret';
    assert.is((await engine.cas(null, recordOf('n1'), never)).kind, 'ok');
    // Tokens are in etcd's memory: a restart forgets them.
    await other.kill();
    await other.start();
    const version = await versionOf(engine);
    assert.is((await engine.cas(version, recordOf('n2'), never)).kind, 'ok');
    const anonymous = open(options);
    assert.is((await anonymous.read(never)).kind, 'failed');
    const elsewhere = open({
      ...options,
      key: '/test/x',
      login: () => ({ name: 'miroir', password }),
    });
    assert.is((await elsewhere.read(never)).kind, 'failed');
  } finally {
    await other.remove();
  }
}, 60_000);

run();

async function ask(path: string, body: object, url: string = etcd.url): Promise<void> {
  const answer = await fetch(url + path, { method: 'POST', body: JSON.stringify(body) });
  assert.is(answer.status, 200, `${path} ${await answer.text()}`);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

async function until(condition: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + 25_000;
  while (!condition()) {
    if (performance.now() > giveUpMs) throw new Error('it never came to be');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
