/**
 * Goal: those who watch hear of changes soon, however many they are, and end up with what is there; backups
 * stream whole; configurations are checked; addresses move. Method: the control program and real gRPC.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientReadableStream } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { restoreBackup } from '../../../../control/store/index.ts';
import { JobState } from '../../../../proto/gen/miroir/admin/v1/jobs.ts';
import { NodeState } from '../../../../proto/gen/miroir/admin/v1/nodes.ts';
import type {
  Topology,
  WatchTopologyResponse,
} from '../../../../proto/gen/miroir/admin/v1/topology.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { ControlCluster, until } from '../control-cluster.ts';
import { MASTER_KEY } from '../control-kit.ts';
import { AdminClients, failureOf } from './admin-clients.ts';

const WATCHERS = 200;
const { test, before, after, run } = suite('admin watch');
const cluster = new ControlCluster();
const folder = mkdtempSync(join(tmpdir(), 'miroir-admin-'));
let admin: AdminClients;
let spare: RunningEngine;

before(async () => {
  await cluster.start();
  spare = await startEngine({ masterKey: MASTER_KEY });
  admin = new AdminClients(cluster.control.address);
  const uid = await cluster.sidecar.write('films', [{ id: 1 }]);
  await cluster.sidecar.finished(uid);
});

after(async () => {
  admin.close();
  await cluster.stop();
  await spare.close();
  rmSync(folder, { recursive: true });
});

/** Uids of indexes that a reader of events holds. */
class Reader {
  readonly uids = new Set<string>();
  snapshots = 0;
  readonly stream: ClientReadableStream<WatchTopologyResponse>;

  constructor(withoutIndexes = false) {
    this.stream = admin.topology.watchTopology({ withoutIndexes }, admin.metadata);
    this.stream.on('error', () => {});
    this.stream.on('data', ({ event }: WatchTopologyResponse) => {
      if (event === undefined || event.$case === 'heartbeat') return;
      if (event.$case === 'snapshot') this.#start(event.value);
      else for (const uid of event.value.removedIndexUids) this.uids.delete(uid);
      for (const { uid } of event.value.indexes) this.uids.add(uid);
    });
  }

  #start(_topology: Topology): void {
    this.uids.clear();
    this.snapshots += 1;
  }
}

test('two hundred readers hear of every change', async () => {
  const readers = Array.from({ length: WATCHERS }, () => new Reader());
  const short = new Reader(true);
  await until(() => [...readers, short].every(({ snapshots }) => snapshots === 1));
  const uids: string[] = [];
  for (let at = 0; at < 5; at += 1) {
    uids.push(`made${at}`);
    const uid = await cluster.sidecar.write(`made${at}`, [{ id: at }]);
    await cluster.sidecar.finished(uid);
  }
  await until(() => readers.every((reader) => uids.every((uid) => reader.uids.has(uid))));
  assert.ok(
    readers.every(({ snapshots }) => snapshots === 1),
    'nobody had to begin anew',
  );
  assert.is(short.uids.size, 0);
  for (const { stream } of [...readers, short]) stream.cancel();
});

test('a streamed backup is whole, can be put back, and is a job', async () => {
  const stream = admin.backup.streamBackup({}, admin.metadata);
  const chunks: Buffer[] = [];
  const seen: string[] = [];
  let job = '';
  for await (const { part } of stream as AsyncIterable<{ part: { $case: string; value: never } }>) {
    seen.push(part.$case);
    if (part.$case === 'header') job = (part.value as { jobId: string }).jobId;
    if (part.$case === 'chunk') chunks.push(part.value);
    if (part.$case === 'trailer') {
      const { sha256 } = part.value as { sha256: Buffer };
      const hash = createHash('sha256').update(Buffer.concat(chunks)).digest();
      assert.ok(hash.equals(sha256));
    }
  }
  assert.is(seen[0], 'header');
  assert.is(seen.at(-1), 'trailer');
  const file = join(folder, 'streamed.backup');
  writeFileSync(file, Buffer.concat(chunks));
  await restoreBackup({ file, folder: join(folder, 'data'), freshId: () => '00ff00ff00ff00ff' });
  const get = admin.jobs.getJob.bind(admin.jobs);
  await until(async () => (await admin.ask(get, { jobId: job })).job?.state === JobState.SUCCEEDED);
});

test('a job that writes a backup is watched to its end and listed', async () => {
  const start = admin.jobs.startJob.bind(admin.jobs);
  const backup = { $case: 'backup' as const, value: { fileName: 'one.backup' } };
  const dry = await admin.ask(start, { job: backup, dryRun: true });
  assert.is(dry.job, undefined);
  const { job } = await admin.ask(start, { job: backup, dryRun: false });
  const states: JobState[] = [];
  const watching = admin.jobs.watchJobs({ jobIds: [job?.id ?? ''] }, admin.metadata);
  for await (const { jobs } of watching as AsyncIterable<{ jobs: { state: JobState }[] }>) {
    states.push(...jobs.map(({ state }) => state));
  }
  assert.is(states.at(-1), JobState.SUCCEEDED);
  const { backups } = await admin.ask(admin.backup.listBackups.bind(admin.backup), {});
  assert.equal(
    backups.map(({ fileName }) => fileName),
    ['one.backup'],
  );
  const wrong = { $case: 'backup' as const, value: { fileName: '../../etc/passwd' } };
  const failure = await failureOf(admin.ask(start, { job: wrong, dryRun: false }));
  assert.equal([failure.code, failure.reason], ['INVALID_ARGUMENT', 'miroir_invalid_request']);
  const missing = await failureOf(
    admin.ask(admin.jobs.pauseJob.bind(admin.jobs), { jobId: 'backup-999999' }),
  );
  assert.equal([missing.code, missing.reason], ['NOT_FOUND', 'miroir_job_not_found']);
});

test('the configuration is shown without secrets, and another one is checked', async () => {
  const config = await admin.ask(admin.config.getConfig.bind(admin.config), {});
  assert.not.match(config.yaml, MASTER_KEY);
  assert.match(config.yaml, 'shards: 16');
  const shards = config.options.find(({ path }) => path === 'sharding.shards');
  assert.equal([shards?.valueJson, shards?.defaultJson], ['16', '256']);
  const check = admin.config.checkConfig.bind(admin.config);
  const wrong = await admin.ask(check, { yaml: 'nodes: []\nshardng: {shards: 3}\n' });
  assert.is(wrong.valid, false);
  assert.equal(
    wrong.problems.map(({ suggestion }) => suggestion).filter((text) => text !== ''),
    ['sharding'],
  );
  const other = await admin.ask(check, {
    yaml: 'nodes:\n  - {id: n9, url: "http://10.0.0.9:7700"}\n',
  });
  assert.is(other.valid, true);
  assert.ok(other.problems.every(({ isWarning }) => isWarning));
  assert.match(other.problems[0]?.message ?? '', 'no node n9');
  assert.ok(other.differences.some(({ path }) => path === 'sharding.shards'));
});

test('weight and address of a node change; a stranger at the new address is refused', async () => {
  const update = admin.nodes.updateNode.bind(admin.nodes);
  const heavy = await admin.ask(update, { nodeId: 'n1', weight: 2, dryRun: false });
  assert.is(heavy.node?.weight, 2);
  const taken = await failureOf(
    admin.ask(update, { nodeId: 'n1', url: cluster.nodeUrls()['n2'], dryRun: false }),
  );
  assert.is(taken.code, 'ALREADY_EXISTS');
  // An empty node cannot stand in for the only copies of something: it is told, and kept out.
  const dry = await admin.ask(update, { nodeId: 'n1', url: spare.url, dryRun: true });
  assert.match(dry.plan?.warnings.join() ?? '', 'is empty');
  const moved = await admin.ask(update, { nodeId: 'n1', url: spare.url, dryRun: false });
  assert.is(moved.node?.url, spare.url);
  const list = admin.nodes.listNodes.bind(admin.nodes);
  const first = async () => (await admin.ask(list, {})).nodes[0];
  await until(async () => (await first())?.state === NodeState.REFUSED);
  const home = cluster.nodeUrls()['n1'] ?? '';
  await admin.ask(update, { nodeId: 'n1', url: `${home}/`, dryRun: false });
  await until(async () => (await first())?.state === NodeState.UP);
  const drain = await failureOf(
    admin.ask(admin.nodes.drainNode.bind(admin.nodes), { nodeId: 'n1', dryRun: true }),
  );
  assert.is(drain.reason, 'miroir_node_in_use');
});

test('one replica says what it takes to have more', async () => {
  const add = admin.replicas.addReplica.bind(admin.replicas);
  const request = { id: 'r2', address: '127.0.0.1:9', role: 0 as const, dryRun: true };
  const failure = await failureOf(admin.ask(add, request));
  assert.equal([failure.code, failure.reason], ['FAILED_PRECONDITION', 'miroir_replica_state']);
});

test('a call whose time is over ends so', async () => {
  const answered = await new Promise<number>((resolve) => {
    const options = { deadline: Date.now() - 1 };
    admin.nodes.listNodes({}, admin.metadata, options, (error) => resolve(error?.code ?? 0));
  });
  assert.is(answered, 4);
});

run();
