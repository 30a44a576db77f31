/**
 * Goal: wherever a worker or control dies on a write's way, the client's next write to the same document
 * goes through, every task ends, and both copies agree on what is there.
 * Method: the whole of `npm start` with two copies of everything; a file arms one failpoint at a time, and
 * the process that meets it kills itself.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import * as assert from 'uvu/assert';
import { FAILPOINTS, type FailpointName } from '../../core/failpoint.ts';
import { request, sleep, startCluster, type TestCluster } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const WRITE_LIMIT_MS = 40_000;
const MET_LIMIT_MS = 5_000;

const e2e = suite('failpoints');
const folder = mkdtempSync(join(tmpdir(), 'miroir-failpoints-'));
const list = join(folder, 'list');
let cluster: TestCluster;

e2e.before(async () => {
  writeFileSync(list, '');
  process.env['MIROIR_FAILPOINTS'] = `@${list}`;
  process.env['NODE_ENV'] = 'test';
  cluster = await startCluster(['--nodes', '2', '--rf', '2', '--spread', 'all']);
  const made = await cluster.call('POST', '/indexes', { uid: 'points', primaryKey: 'id' });
  assert.is((await cluster.waitForTask(made.body.taskUid)).status, 'succeeded');
}, 5 * MINUTES);

e2e.after(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true });
}, MINUTES);

/** Those of client writes; a page of recovery needs a copy that is behind. */
const OF_WRITES = FAILPOINTS.filter((name) => name !== 'control.after-recovery-page');

for (const name of OF_WRITES) {
  e2e.test(
    name,
    async () => {
      await put(name, 'before');
      arm(name);
      const answer = await tryPut(name, 'killed');
      await met();
      // The client was answered while the report was on its way, or not at all.
      const isAnsweredFirst = name === 'sidecar.after-report';
      if (name.startsWith('sidecar.') && !isAnsweredFirst) {
        assert.is.not(answer, 202, 'nobody was left to say yes');
      }
      await put(name, 'after');
      await quiet();
      for (const color of await colorsOnNodes(name)) assert.is(color, 'after');
    },
    3 * MINUTES,
  );
}

e2e.run();

function arm(name: FailpointName): void {
  writeFileSync(list, `${name}=exit`);
}

/** Waits until the process that was to die has died: it empties the file first. */
async function met(): Promise<void> {
  const giveUpAt = Date.now() + MET_LIMIT_MS;
  while (readFileSync(list, 'utf8') !== '') {
    assert.ok(Date.now() < giveUpAt, 'the failpoint was met');
    await sleep(20);
  }
}

/** The status, or undefined where the connection broke. */
async function tryPut(id: string, color: string): Promise<number | undefined> {
  // The file is looked at every 50 ms.
  await sleep(200);
  const documents = [{ id: id.replace('.', '-'), color }];
  const answer = await cluster
    .call('PUT', '/indexes/points/documents', documents)
    .catch(() => undefined);
  return answer?.status;
}

/** Writes until it is acknowledged; clients try again. */
async function put(id: string, color: string): Promise<void> {
  const giveUpAt = Date.now() + WRITE_LIMIT_MS;
  while (Date.now() < giveUpAt) {
    if ((await tryPut(id, color)) === 202) return;
  }
  throw new Error(`${id} cannot be written`);
}

/** Waits until no task is open. */
async function quiet(): Promise<void> {
  const giveUpAt = Date.now() + WRITE_LIMIT_MS;
  while (Date.now() < giveUpAt) {
    const { body } = await cluster.call('GET', '/tasks?statuses=enqueued,processing&limit=1');
    if (body?.total === 0) return;
    await sleep(100);
  }
  throw new Error('some task does not end');
}

/** What each node holds itself, once copies had time to come back. */
async function colorsOnNodes(id: string): Promise<string[]> {
  const read = () =>
    Promise.all(
      cluster.nodeUrls.map(async (url) => {
        const pool = new Pool(url);
        const answer = await request(pool, {
          method: 'GET',
          path: `/indexes/points/documents/${id.replace('.', '-')}`,
          headers: { authorization: `Bearer ${cluster.masterKey}` },
        });
        await pool.destroy();
        return String(answer.body?.color);
      }),
    );
  const giveUpAt = Date.now() + WRITE_LIMIT_MS;
  let colors = await read();
  while (new Set(colors).size > 1 && Date.now() < giveUpAt) {
    await sleep(200);
    colors = await read();
  }
  return colors;
}
