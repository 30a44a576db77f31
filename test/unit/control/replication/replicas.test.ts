/**
 * Goal: several replicas are one control: what was acknowledged through one leader is there under the next, a
 * planned change of leader takes less than a second, one that lost its disk is filled again, and those that
 * do not lead show what was committed and refuse the rest.
 * Method: three replicas in this process with real stores and gRPC, an engine in memory, stand-in nodes.
 */
import { existsSync, rmSync } from 'node:fs';
import { type ServiceError, status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import type { WatchResponse } from '../../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { suite } from '../../../kit/suite.ts';
import { until } from '../control-cluster.ts';
import { Replicas, type TestReplica } from './replicas.ts';

const { test, run } = suite('control replicas');

test('what one leader acknowledged is there under the next, which takes less than a second', async () => {
  await withReplicas(3, async (cluster) => {
    const first = await cluster.leader();
    await cluster.inSync(3);
    const uid = await cluster.sidecar(first).write('cars', [{ id: 1 }, { id: 2 }]);
    assert.is((await cluster.sidecar(first).finished(uid)).status, 'succeeded');

    const startedMs = performance.now();
    await cluster.end(first);
    const second = await cluster.leader();
    const tookMs = performance.now() - startedMs;
    assert.is.not(second.address, first.address);
    assert.ok(tookMs < 1_000, `it took ${Math.round(tookMs)} ms`);

    assert.is((await cluster.sidecar(second).finished(uid)).status, 'succeeded');
    const next = await cluster.sidecar(second).write('cars', [{ id: 3 }]);
    assert.is(next, uid + 1);
    await cluster.begin(first);
    await cluster.inSync(3);
    assert.is((await cluster.sidecar(second).finished(next)).status, 'succeeded');
  });
});

test('a replica that does not lead names the leader, and shows what is committed', async () => {
  await withReplicas(3, async (cluster) => {
    const leader = await cluster.leader();
    await cluster.inSync(3);
    await cluster.sidecar(leader).write('cars', [{ id: 1 }]);
    const follower = othersOf(cluster, leader)[0] as TestReplica;
    const error = (await cluster
      .sidecar(follower)
      .task(0)
      .catch((caught) => caught)) as ServiceError;
    assert.is(error.code, status.UNAVAILABLE);
    assert.equal(error.metadata.get('miroir-leader'), [leader.address]);

    const messages: WatchResponse[] = [];
    const watch = cluster.sidecar(follower).cluster.watch({ sidecarId: '', seen: undefined });
    watch.on('data', (message: WatchResponse) => messages.push(message));
    watch.on('error', () => {});
    await until(() => messages.some(({ event }) => event?.$case === 'view'));
    await cluster.sidecar(leader).write('boats', [{ id: 1 }]);
    const names = (): string[] =>
      messages.flatMap(({ event }) =>
        event?.$case === 'view' || event?.$case === 'delta'
          ? event.value.indexes.filter(({ visible }) => visible).map(({ uid }) => uid)
          : [],
      );
    await until(() => names().includes('boats'));
    const places = messages.map(({ position }) => position?.index ?? 0n);
    assert.equal(
      [...places].sort((a, b) => Number(a - b)),
      places,
    );
    watch.cancel();
  });
});

test('a replica that lost its disk is another one, and is filled again', async () => {
  await withReplicas(3, async (cluster) => {
    const leader = await cluster.leader();
    await cluster.inSync(3);
    const uid = await cluster.sidecar(leader).write('cars', [{ id: 1 }]);
    const lost = othersOf(cluster, leader)[0] as TestReplica;
    const before = storeIdOf(cluster, lost);
    await cluster.end(lost);
    rmSync(lost.folder, { recursive: true });
    await cluster.begin(lost);
    await until(() => {
      const now = storeIdOf(cluster, lost);
      return now !== undefined && now !== before;
    });
    await cluster.inSync(3);
    assert.ok(existsSync(lost.folder));
    // It can lead with what it was given.
    await cluster.end(leader);
    const [other] = othersOf(cluster, leader).filter((one) => one !== lost);
    await cluster.end(other as TestReplica);
    await cluster.begin(leader);
    const now = await cluster.leader();
    assert.is((await cluster.sidecar(now).finished(uid)).status, 'succeeded');
  });
});

async function withReplicas(count: number, body: (cluster: Replicas) => Promise<void>) {
  const cluster = new Replicas();
  try {
    await cluster.start(count);
    await body(cluster);
    assert.equal(cluster.broken, []);
  } finally {
    await cluster.stop();
  }
}

function othersOf(cluster: Replicas, one: TestReplica): TestReplica[] {
  return cluster.replicas.filter((other) => other !== one);
}

function storeIdOf(cluster: Replicas, one: TestReplica): string | undefined {
  return cluster.engine.record?.isr.find(({ id }) => id === one.address)?.storeId;
}

run();
