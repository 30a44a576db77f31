/**
 * Goal: with two copies of everything a reader does not notice that a node stands still, dies or comes
 * back: every answer is whole, in bounded time, and never older than what was acknowledged.
 * Method: two nodes, two copies; one is frozen, then killed under searches that stick to different copies,
 * while documents are written. Whoever reads the missed copy would not find them.
 */
import * as assert from 'uvu/assert';
import { type Answer, sleep, startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const DOCUMENTS = 600;
const e2e = suite('two copies');
let cluster: TestCluster;

e2e.before(async () => {
  cluster = await startCluster(['--nodes', '2', '--rf', '2']);
  const documents = Array.from({ length: DOCUMENTS }, (_, at) => ({
    id: at,
    title: `word${at % 7} common`,
  }));
  const settings = await cluster.call('PATCH', '/indexes/life/settings', {
    filterableAttributes: ['id'],
  });
  await cluster.waitForTask(settings.body.taskUid);
  const added = await cluster.call('POST', '/indexes/life/documents', documents);
  assert.is((await cluster.waitForTask(added.body.taskUid)).status, 'succeeded');
}, 5 * MINUTES);
e2e.after(() => cluster.stop(), MINUTES);

e2e.test(
  'both copies are read, and figures count a document once',
  async () => {
    const nodes = new Set<string>();
    for (let at = 0; at < 20; at += 1) {
      const { body } = await explain({ q: 'common', filter: `id > ${-at}` });
      for (const { node } of body.calls) nodes.add(node);
      assert.is.not(body.verdict, 'vocabulary', 'each node holds everything');
    }
    assert.is(nodes.size, 2);
    const stats = await cluster.call('GET', '/indexes/life/stats');
    assert.is(stats.body.numberOfDocuments, DOCUMENTS);
    assert.is(stats.body.fieldDistribution.title, DOCUMENTS);
  },
  MINUTES,
);

e2e.test(
  'a node that stands still holds up few searches, and none for long',
  async () => {
    await searches(200);
    const node = cluster.pid('node');
    process.kill(node, 'SIGSTOP');
    const tookMs: number[] = [];
    try {
      for (let at = 0; at < 150; at += 1) {
        const startedAt = performance.now();
        whole(await search(at));
        tookMs.push(performance.now() - startedAt);
      }
    } finally {
      process.kill(node, 'SIGCONT');
    }
    tookMs.sort((left, right) => left - right);
    assert.ok((tookMs.at(-1) ?? 0) < 5_000, `${tookMs.at(-1)} ms`);
    assert.ok((tookMs[135] ?? 0) < 1_000, `nine of ten within ${tookMs[135]} ms`);
  },
  2 * MINUTES,
);

e2e.test(
  'a node that dies and returns is never read with what it missed',
  async () => {
    await until(async () => (await search(0)).status === 200);
    process.kill(cluster.pid('node'), 'SIGKILL');
    for (let round = 0; round < 8; round += 1) {
      const id = DOCUMENTS + round;
      const written = await cluster.call('POST', '/indexes/life/documents', [
        { id, title: `late${round} common` },
      ]);
      if (written.status !== 202) continue;
      const task = await cluster.waitForTask(written.body.taskUid);
      assert.is(task.status, 'succeeded', JSON.stringify(task));
      for (let at = 0; at < 10; at += 1) {
        const found = await cluster.call('POST', '/indexes/life/search', {
          q: `late${round}`,
          filter: `id > ${-at}`,
        });
        whole(found);
        const ids = found.body.hits.map((hit: { id: number }) => hit.id);
        assert.ok(ids.includes(id), `document ${id} of an ended task is not found`);
      }
      await sleep(500);
    }
    await searches(100);
  },
  2 * MINUTES,
);

e2e.run();

function search(at: number): Promise<Answer> {
  const body = { q: 'common', filter: `id > ${-1 - (at % 64)}` };
  return cluster.call('POST', '/indexes/life/search', body);
}

async function searches(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) whole(await search(at));
}

/** Every shard is in the answer, and it says no less. */
function whole(answer: Answer): void {
  assert.is(answer.status, 200, answer.text);
  assert.is(answer.headers['x-miroir-coverage'], '256/256');
  assert.is(answer.headers['x-miroir-degraded'], undefined);
}

function explain(body: object): Promise<Answer> {
  return cluster.call(
    'POST',
    '/_miroir/explain',
    { method: 'POST', path: '/indexes/life/search', body },
    { authorization: `Bearer ${cluster.adminToken}` },
  );
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + MINUTES;
  for (;;) {
    if (await holds().catch(() => false)) return;
    assert.ok(Date.now() < giveUpAt, 'did not come back within a minute');
    await sleep(200);
  }
}
