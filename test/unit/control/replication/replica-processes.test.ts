/**
 * Goal: whatever happens to a leader, what it acknowledged stays and another one goes on: killed, stopped
 * and woken again, ended as it should be, or cut off from the engine.
 * Method: three processes of control, a real etcd, two stand-in nodes.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { suite } from '../../../kit/suite.ts';
import { until as untilSoon } from '../control-cluster.ts';
import {
  askWhoLeads,
  type ReplicaProcess,
  ReplicaProcesses,
  readinessOf,
} from './replica-processes.ts';

/** The machine may be busy. */
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

const { test, run, before, after } = suite('control replicas as processes');
const cluster = new ReplicaProcesses();
let leader: ReplicaProcess;
const acknowledged: number[] = [];

before(async () => {
  await cluster.start(3);
  leader = await cluster.leader();
  await settle();
}, 180_000);

after(() => cluster.stop(), 180_000);

test('a killed leader: the next one has all that was acknowledged', async () => {
  const [took, next] = await replaced(async () => {
    await cluster.end(leader, 'SIGKILL');
  });
  assert.ok(took < 15_000, `${took} ms`);
  const killed = leader;
  leader = next;
  await check();
  await cluster.begin(killed);
  await settle();
}, 180_000);

test('a leader that slept wakes up as a follower, and what it says is refused', async () => {
  const asleep = leader;
  asleep.process?.child.kill('SIGSTOP');
  leader = await cluster.leader(asleep);
  await write(3);
  asleep.process?.child.kill('SIGCONT');
  await until(async () => (await askWhoLeads(asleep)) === leader.address);
  await check();
  await settle();
}, 180_000);

test('a leader that is asked to end hands over first', async () => {
  const ended = leader;
  const [took, next] = await replaced(async () => {
    void cluster.end(ended, 'SIGTERM');
  });
  assert.ok(took < 5_000, `${took} ms`);
  leader = next;
  await check();
  await until(() => ended.process === undefined);
  await sleep(200);
  await cluster.begin(ended);
  await settle();
}, 180_000);

test('without etcd the leader goes on while all others answer', async () => {
  cluster.etcd.freeze(true);
  await sleep(4_000);
  await write(3);
  assert.is(await askWhoLeads(leader), 'itself');
  cluster.etcd.freeze(false);
  await write(3);
}, 180_000);

test('a follower that lost its disk is filled again, and can lead', async () => {
  const lost = cluster.replicas.find((one) => one !== leader) as ReplicaProcess;
  await cluster.end(lost, 'SIGKILL');
  rmSync(join(lost.folder.path, 'data'), { recursive: true });
  await write(3);
  await cluster.begin(lost);
  assert.match(await readinessOf(lost), /^503 /);
  await write(3);
  await settle();
  for (const one of cluster.replicas) {
    await until(async () => (await readinessOf(one)) === '200 ok');
  }
  for (let tries = 0; tries < 6 && leader !== lost; tries += 1) {
    const ended = leader;
    await cluster.end(ended, 'SIGTERM');
    leader = await cluster.leader();
    await cluster.begin(ended);
    await settle();
  }
  assert.is(leader, lost);
  await check();
}, 180_000);

/** Runs it while writes go on; how long none was acknowledged, and who leads then. */
async function replaced(event: () => Promise<void>): Promise<[number, ReplicaProcess]> {
  const before = leader;
  await write(5);
  const startedMs = performance.now();
  await event();
  const next = await cluster.leader(before);
  return [Math.round(performance.now() - startedMs), next];
}

async function write(count: number): Promise<void> {
  const sidecar = cluster.sidecar(leader);
  for (let at = 0; at < count; at += 1) {
    acknowledged.push(await sidecar.write('cars', [{ id: acknowledged.length }]));
  }
}

/** All that was acknowledged is there, and more can be written. */
async function check(): Promise<void> {
  const sidecar = cluster.sidecar(leader);
  for (const uid of acknowledged) assert.is((await sidecar.finished(uid)).status, 'succeeded');
  await write(1);
  assert.is(new Set(acknowledged).size, acknowledged.length);
}

/** Waits until every replica knows the leader, and has had time to join the others. */
async function settle(): Promise<void> {
  for (const one of cluster.replicas) {
    await until(async () => ['itself', leader.address].includes(String(await askWhoLeads(one))));
  }
  await until(async () => (await cluster.inSync()) === 3);
}

run();
