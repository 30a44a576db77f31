/**
 * Goal: what one copy missed it never shows and soon has: "blue to red" and then "delete red"; a node that
 * comes back empty, or with the data of an earlier day, is recognised and refilled before it is read.
 * Method: two nodes with a copy of every shard each, one of them killed; searches go on all the while, and
 * in the end both nodes are read past the gateway and compared, document by document.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { drain } from '../chaos/drain.ts';
import { canonical } from '../chaos/model.ts';
import { World, type WorldNode } from '../chaos/world.ts';
import { type Answer, findMeilisearch } from '../kit/cluster.ts';
import { suite } from '../kit/suite.ts';

const MINUTES = 60_000;
const DOCUMENTS = 400;
const COLORS = ['blue', 'green', 'grey', 'red'] as const;
const SHOWN = 5;
const INDEX = '/indexes/palette';

const e2e = suite('copies');
let world: World;

e2e.before(async () => {
  const config = { sharding: { shards: 32 } };
  world = await World.start({ nodeCount: 2, factor: 2, groups: 1, spread: 'all', config });
  await world.call('PATCH', '/experimental-features', { editDocumentsByFunction: true });
  await write('PATCH', `${INDEX}/settings`, { filterableAttributes: ['color'] });
}, 5 * MINUTES);
e2e.after(() => world.stop(process.env['MIROIR_TEST_KEEP'] !== undefined), MINUTES);

e2e.testUnless(
  findMeilisearch() === undefined ? 'the stand-in runs no functions' : undefined,
  'a copy misses "blue to red" and then "delete red", comes back, and agrees',
  async () => {
    await fresh();
    const absent = node(1);
    await absent.engine.kill();
    const edited = await write('POST', `${INDEX}/documents/edit`, {
      filter: 'color = blue',
      function: 'doc.color = "red"',
    });
    assert.is(edited.details.editedDocuments, DOCUMENTS / 4);
    const deleted = await write('POST', `${INDEX}/documents/delete`, { filter: 'color = red' });
    assert.is(deleted.details.deletedDocuments, DOCUMENTS / 2);
    await absent.engine.start();
    await whileSettling(async () => {
      assert.is(await countOf('color = blue OR color = red'), 0, 'a deleted document was shown');
      assert.is(await countOf('color = green'), DOCUMENTS / 4);
    });
    assert.equal(await colorsOn(node(1)), { green: DOCUMENTS / 4, grey: DOCUMENTS / 4 });
    await sameOnBoth();
  },
  4 * MINUTES,
);

e2e.test(
  'the same by ids: updates and deletions that a copy missed',
  async () => {
    await fresh();
    const absent = node(0);
    await absent.engine.kill();
    const blue = documents().filter(({ color }) => color === 'blue');
    const red = blue.map(({ id }) => ({ id, color: 'red' }));
    await write('PUT', `${INDEX}/documents`, red);
    const gone = red.slice(0, red.length / 2).map(({ id }) => id);
    await write('POST', `${INDEX}/documents/delete-batch`, gone);
    await absent.engine.start();
    await whileSettling(async () => {
      assert.is(await countOf('color = blue'), 0, 'a missed update was not seen');
      assert.is(await countOf('color = red'), DOCUMENTS / 4 + red.length - gone.length);
    });
    await sameOnBoth();
  },
  4 * MINUTES,
);

e2e.test(
  'a node that comes back wiped is refilled before it is read',
  async () => {
    await fresh();
    const { engine } = node(1);
    await engine.kill();
    engine.wipe();
    await engine.start();
    await whileSettling(async () => {
      assert.is(await countOf('color != none'), DOCUMENTS, 'an empty copy was read');
    });
    await sameOnBoth();
    await write('PUT', `${INDEX}/documents`, [{ id: 0, note: 'after the wipe' }]);
    await sameOnBoth();
  },
  4 * MINUTES,
);

e2e.test(
  'a node that comes back with the data of an earlier day is recognised and brought up',
  async () => {
    await fresh();
    const { engine } = node(1);
    await engine.kill();
    engine.save();
    await engine.start();
    await settle();
    await write('POST', `${INDEX}/documents/delete`, { filter: 'color = grey' });
    await write('PUT', `${INDEX}/documents`, [
      { id: 1, note: 'newer' },
      { id: 'new', color: 'red' },
    ]);
    await settle();
    await engine.kill();
    assert.ok(engine.restore());
    await engine.start();
    await whileSettling(async () => {
      assert.is(await countOf('color = grey'), 0, 'a deleted document was shown');
      assert.is(await countOf('color = red'), DOCUMENTS / 4 + 1);
    });
    await sameOnBoth();
  },
  4 * MINUTES,
);

e2e.run();

function documents(): { readonly id: number; readonly color: string; readonly title: string }[] {
  return Array.from({ length: DOCUMENTS }, (_, id) => ({
    id,
    color: COLORS[id % COLORS.length] ?? '',
    title: `swatch ${id}`,
  }));
}

/** Every test begins with the same documents on both nodes. */
async function fresh(): Promise<void> {
  await write('DELETE', `${INDEX}/documents`);
  await write('POST', `${INDEX}/documents`, documents());
  await settle();
}

function node(at: number): WorldNode {
  const found = world.nodes[at];
  if (found === undefined) throw new Error(`no node ${at}`);
  return found;
}

/** Writes until it is taken (a node that has just died may cost a try), and waits for the task. */
async function write(method: string, path: string, body?: unknown): Promise<Answer['body']> {
  const giveUpAt = Date.now() + MINUTES;
  for (;;) {
    const answer = await world.call(method, path, body).catch(() => undefined);
    if (answer?.status === 202) return ended(answer.body.taskUid as number, giveUpAt);
    assert.ok(Date.now() < giveUpAt, `${method} ${path}: ${answer?.status} ${answer?.text}`);
    await sleep(200);
  }
}

async function ended(uid: number, giveUpAt: number): Promise<Answer['body']> {
  for (;;) {
    const { body } = await world.call('GET', `/tasks/${uid}`);
    if (body.status === 'succeeded') return body;
    assert.ok(['enqueued', 'processing'].includes(body.status), JSON.stringify(body));
    assert.ok(Date.now() < giveUpAt, `task ${uid} does not end: ${JSON.stringify(body)}`);
    await sleep(50);
  }
}

async function settle(): Promise<void> {
  const { left } = await drain(world, 2 * MINUTES);
  assert.is(left, '');
}

/** Looks again and again until every copy is in sync; what is looked at must hold all the while. */
async function whileSettling(look: () => Promise<void>): Promise<void> {
  const settled = settle().then(() => true);
  settled.catch(() => {});
  let isSettled = false;
  while (!isSettled) {
    await look();
    isSettled = await Promise.race([settled, sleep(20, false)]);
  }
  await look();
}

async function countOf(filter: string): Promise<number> {
  const answer = await world.call('POST', `${INDEX}/documents/fetch`, { filter, limit: 1 });
  assert.is(answer.status, 200, answer.text);
  assert.is(answer.headers['x-miroir-degraded'], undefined, 'some shard had no copy');
  return answer.body.total as number;
}

async function stored(of: WorldNode): Promise<Record<string, unknown>[]> {
  const page = await world.ask(of, `${INDEX}/documents?limit=${2 * DOCUMENTS}`);
  return (page as { results: Record<string, unknown>[] }).results;
}

async function colorsOn(of: WorldNode): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { color } of await stored(of)) {
    counts[String(color)] = (counts[String(color)] ?? 0) + 1;
  }
  return counts;
}

/** Every document, internal fields and all. */
async function sameOnBoth(): Promise<void> {
  await settle();
  const [left, right] = await Promise.all([stored(node(0)), stored(node(1))]);
  const texts = (list: unknown[] | undefined): Set<string> => new Set((list ?? []).map(canonical));
  const [own, other] = [texts(left), texts(right)];
  const different = [...own].filter((text) => !other.has(text));
  different.push(...[...other].filter((text) => !own.has(text)));
  assert.equal(different.slice(0, SHOWN), [], `${different.length} documents differ`);
}
