/**
 * Goal: several replicas are one control: what was acknowledged through one leader is there under the next, a
 * planned change of leader takes less than a second, one that lost its disk is filled again, and those that
 * do not lead show what was committed and refuse the rest.
 * Method: three replicas in this process with real stores and gRPC, an engine in memory, stand-in nodes.
 */
import { existsSync, rmSync } from 'node:fs';
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import {
  type ForceLeaderResponse,
  type ListReplicasResponse,
  ReplicaRole,
  ReplicaServiceClient,
} from '../../../../proto/gen/miroir/admin/v1/replicas.ts';
import {
  ClusterServiceClient,
  type WatchResponse,
} from '../../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { suite } from '../../../kit/suite.ts';
import { until as untilSoon } from '../control-cluster.ts';
import { unary } from '../control-kit.ts';
import { ADMIN_TOKEN, Replicas, type TestReplica } from './replicas.ts';

/** The machine may be busy. */
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

const LIMIT_MS = 120_000;
const { test, run } = suite('control replicas');

test(
  'what one leader acknowledged is there under the next, which takes less than a second',
  async () => {
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
      // Tens of milliseconds where the machine is free.
      assert.ok(tookMs < 2_500, `it took ${Math.round(tookMs)} ms`);

      assert.is((await cluster.sidecar(second).finished(uid)).status, 'succeeded');
      const next = await cluster.sidecar(second).write('cars', [{ id: 3 }]);
      assert.is(next, uid + 1);
      await cluster.begin(first);
      await cluster.inSync(3);
      assert.is((await cluster.sidecar(second).finished(next)).status, 'succeeded');
    });
  },
  LIMIT_MS,
);

test(
  'a replica that does not lead names the leader, and shows what is committed',
  async () => {
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
  },
  LIMIT_MS,
);

test(
  'a replica that lost its disk is another one, and is filled again',
  async () => {
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
  },
  LIMIT_MS,
);

test(
  'a replica that was added learns everything, and one that was removed is left alone',
  async () => {
    await withReplicas(2, async (cluster) => {
      const leader = await cluster.leader();
      await cluster.inSync(2);
      await cluster.sidecar(leader).write('cars', [{ id: 1 }]);
      const added = await cluster.grow();
      const { client, metadata } = adminOf(leader);
      const list = () =>
        unary<ListReplicasResponse>((answer) => client.listReplicas({}, metadata, answer));
      const { address } = added;
      const role = ReplicaRole.UNSPECIFIED;
      await unary((answer) =>
        client.addReplica({ id: address, address, role, dryRun: false }, metadata, answer),
      );
      await cluster.inSync(3);
      const { replicas } = await list();
      assert.is(replicas.find(({ id }) => id === address)?.role, ReplicaRole.FOLLOWER);
      assert.is(replicas.find(({ id }) => id === leader.address)?.role, ReplicaRole.LEADER);
      assert.equal(
        replicas.map(({ lagEntryCount, inSync }) => inSync && lagEntryCount < 3n),
        [true, true, true],
      );
      await unary((answer) =>
        client.removeReplica({ id: address, dryRun: false }, metadata, answer),
      );
      await cluster.inSync(2);
      assert.is((await list()).replicas.length, 2);
      client.close();
    });
  },
  LIMIT_MS,
);

test(
  'a leader that lacks what somebody has seen answers nothing and leads no more',
  async () => {
    await withReplicas(1, async (cluster) => {
      const leader = await cluster.leader();
      const { epoch = 0 } = cluster.engine.record ?? {};
      const { client, call } = callerOf(leader);
      assert.is(await call(`${epoch}.3`), status.OK);
      assert.is(await call(`${epoch - 1}.90000`), status.OK);
      assert.is(await call(`${epoch}.90000`), status.UNAVAILABLE);
      await until(() => cluster.engine.record?.leader === '');
      assert.is(await call(`${epoch}.3`), status.UNAVAILABLE);
      client.close();
    });
  },
  LIMIT_MS,
);

test(
  'a replica that is in sync leads after the one before it, whatever a caller says',
  async () => {
    await withReplicas(2, async (cluster) => {
      const leader = await cluster.leader();
      await cluster.inSync(2);
      const [follower] = othersOf(cluster, leader) as [TestReplica];
      const { epoch = 0 } = cluster.engine.record ?? {};
      const { client, call } = callerOf(follower);
      assert.is(await call(`${epoch}.90000`), status.UNAVAILABLE);
      await cluster.end(leader);
      assert.is(await cluster.leader(), follower);
      client.close();
    });
  },
  LIMIT_MS,
);

test(
  'where the others are lost, the last one leads when it is told to, and takes up new ones',
  async () => {
    await withReplicas(3, async (cluster) => {
      const leader = await cluster.leader();
      await cluster.inSync(3);
      const uid = await cluster.sidecar(leader).write('cars', [{ id: 1 }]);
      const [last, other] = othersOf(cluster, leader) as [TestReplica, TestReplica];
      for (const lost of [leader, other]) {
        await cluster.end(lost);
        rmSync(lost.folder, { recursive: true });
      }
      const { client, metadata } = adminOf(last);
      const force = (acceptLoss: boolean) =>
        unary<ForceLeaderResponse>((answer) =>
          client.forceLeader({ acceptLoss, dryRun: false }, metadata, answer),
        );
      const refused = await force(false).catch((error: ServiceError) => error.code);
      assert.is(refused, status.INVALID_ARGUMENT);
      // It may have led when the others went, and finds out in a while that it is alone.
      let epoch = 0n;
      await until(async () => {
        const forced = await force(true).catch((error: ServiceError) => error.code);
        if (typeof forced === 'object') ({ epoch } = forced);
        return typeof forced === 'object';
      });
      assert.is(Number(epoch), cluster.engine.record?.epoch);
      assert.match(String(cluster.engine.record?.clusterId), /^[0-9a-f]{16}\.2$/);
      assert.is((await cluster.leader()).address, last.address);
      assert.is((await cluster.sidecar(last).finished(uid)).status, 'succeeded');
      await cluster.sidecar(last).write('cars', [{ id: 2 }]);
      for (const lost of [leader, other]) await cluster.begin(lost);
      await cluster.inSync(3);
      await until(() => cluster.engine.record?.minIsr === 2);
      client.close();
    });
  },
  LIMIT_MS,
);

/** Calls one with a position that it has seen; how that ends. */
function callerOf({ address }: TestReplica) {
  const client = new ClusterServiceClient(address, credentials.createInsecure());
  const call = (seen: string): Promise<number> =>
    new Promise((resolve) => {
      const metadata = new Metadata();
      metadata.set('miroir-seen', seen);
      client.describeCopies({}, metadata, (error) => resolve(error?.code ?? status.OK));
    });
  return { client, call };
}

function adminOf({ address }: TestReplica) {
  const client = new ReplicaServiceClient(address, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${ADMIN_TOKEN}`);
  return { client, metadata };
}

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
