/**
 * Goal: replicas whose data is older than it should be. One whose folder was put back to an earlier copy does
 * not lead again once a caller tells what it has seen; one that was away for longer than the log is kept is
 * sent a snapshot, and can lead with it.
 * Method: replicas in this process with real stores and gRPC, an engine in memory, stand-in nodes.
 */
import { cpSync, rmSync } from 'node:fs';
import { credentials, Metadata, status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { ClusterServiceClient } from '../../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { suite } from '../../../kit/suite.ts';
import { until as untilSoon } from '../control-cluster.ts';
import { Replicas, type TestReplica } from './replicas.ts';

/** The machine may be busy. */
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

const LIMIT_MS = 120_000;
const { test, run } = suite('data of control replicas');

test(
  'a replica whose data folder was rolled back does not lead on: callers know better',
  async () => {
    const cluster = new Replicas();
    try {
      await cluster.start(1);
      const only = await cluster.leader();
      await cluster.sidecar(only).write('cars', [{ id: 1 }]);
      await cluster.end(only);
      const kept = `${only.folder}.kept`;
      cpSync(only.folder, kept, { recursive: true });
      await cluster.begin(only);
      await cluster.leader();
      for (let id = 2; id < 12; id += 1) await cluster.sidecar(only).write('cars', [{ id }]);
      const seen = await positionOf(only);
      await cluster.end(only);

      rmSync(only.folder, { recursive: true });
      cpSync(kept, only.folder, { recursive: true });
      await cluster.begin(only);
      await cluster.leader();
      assert.is(await call(only, '0.0'), status.OK);
      assert.is(await call(only, seen), status.UNAVAILABLE);
      await until(() => cluster.engine.record?.leader === '');
      // Nor does it take over again, although nobody else does.
      const { epoch } = cluster.engine.record ?? {};
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      assert.is(cluster.engine.record?.epoch, epoch);
      assert.is(cluster.engine.record?.leader, '');
    } finally {
      await cluster.stop();
    }
  },
  LIMIT_MS,
);

test(
  'what callers saw of earlier leaders is no reason to mind',
  async () => {
    const cluster = new Replicas();
    try {
      await cluster.start(1);
      const only = await cluster.leader();
      await cluster.sidecar(only).write('cars', [{ id: 1 }]);
      const seen = await positionOf(only);
      await cluster.end(only);
      await cluster.begin(only);
      await cluster.leader();
      assert.is(await call(only, seen), status.OK);
      assert.is(await call(only, await positionOf(only)), status.OK);
    } finally {
      await cluster.stop();
    }
  },
  LIMIT_MS,
);

test(
  'a replica that was away for longer than the log is kept is sent a snapshot, and can lead',
  async () => {
    const cluster = new Replicas();
    try {
      cluster.logBounds = { entries: 60n, bytes: 64 * 1024 * 1024 };
      await cluster.start(2);
      const leader = await cluster.leader();
      await cluster.inSync(2);
      const sidecar = cluster.sidecar(leader);
      await sidecar.write('cars', [{ id: 0 }]);
      const away = cluster.replicas.find((one) => one !== leader) as TestReplica;
      const before = storeIdOf(cluster, away);
      await cluster.end(away);
      await cluster.inSync(1);
      const uids: number[] = [];
      for (let id = 1; id <= 80; id += 1) {
        uids.push(await sidecar.write('cars', [{ id }]));
      }
      // What it still has in memory goes with the process.
      await cluster.end(leader);
      await cluster.begin(leader);
      await cluster.leader();
      await cluster.begin(away);
      await cluster.inSync(2);
      const now = storeIdOf(cluster, away);
      assert.is.not(now, before, 'a disk that was filled anew is another one');
      assert.is(await installsOf(away), 1, 'once is enough');
      await cluster.end(leader);
      assert.is(await cluster.leader(), away);
      for (const uid of uids) {
        assert.is((await cluster.sidecar(away).finished(uid)).status, 'succeeded');
      }
      assert.equal(cluster.broken, []);
    } finally {
      await cluster.stop();
    }
  },
  LIMIT_MS,
);

/** What a watcher has seen. */
function positionOf({ address }: TestReplica): Promise<string> {
  const client = new ClusterServiceClient(address, credentials.createInsecure());
  return new Promise<string>((resolve, reject) => {
    const watch = client.watch({ sidecarId: '', seen: undefined });
    watch.on('data', ({ position, event }) => {
      if (event?.$case !== 'view' || position === undefined) return;
      resolve(`${position.epoch}.${position.index}`);
      watch.cancel();
    });
    watch.on('error', reject);
  }).finally(() => client.close());
}

function call({ address }: TestReplica, seen: string): Promise<status> {
  const client = new ClusterServiceClient(address, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('miroir-seen', seen);
  return new Promise<status>((resolve) => {
    client.describeCopies({}, metadata, (error) => resolve(error?.code ?? status.OK));
  }).finally(() => client.close());
}

/** How many snapshots it put in place since it began. */
async function installsOf({ metricsText }: TestReplica): Promise<number> {
  const line = (await metricsText()).match(/^(.*outcome="installed".*) (\d+)$/m);
  return Number(line?.[2] ?? 0);
}

function storeIdOf(cluster: Replicas, one: TestReplica): string | undefined {
  return cluster.engine.record?.isr.find(({ id }) => id === one.address)?.storeId;
}

run();
