/**
 * Goal: over several replicas of control, a call finds the leader wherever it is: after a handover, while the
 * leader is frozen, and for one who follows jobs all the while.
 * Method: three replicas and a real etcd as `npm start --control 3` runs them; the leader is frozen by SIGSTOP.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';
import { CliCheckout, headers, until } from './cli-kit.ts';

const MINUTE = 60_000;
const { test: limited, before, after, run } = suite('cli and replicas');
/** Each test waits for what it waits for, on a busy machine too. */
const test: typeof limited = (title, body, timeoutMs = 3 * MINUTE) =>
  limited(title, body, timeoutMs);
let cluster: TestCluster;
/** Set before the first test. */
let cli: CliCheckout;

interface Replica {
  readonly id: string;
  readonly address: string;
  readonly role: string;
  readonly in_sync: boolean;
}

async function replicas(code?: number): Promise<readonly Replica[]> {
  const { replicas: all } = await cli.json('control --timeout 20s', code);
  return all as readonly Replica[];
}

async function leader(): Promise<Replica> {
  const found = (await replicas()).find(({ role }) => role === 'leader');
  assert.ok(found);
  return found as Replica;
}

/** Process that serves at an address. */
function pidAt(wanted: string): number {
  const { parts } = JSON.parse(readFileSync(join(cluster.dataFolder, 'run.json'), 'utf8'));
  return parts.find((part: { address?: string }) => part.address === wanted).pid;
}

before(async () => {
  cluster = await startCluster(['--nodes', '2', '--rf', '2', '--control', '3']);
  cli = new CliCheckout(cluster);
  await until('all in sync', async () => (await cli.call('control')).code === 0);
}, 5 * MINUTE);

after(async () => {
  await cluster?.stop();
  cli?.remove();
}, MINUTE);

test('members: who leads, who is in sync', async () => {
  const { out } = await cli.call('control members');
  assert.equal(headers(out), ['REPLICA', 'ROLE', 'IN-SYNC', 'BEHIND-BY', 'HEARD', 'ADDRESS']);
  assert.match(out, 'engine etcd');
  const all = await replicas();
  assert.equal(all.map(({ role }) => role).sort(), ['follower', 'follower', 'leader']);
  assert.ok(all.every(({ in_sync }) => in_sync));
});

test('every replica alone leads to the leader', async () => {
  for (const { address } of await replicas()) {
    const { code, err } = await cli.call(`nodes --control ${address}`);
    assert.is(code, 0, err);
  }
});

test('handover: planned, done, and everything goes on', async () => {
  const before = await leader();
  assert.ok((await cli.json('control handover --dry-run')).steps.length > 0);
  assert.is((await leader()).id, before.id);
  const done = await cli.json('control handover');
  assert.is.not(done.leader, before.id);
  assert.is((await leader()).id, done.leader);
  assert.is((await cli.call('nodes add http://127.0.0.1:9 --id extra')).code, 0);
  assert.is((await cli.call('nodes remove extra -y')).code, 0);
  await until('in sync', async () => (await cli.call('control')).code === 0);
});

test(
  'the leader is frozen: calls wait for the next one, and a job is followed through it',
  async () => {
    // A job that waits for its node, so that there is something to follow.
    const node = cluster.pid('node');
    const index = await cluster.call('POST', '/indexes', { uid: 'movies', primaryKey: 'id' });
    await cluster.waitForTask(index.body.taskUid);
    process.kill(node, 'SIGSTOP');
    const frozen = pidAt((await leader()).address);
    try {
      await cluster.call('POST', '/indexes/movies/documents', [{ id: 1 }, { id: 2 }]);
      await until('a job', async () => (await cli.json('jobs')).jobs.length > 0);
      const [job] = (await cli.json('jobs')).jobs;
      const following = cli.start(['jobs', 'get', job.id, '--watch', '--timeout', '20s']);
      const ended = cli.collect(following);
      await new Promise((resolve) => following.stderr?.once('data', resolve));
      process.kill(frozen, 'SIGSTOP');
      const { code, err, tookMs } = await cli.call('status --timeout 30s');
      assert.is(code, 3, err);
      assert.ok(tookMs < 30_000, String(tookMs));
      const { out } = await cli.call('status --timeout 20s');
      assert.match(out, /Replicas of control that are not in-sync/);
      assert.is((await cli.call('control --timeout 20s')).code, 3);
      process.kill(node, 'SIGCONT');
      const followed = await ended;
      assert.is(followed.code, 0, followed.out + followed.err);
      assert.match(followed.out, `${job.id}   succeeded`);
    } finally {
      process.kill(node, 'SIGCONT');
      process.kill(frozen, 'SIGCONT');
    }
    await until('in sync again', async () => (await cli.call('control')).code === 0);
    await until('green again', async () => (await cli.call('status')).code === 0);
  },
  4 * MINUTE,
);

run();
