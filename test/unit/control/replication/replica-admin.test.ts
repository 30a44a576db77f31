/**
 * Goal: an operator chooses who leads next, and raises the feature level once every replica supports it.
 * Method: three replicas in this process with real stores and gRPC, an engine in memory, stand-in nodes.
 */
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import {
  type HandoverResponse,
  type ListReplicasResponse,
  type RaiseFeatureLevelResponse,
  ReplicaServiceClient,
} from '../../../../proto/gen/miroir/admin/v1/replicas.ts';
import { suite } from '../../../kit/suite.ts';
import { until as untilSoon } from '../control-cluster.ts';
import { unary } from '../control-kit.ts';
import { ADMIN_TOKEN, Replicas, type TestReplica } from './replicas.ts';

/** The machine may be busy. */
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

const LIMIT_MS = 120_000;
const { test, run } = suite('operators of control replicas');

test(
  'the replica that an operator names leads next',
  async () => {
    const cluster = new Replicas();
    try {
      await cluster.start(3);
      let leader = await cluster.leader();
      const uid = await cluster.sidecar(leader).write('cars', [{ id: 1 }]);
      // More often than the others would leave it to chance.
      for (let turn = 0; turn < 4; turn += 1) {
        await cluster.inSync(3);
        const others = cluster.replicas.filter((one) => one !== leader);
        const next = others[turn % others.length] as TestReplica;
        const done = await handOver(leader, next.address);
        assert.is(done.leaderId, next.address);
        assert.equal(done.plan?.warnings, []);
        leader = await cluster.leader();
        assert.is(leader, next);
        assert.is(cluster.engine.record?.successor, undefined, 'it is named once');
      }
      assert.is((await cluster.sidecar(leader).finished(uid)).status, 'succeeded');
      const refused = await handOver(leader, 'nobody').catch((error: ServiceError) => error.code);
      assert.is(refused, status.FAILED_PRECONDITION);
    } finally {
      await cluster.stop();
    }
  },
  LIMIT_MS,
);

test(
  'the feature level rises if every replica supports it, and never falls',
  async () => {
    const cluster = new Replicas();
    try {
      await cluster.start(2);
      const leader = await cluster.leader();
      await cluster.inSync(2);
      await until(async () => (await levelsOf(leader)).every((level) => level > 0));
      const [supported = 0] = await levelsOf(leader);
      cluster.engine.change({ featureLevel: supported - 1 });
      await until(async () => (await raise(leader, 0, true)).plan?.steps.length === 1);
      assert.is(cluster.engine.record?.featureLevel, supported - 1, 'a dry run changes nothing');
      assert.is(await codeOf(raise(leader, supported + 1)), status.FAILED_PRECONDITION);

      const other = cluster.replicas.find((one) => one !== leader) as TestReplica;
      await cluster.end(other);
      assert.is(await codeOf(raise(leader, 0)), status.FAILED_PRECONDITION, 'one is not heard');
      await cluster.begin(other);
      await until(async () => (await codeOf(raise(leader, 0))) === status.OK);
      assert.is(cluster.engine.record?.featureLevel, supported);
      assert.equal((await raise(leader, supported)).plan?.steps, [], 'it is there already');
      if (supported > 1) {
        assert.is(await codeOf(raise(leader, supported - 1)), status.FAILED_PRECONDITION);
      }
    } finally {
      await cluster.stop();
    }
  },
  LIMIT_MS,
);

test(
  'replicas show at their metrics who leads, how far the others are and how long commits take',
  async () => {
    const cluster = new Replicas();
    try {
      await cluster.start(2);
      const leader = await cluster.leader();
      await cluster.inSync(2);
      await cluster.sidecar(leader).write('cars', [{ id: 1 }]);
      const other = cluster.replicas.find((one) => one !== leader) as TestReplica;
      const epoch = cluster.engine.record?.epoch;
      const ofLeader = await leader.metricsText();
      for (const line of [
        'miroir_control_role{role="leader"} 1',
        `miroir_control_epoch ${epoch}`,
        'miroir_control_in_sync_replicas 2',
        'miroir_control_takeovers_total 1',
      ]) {
        assert.ok(ofLeader.split('\n').includes(line), `${line}\n${ofLeader}`);
      }
      assert.match(ofLeader, `miroir_control_lag_entries{replica="${other.address}"} `);
      assert.not.match(ofLeader, /miroir_control_commit_seconds_count 0/);
      await until(async () =>
        (await other.metricsText()).includes('miroir_control_role{role="follower"} 1'),
      );
      assert.not.match(await other.metricsText(), /miroir_control_lag_entries{/);
      other.engine.isCut = true;
      await until(async () =>
        (await other.metricsText()).includes('miroir_control_engine_errors_total{call="read"}'),
      );
    } finally {
      await cluster.stop();
    }
  },
  LIMIT_MS,
);

function handOver(leader: TestReplica, toId: string): Promise<HandoverResponse> {
  return ask(leader, (client, metadata, answer) =>
    client.handover({ toId, dryRun: false }, metadata, answer),
  );
}

function raise(leader: TestReplica, level: number, dryRun = false) {
  return ask<RaiseFeatureLevelResponse>(leader, (client, metadata, answer) =>
    client.raiseFeatureLevel({ level, dryRun }, metadata, answer),
  );
}

async function levelsOf(leader: TestReplica): Promise<number[]> {
  const { replicas } = await ask<ListReplicasResponse>(leader, (client, metadata, answer) =>
    client.listReplicas({}, metadata, answer),
  );
  return replicas.map(({ featureLevel }) => featureLevel);
}

function codeOf(call: Promise<unknown>): Promise<status> {
  return call.then(
    () => status.OK,
    (error: ServiceError) => error.code,
  );
}

function ask<Response>(
  { address }: TestReplica,
  call: (
    client: ReplicaServiceClient,
    metadata: Metadata,
    answer: (error: ServiceError | null, response: Response) => void,
  ) => void,
): Promise<Response> {
  const client = new ReplicaServiceClient(address, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${ADMIN_TOKEN}`);
  return unary<Response>((answer) => call(client, metadata, answer as never)).finally(() =>
    client.close(),
  );
}

run();
