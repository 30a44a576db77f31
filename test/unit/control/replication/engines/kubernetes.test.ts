/**
 * Goal: the driver swaps in a Lease as engines must and leaves alone what others wrote there.
 * Method: a stub of the API server, which is not Kubernetes (test/kit/lease-server.ts), behind a proxy that
 * misbehaves. What a real API server does is taken from its documentation, not seen here.
 */
import { createServer } from 'node:http';
import * as assert from 'uvu/assert';
import {
  KubernetesEngine,
  type KubernetesEngineOptions,
} from '../../../../../control/replication/engines/kubernetes.ts';
import { FaultProxy } from '../../../../chaos/fault-proxy.ts';
import { LeaseServer, type StoredLease } from '../../../../kit/lease-server.ts';
import { suite } from '../../../../kit/suite.ts';
import { never, nonceOf, recordOf, testContract, versionOf } from './contract.ts';

const { test, before, after, run } = suite('engine: kubernetes, on a stub');

const CALL_MS = 2_000;

let stub: LeaseServer;
let proxy: FaultProxy;
let token = 'token-1';
let wallMs = Date.UTC(2026, 10, 30, 12);
let opened: KubernetesEngine[] = [];
let names = 0;

before(async () => {
  stub = await LeaseServer.start();
  proxy = await FaultProxy.start(stub.port);
});

after(async () => {
  await closeAll();
  await proxy.close();
  await stub.close();
});

async function closeAll(): Promise<void> {
  await Promise.all(opened.map((engine) => engine.close()));
  opened = [];
}

function open(options: Partial<KubernetesEngineOptions> = {}): KubernetesEngine {
  names += 1;
  const engine = new KubernetesEngine({
    url: `http://127.0.0.1:${stub.port}`,
    namespace: 'search',
    lease: `lease-${names}`,
    token: () => token,
    callTimeoutMs: CALL_MS,
    expiryMs: 15_000,
    wallMs: () => wallMs,
    ...options,
  });
  opened.push(engine);
  return engine;
}

const lease = (): StoredLease => {
  const found = stub.leases.get(`lease-${names}`);
  if (found === undefined) throw new Error('no lease');
  return found;
};

const proxied = () => ({ url: `http://127.0.0.1:${proxy.port}` });

testContract(test, async () => {
  await closeAll();
  return open({ callTimeoutMs: 15_000 });
});

test('the Lease says to others who leads, since when, and how often that changed', async () => {
  const engine = open();
  const first = await engine.cas(null, recordOf('n1', { epoch: 1, leader: 'a' }), never);
  assert.ok(first.kind === 'ok');
  assert.equal(lease().spec, {
    holderIdentity: 'a',
    acquireTime: '2026-11-30T12:00:00.000000Z',
    renewTime: '2026-11-30T12:00:00.000000Z',
    leaseDurationSeconds: 15,
    leaseTransitions: 1,
  });
  wallMs += 5_000;
  const second = await engine.cas(first.version, recordOf('n2', { epoch: 1, leader: 'a' }), never);
  assert.ok(second.kind === 'ok');
  assert.is(lease().spec.acquireTime, '2026-11-30T12:00:00.000000Z');
  assert.is(lease().spec.renewTime, '2026-11-30T12:00:05.000000Z');
  const third = await engine.cas(second.version, recordOf('n3', { epoch: 2, leader: '' }), never);
  assert.ok(third.kind === 'ok');
  assert.is(lease().spec.holderIdentity, undefined);
  wallMs += 1_000;
  await engine.cas(third.version, recordOf('n4', { epoch: 3, leader: 'a' }), never);
  assert.is(lease().spec.acquireTime, '2026-11-30T12:00:06.000000Z');
  assert.is(lease().spec.leaseTransitions, 3);
});

test('what others write into the object stays, and is no change of the record', async () => {
  const engine = open();
  const first = await engine.cas(null, recordOf('n1'), never);
  assert.ok(first.kind === 'ok');
  stub.touch(`lease-${names}`, ({ metadata }) => {
    metadata.labels = { team: 'search' };
    metadata.annotations = { ...metadata.annotations, 'example/note': 'hello' };
  });
  assert.is(await versionOf(engine), first.version);
  assert.is((await engine.cas(first.version, recordOf('n2'), never)).kind, 'ok');
  assert.equal(lease().metadata.labels, { team: 'search' });
  assert.is(lease().metadata.annotations?.['example/note'], 'hello');
  assert.is(await nonceOf(engine), 'n2');
});

test('a Lease that was made beforehand, without a record, is taken', async () => {
  const engine = open();
  await engine.cas(null, recordOf('n1'), never);
  stub.touch(`lease-${names}`, ({ metadata }) => {
    delete metadata.annotations;
  });
  assert.equal(await engine.read(never), { kind: 'absent' });
  assert.is((await engine.cas(null, recordOf('n2'), never)).kind, 'ok');
  assert.is(await nonceOf(engine), 'n2');
});

test('a Lease that was deleted and made again has other versions', async () => {
  const engine = open();
  const first = await engine.cas(null, recordOf('same'), never);
  assert.ok(first.kind === 'ok');
  stub.leases.delete(`lease-${names}`);
  assert.equal(await engine.cas(first.version, recordOf('n2'), never), { kind: 'conflict' });
  assert.is((await engine.cas(null, recordOf('same'), never)).kind, 'ok');
  assert.equal(await engine.cas(first.version, recordOf('n2'), never), { kind: 'conflict' });
});

test('the token is read again for each call', async () => {
  const engine = open();
  await engine.cas(null, recordOf('n1'), never);
  stub.tokens = new Set(['token-2']);
  const refused = await engine.read(never);
  assert.ok(refused.kind === 'failed');
  assert.match(refused.reason, /401/);
  assert.not.match(refused.reason, /token-/);
  token = 'token-2';
  assert.is(await nonceOf(engine), 'n1');
});

test('no token is a failure, and no exception', async () => {
  const engine = open({
    token: () => {
      throw new Error('token: cannot be read');
    },
  });
  assert.is((await engine.read(never)).kind, 'failed');
  assert.is((await engine.cas(null, recordOf('n1'), never)).kind, 'unknown');
  engine.watch(() => {})();
});

test('an answer that was cut off, a failing server and a silent one leave a swap unknown', async () => {
  const engine = open(proxied());
  const direct = open({ lease: `lease-${names}` });
  names -= 1;
  await engine.cas(null, recordOf('n1'), never);
  const version = await versionOf(engine);
  stub.failure = 500;
  assert.is((await engine.cas(version, recordOf('n2'), never)).kind, 'unknown');
  stub.failure = undefined;
  proxy.setMode('silent');
  const startedMs = performance.now();
  assert.is((await engine.cas(version, recordOf('n3'), never)).kind, 'unknown');
  assert.ok(performance.now() - startedMs < CALL_MS + 5_000);
  proxy.setMode('answerless');
  assert.is((await engine.read(never)).kind, 'failed');
  proxy.setMode('pass');
  assert.is(await nonceOf(direct), 'n1');
});

test('only the API server itself can say that there is no Lease', async () => {
  assert.is((await open().read(never)).kind, 'absent');
  const other = createServer((_, response) => response.writeHead(404).end('no such page'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  assert.is((await open({ url: `http://127.0.0.1:${port}` }).read(never)).kind, 'failed');
  other.closeAllConnections();
  other.close();
});

run();
