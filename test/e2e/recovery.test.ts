/**
 * Goal: a node that was away comes back equal and is read again, whatever it missed: single documents, a
 * change and a deletion by filter ("blue to red", then "delete red"), settings, all of its data, or the newer
 * half of it.
 * Method: a whole Miroir with two copies of everything on two nodes that the test kills, wipes and rolls
 * back; afterwards both nodes are asked for all their documents and settings, past Miroir.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { sleep, startCluster, type TestCluster } from '../kit/cluster.ts';
import { startNode, type TestNode } from '../kit/nodes.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const MASTER_KEY = 'test-master-key-0123456789';
const DOCUMENTS = 3_000;
const COLORS = ['blue', 'green', 'white'];
const e2e = suite('recovery of nodes');
const folder = mkdtempSync(join(tmpdir(), 'miroir-recovery-'));
const nodes: TestNode[] = [];
let cluster: TestCluster;

e2e.before(async () => {
  nodes.push(await startNode(MASTER_KEY), await startNode(MASTER_KEY));
  const list = nodes.map(({ url }, at) => `  - {id: n${at}, url: "${url}"}`).join('\n');
  const file = join(folder, 'miroir.yaml');
  writeFileSync(file, `nodes:\n${list}\nreplication: {factor: 2}\nsharding: {shards: 16}\n`);
  cluster = await startCluster(['--config', file]);
  await write('PATCH', '/indexes/cars/settings', { filterableAttributes: ['color'] });
  const documents = Array.from({ length: DOCUMENTS }, (_, id) => ({
    id,
    color: COLORS[id % 3],
    exact: id % 2 === 0 ? 9007199254740991 : 1.5,
    text: `car ${id} is ${COLORS[id % 3]}`,
  }));
  await write('POST', '/indexes/cars/documents', documents);
}, 5 * MINUTES);

e2e.after(async () => {
  await cluster?.stop();
  await Promise.all(nodes.map((node) => node.stop()));
  rmSync(folder, { recursive: true, force: true });
}, MINUTES);

e2e.test(
  'a copy that missed "blue to red" and then "delete red" comes back and agrees',
  async () => {
    await node(1).kill();
    const blue = Array.from({ length: DOCUMENTS / 3 }, (_, at) => ({ id: at * 3, color: 'red' }));
    await write('PUT', '/indexes/cars/documents', blue);
    await write('POST', '/indexes/cars/documents/delete', { filter: 'color = red' });
    assert.is(await total(), (DOCUMENTS / 3) * 2);
    await node(1).start();
    await equal();
    assert.is((await documentsOf(node(1))).size, (DOCUMENTS / 3) * 2);
  },
  3 * MINUTES,
);

e2e.test(
  'documents, deletions by id and settings that were missed',
  async () => {
    await node(1).kill();
    await write('POST', '/indexes/cars/documents', [
      { id: 'new', color: 'gold' },
      { id: 1, color: 'gold' },
    ]);
    await write('POST', '/indexes/cars/documents/delete-batch', [2, 4, 5]);
    await write('PATCH', '/indexes/cars/settings', {
      filterableAttributes: ['color', 'id'],
      stopWords: ['is'],
      typoTolerance: { disableOnWords: ['car'] },
    });
    await write('POST', '/indexes/late/documents', [{ id: 1, color: 'gold' }]);
    await node(1).start();
    await equal();
    await equal('late');
  },
  3 * MINUTES,
);

e2e.test(
  'a node that comes back empty is made anew and filled',
  async () => {
    await node(1).kill();
    node(1).wipe();
    await write('POST', '/indexes/cars/documents', [{ id: 'while-empty', color: 'gold' }]);
    await node(1).start();
    await equal();
    await equal('late');
    assert.equal(await keysOf(node(1)), await keysOf(node(0)));
  },
  3 * MINUTES,
);

e2e.test(
  'a node that comes back with older data is recognised and brought up to date',
  async () => {
    await write('POST', '/indexes/again/documents', [{ id: 1, was: 'before' }]);
    await write('PATCH', '/indexes/again/settings', { stopWords: ['before'] });
    await write('POST', '/indexes/left/documents', [{ id: 'left' }]);
    await write('POST', '/indexes/right/documents', [{ id: 'right' }]);
    await equal('again');
    await node(1).kill();
    node(1).save();
    await node(1).start();
    await equal();
    await write('PUT', '/indexes/cars/documents', [{ id: 7, color: 'silver' }]);
    await write('DELETE', '/indexes/late');
    await write('DELETE', '/indexes/again');
    await write('POST', '/indexes/again/documents?primaryKey=key', [{ key: 2, id: 'after' }]);
    await write('POST', '/swap-indexes', [{ indexes: ['left', 'right'] }]);
    await write('POST', '/indexes/cars/documents/delete', { filter: 'color = gold' });
    await node(1).kill();
    node(1).restore();
    await node(1).start();
    // The first to use the node has it looked at.
    await write('PUT', '/indexes/cars/documents', [{ id: 8, color: 'silver' }]);
    for (const uid of ['cars', 'again', 'left', 'right']) await equal(uid);
    const list = await fetchJson(node(1), 'GET', '/indexes');
    const found = list['results'] as { uid: string; primaryKey: string }[];
    assert.equal(found.map(({ uid }) => uid).sort(), [
      '_miroir_node',
      'again',
      'cars',
      'left',
      'right',
    ]);
    assert.is(found.find(({ uid }) => uid === 'again')?.primaryKey, 'key');
    assert.equal([...(await documentsOf(node(1), 'again')).keys()], ['after']);
    assert.equal([...(await documentsOf(node(1), 'left')).keys()], ['right']);
  },
  3 * MINUTES,
);

e2e.run();

function node(at: number): TestNode {
  const found = nodes[at];
  if (found === undefined) throw new Error(`no node ${at}`);
  return found;
}

/** Writes as soon as Miroir takes it (a node may just have gone), and waits for the task. */
async function write(method: string, path: string, body?: unknown): Promise<void> {
  const giveUpAt = Date.now() + MINUTES;
  for (;;) {
    const answer = await cluster.call(method, path, body);
    if (answer.status === 202) {
      const task = await cluster.waitForTask(answer.body.taskUid);
      assert.is(task.status, 'succeeded', JSON.stringify(task.error));
      return;
    }
    assert.is(answer.status, 503, answer.text);
    assert.ok(Date.now() < giveUpAt, answer.text);
    await sleep(200);
  }
}

async function total(): Promise<number> {
  return (await cluster.call('GET', '/indexes/cars/stats')).body.numberOfDocuments;
}

/** Waits until all copies count, then compares what both nodes hold. */
async function equal(uid = 'cars'): Promise<void> {
  const giveUpAt = Date.now() + 2 * MINUTES;
  const token = readFileSync(join(cluster.dataFolder, 'admin-token'), 'utf8').trim();
  for (;;) {
    const { body } = await cluster.call('GET', '/_miroir/topology', undefined, {
      authorization: `Bearer ${token}`,
    });
    const index = body?.indexes?.find((entry: { uid: string }) => entry.uid === uid);
    const states = Object.values(index?.copies ?? {}) as Record<string, number>[];
    const isEqual = states.every((counts) => counts['in-sync'] === index.shards);
    if (states.length === 2 && isEqual) break;
    assert.ok(
      Date.now() < giveUpAt,
      `${JSON.stringify(index?.copies)}\n${cluster.output().slice(-4_000)}`,
    );
    await sleep(100);
  }
  const [left, right] = await Promise.all(nodes.map((item) => documentsOf(item, uid)));
  assert.equal(right, left);
  const path = `/indexes/${uid}/settings`;
  assert.equal(await fetchJson(node(1), 'GET', path), await fetchJson(node(0), 'GET', path));
}

async function documentsOf(of: TestNode, uid = 'cars'): Promise<Map<string, string>> {
  const body = { limit: 100_000 };
  const page = await fetchJson(of, 'POST', `/indexes/${uid}/documents/fetch`, body);
  const results = page['results'] as Record<string, unknown>[];
  const sorted = results.map((item): [string, string] => [
    String(item['id']),
    JSON.stringify(Object.entries(item).sort()),
  ]);
  return new Map(sorted.sort());
}

async function keysOf(of: TestNode): Promise<string[]> {
  const list = await fetchJson(of, 'GET', '/keys?limit=100');
  return (list['results'] as { key: string }[]).map(({ key }) => key).sort();
}

async function fetchJson(
  of: TestNode,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const answer = await fetch(of.url + path, {
    method,
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.is(answer.status, 200, path);
  return (await answer.json()) as Record<string, unknown>;
}
