/**
 * Goal: operators see the cluster as it is and change it, and every change is audited. Method: the control
 * program over stand-in nodes, asked by real gRPC clients.
 */
import * as assert from 'uvu/assert';
import { shardOfKey } from '../../../../core/placement/index.ts';
import { encodeShard, SHARD_FIELD } from '../../../../core/reserved/index.ts';
import { CopyState } from '../../../../proto/gen/miroir/admin/v1/common.ts';
import { NodeState } from '../../../../proto/gen/miroir/admin/v1/nodes.ts';
import { ReplicaRole } from '../../../../proto/gen/miroir/admin/v1/replicas.ts';
import { TaskStatus } from '../../../../proto/gen/miroir/admin/v1/tasks.ts';
import { Light } from '../../../../proto/gen/miroir/admin/v1/topology.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { ControlCluster, until } from '../control-cluster.ts';
import { MASTER_KEY, TestSidecar } from '../control-kit.ts';
import { AdminClients, failureOf } from './admin-clients.ts';

const { test, before, after, run } = suite('admin api');
const cluster = new ControlCluster();
let admin: AdminClients;
let fourth: RunningEngine;

before(async () => {
  await cluster.start();
  fourth = await startEngine({ masterKey: MASTER_KEY });
  admin = new AdminClients(cluster.control.address);
  const uid = await cluster.sidecar.write('films', [1, 2, 3].map(withShard));
  await cluster.sidecar.finished(uid);
});

after(async () => {
  admin.close();
  await cluster.stop();
  await fourth.close();
});

/** As the gateway stores it. */
function withShard(id: number): { readonly id: number } {
  const shard = shardOfKey(String(id), 16);
  return { id, [SHARD_FIELD]: encodeShard(shard) } as { readonly id: number };
}

const all = { withoutIndexes: false };

test('the topology of a healthy cluster is green and whole', async () => {
  const { topology } = await admin.ask(admin.topology.getTopology.bind(admin.topology), all);
  assert.is(topology?.verdict?.light, Light.GREEN, topology?.verdict?.reason);
  assert.equal(
    topology?.nodes.map(({ node }) => node?.id),
    ['n1', 'n2', 'n3'],
  );
  assert.ok(topology?.nodes.every(({ state }) => state === NodeState.UP));
  assert.equal(
    topology?.indexes.map(({ uid, shardCount, coveredShardCount }) => [
      uid,
      shardCount,
      coveredShardCount,
    ]),
    [['films', 16, 16]],
  );
  assert.is(topology?.copies?.inSync, 16n);
  assert.is(topology?.replicas[0]?.role, ReplicaRole.LEADER);
});

test('an index tells where its shards are, how many documents they hold, and why one is there', async () => {
  const found = await admin.ask(admin.indexes.getIndex.bind(admin.indexes), {
    indexUid: 'films',
    shards: [],
    withDocumentCounts: true,
  });
  assert.is(found.shards.length, 16);
  const copies = found.shards.flatMap((shard) => shard.copies);
  assert.ok(copies.every(({ state }) => state === CopyState.IN_SYNC));
  const count = copies.reduce((sum, copy) => sum + (copy.documentCount ?? 0n), 0n);
  assert.is(count, 3n);
  const why = await admin.ask(admin.indexes.explainPlacement.bind(admin.indexes), {
    indexUid: 'films',
    primaryKey: '2',
  });
  const owner = found.shards[why.shard]?.copies[0]?.nodeId;
  assert.equal(
    why.scores.filter(({ isOwner }) => isOwner).map(({ nodeId }) => nodeId),
    [owner],
  );
  assert.is(why.scores.length, 3);
  const failure = await failureOf(
    admin.ask(admin.indexes.explainPlacement.bind(admin.indexes), {
      indexUid: 'nothing',
      primaryKey: '2',
    }),
  );
  assert.equal(
    [failure.code, failure.reason, failure.domain],
    ['NOT_FOUND', 'index_not_found', 'miroir'],
  );
  assert.equal(failure.about, { index: 'nothing' });
});

test('tasks are shown with their fields, in pages', async () => {
  const uid = await cluster.sidecar.write('films', [{ id: 4 }]);
  await cluster.sidecar.finished(uid);
  const { task } = await admin.ask(admin.tasks.getTask.bind(admin.tasks), { uid: BigInt(uid) });
  assert.is(task?.status, TaskStatus.SUCCEEDED);
  assert.is(task?.indexUid, 'films');
  assert.equal(JSON.parse(task?.detailsJson ?? ''), { receivedDocuments: 1, indexedDocuments: 1 });
  const query = {
    statuses: [],
    types: [],
    indexUids: ['films'],
    batchUids: [],
    oldestFirst: true,
    enqueuedAfter: '',
    enqueuedBefore: '',
  };
  const first = await admin.ask(admin.tasks.listTasks.bind(admin.tasks), {
    ...query,
    page: { size: 1, token: '' },
  });
  assert.equal(
    first.tasks.map((item) => item.uid),
    [0n],
  );
  assert.is(first.page?.total, 2n);
  const second = await admin.ask(admin.tasks.listTasks.bind(admin.tasks), {
    ...query,
    page: { size: 1, token: first.page?.nextToken ?? '' },
  });
  assert.equal(
    second.tasks.map((item) => item.uid),
    [BigInt(uid)],
  );
});

test('who has no token is refused, and after a few tries is not listened to', async () => {
  const stranger = new AdminClients(cluster.control.address, 'guess');
  const codes: string[] = [];
  for (let tries = 0; tries < 12; tries += 1) {
    const call = stranger.ask(stranger.nodes.listNodes.bind(stranger.nodes), {});
    codes.push((await failureOf(call)).code);
  }
  assert.is(codes[0], 'UNAUTHENTICATED');
  assert.is(codes.at(-1), 'RESOURCE_EXHAUSTED');
  const late = await failureOf(admin.ask(admin.nodes.listNodes.bind(admin.nodes), {}));
  assert.is(late.reason, 'miroir_too_many_attempts');
  stranger.close();
  await until(async () =>
    admin.ask(admin.nodes.listNodes.bind(admin.nodes), {}).then(
      () => true,
      () => false,
    ),
  );
});

test('a node joins, gets what is made from then on, and leaves when nothing is on it', async () => {
  const node = { id: 'n4', url: fourth.url, group: 0, weight: 0 };
  const add = admin.nodes.addNode.bind(admin.nodes);
  const dry = await admin.ask(add, { node, dryRun: true });
  assert.is(dry.plan?.warnings.length, 0);
  assert.is((await nodeIds()).length, 3, 'a dry run changes nothing');
  const added = await admin.ask(add, { node, dryRun: false });
  assert.is(added.node?.weight, 1);
  const again = await failureOf(admin.ask(add, { node, dryRun: false }));
  assert.equal([again.code, again.reason], ['ALREADY_EXISTS', 'miroir_node_exists']);
  await until(async () => (await statusOf('n4'))?.state === NodeState.UP);
  cluster.sidecar.close();
  const urls = { ...cluster.nodeUrls(), n4: fourth.url };
  cluster.sidecar = new TestSidecar(cluster.control.address, urls);
  const uid = await cluster.sidecar.write('later', [{ id: 1 }]);
  await cluster.sidecar.finished(uid);
  assert.is((await statusOf('n4'))?.indexCount, 1);
  const remove = admin.nodes.removeNode.bind(admin.nodes);
  const inUse = await failureOf(admin.ask(remove, { nodeId: 'n4', dryRun: false }));
  assert.equal([inUse.code, inUse.reason], ['FAILED_PRECONDITION', 'miroir_node_in_use']);
  assert.match(inUse.message, 'later');
  // The configuration does not name it, and it is there after a restart.
  await cluster.restart('SIGKILL');
  admin.close();
  admin = new AdminClients(cluster.control.address);
  await until(async () => (await statusOf('n4'))?.state === NodeState.UP);
  const gone = await cluster.sidecar.operation(9, 'later', {}, {});
  await cluster.sidecar.finished(gone);
  await until(async () =>
    admin.ask(admin.nodes.removeNode.bind(admin.nodes), { nodeId: 'n4', dryRun: false }).then(
      () => true,
      () => false,
    ),
  );
  assert.equal(await nodeIds(), ['n1', 'n2', 'n3']);
  const { entries } = await admin.ask(admin.audit.listAuditEntries.bind(admin.audit), {
    page: undefined,
    action: '',
    actor: '',
  });
  const told = entries.map(({ action, target, outcome }) => `${action} ${target} ${outcome}`);
  assert.is(told.at(-1), 'AddNode n4 ok');
  assert.is(told[0], 'RemoveNode n4 ok');
  assert.ok(told.includes('AddNode n4 miroir_node_exists'));
  assert.ok(told.includes('RemoveNode n4 miroir_node_in_use'));
});

async function nodeIds(): Promise<string[]> {
  const { nodes } = await admin.ask(admin.nodes.listNodes.bind(admin.nodes), {});
  return nodes.map(({ node }) => node?.id ?? '');
}

async function statusOf(id: string) {
  const { nodes } = await admin.ask(admin.nodes.listNodes.bind(admin.nodes), {});
  return nodes.find(({ node }) => node?.id === id);
}

run();
