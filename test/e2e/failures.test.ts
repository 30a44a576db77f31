/**
 * Goal: what users see when a part dies. Control gone: searches go on, writes answer 503. A worker gone:
 * skipped and replaced. The sidecar gone: 503 in Meilisearch's shape, never a hang, never a bare node. A
 * node gone: the answer says which shards are missing. Everything back: everything works again.
 */
import * as assert from 'uvu/assert';
import { type Answer, sleep, startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const DOCUMENTS = 600;
const e2e = suite('failures');
let cluster: TestCluster;

e2e.before(async () => {
  cluster = await startCluster(['--spread', 'all']);
  const documents = Array.from({ length: DOCUMENTS }, (_, at) => ({
    id: at,
    title: `word${at % 7} common`,
  }));
  const added = await cluster.call('POST', '/indexes/life/documents', documents);
  await cluster.waitForTask(added.body.taskUid);
}, 5 * MINUTES);
e2e.after(() => cluster.stop(), MINUTES);

e2e.test(
  'control stopped: searches go on, writes answer 503 with Retry-After',
  async () => {
    const control = cluster.pid('control');
    process.kill(control, 'SIGSTOP');
    try {
      assert.is((await search()).body.estimatedTotalHits, DOCUMENTS);
      const write = await cluster.call('POST', '/indexes/life/documents', [{ id: 'x' }]);
      assert.is(write.status, 503, write.text);
      assert.is(write.body.code, 'miroir_control_unavailable');
      assert.ok(Number(write.headers['retry-after']) > 0);
    } finally {
      process.kill(control, 'SIGCONT');
    }
    await until(
      async () =>
        (await cluster.call('POST', '/indexes/life/documents', [{ id: 1, title: 'word1 common' }]))
          .status === 202,
    );
  },
  2 * MINUTES,
);

e2e.test(
  'control killed: the same, and it comes back with its data',
  async () => {
    process.kill(cluster.pid('control'), 'SIGKILL');
    assert.is((await search()).status, 200);
    await until(async () => (await cluster.call('GET', '/tasks/0')).status === 200);
    const write = await cluster.call('POST', '/indexes/life/documents', [
      { id: 2, title: 'word2 common' },
    ]);
    assert.is(write.status, 202, write.text);
    assert.is((await cluster.waitForTask(write.body.taskUid)).status, 'succeeded');
  },
  2 * MINUTES,
);

e2e.test(
  'one worker killed: no request fails for long',
  async () => {
    process.kill(cluster.pid('worker'), 'SIGKILL');
    await sleep(1_000);
    let bad = 0;
    for (let at = 0; at < 200; at += 1) if ((await search()).status !== 200) bad += 1;
    assert.is(bad, 0, `${bad} of 200 failed`);
  },
  2 * MINUTES,
);

e2e.test(
  'the sidecar killed: 503 in shape, at once',
  async () => {
    process.kill(cluster.pid('sidecar'), 'SIGSTOP');
    for (const pid of cluster.pids('worker')) process.kill(pid, 'SIGKILL');
    await sleep(300);
    const startedAt = Date.now();
    const answer = await search();
    assert.is(answer.status, 503, answer.text);
    assert.is(answer.body.code, 'miroir_gateway_unavailable');
    assert.ok(Date.now() - startedAt < 10_000);
    process.kill(cluster.pid('sidecar'), 'SIGCONT');
    await until(async () => (await search()).status === 200);
  },
  3 * MINUTES,
);

e2e.test(
  'a node killed: the answer names what is missing, or fails if asked to',
  async () => {
    process.kill(cluster.pid('node'), 'SIGKILL');
    const answer = await search();
    assert.is(answer.status, 200, answer.text);
    if (answer.headers['x-miroir-degraded'] !== undefined) {
      const [have, all] = String(answer.headers['x-miroir-coverage']).split('/').map(Number);
      assert.ok((have ?? 0) < (all ?? 0));
      assert.ok(answer.body.estimatedTotalHits < DOCUMENTS);
    }
    const strict = await search({ 'x-miroir-partial': 'error' });
    assert.ok([200, 503].includes(strict.status));
    if (strict.status === 503) assert.is(strict.body.code, 'miroir_shard_unavailable');
    await until(async () => {
      const again = await search();
      return (
        again.status === 200 &&
        again.headers['x-miroir-degraded'] === undefined &&
        again.body.estimatedTotalHits === DOCUMENTS
      );
    });
  },
  3 * MINUTES,
);

e2e.run();

function search(headers: Record<string, string> = {}): Promise<Answer> {
  return cluster.call('POST', '/indexes/life/search', { q: 'common' }, headers);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + MINUTES;
  for (;;) {
    if (await holds().catch(() => false)) return;
    assert.ok(Date.now() < giveUpAt, 'did not come back within a minute');
    await sleep(200);
  }
}
