/**
 * Goal: the stand-in as other tests use it: tasks in order, search with score details in a node's
 * shape, internal fields, keys, faults on demand, and its data found again after a restart.
 * Method: a real server on a free port, asked over HTTP.
 */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, before, after, run } = suite('engine: node');

const KEY = 'a-master-key-of-tests';
let engine: RunningEngine;

before(async () => {
  engine = await startEngine({ masterKey: KEY });
});

after(() => engine.close());

interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely here
  readonly body: any;
  readonly text: string;
}

async function ask(method: string, path: string, body?: unknown, key = KEY): Promise<Reply> {
  const reply = await fetch(`${engine.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await reply.text();
  return { status: reply.status, text, body: text === '' ? undefined : JSON.parse(text) };
}

async function done(method: string, path: string, body?: unknown): Promise<Reply['body']> {
  const { body: accepted } = await ask(method, path, body);
  for (;;) {
    const { body: task } = await ask('GET', `/tasks/${accepted.taskUid}`);
    if (task.status !== 'enqueued' && task.status !== 'processing') return task;
  }
}

const MOVIES = [
  { id: 1, title: 'quiet ocean', year: 1999, tags: ['Sea', 'Drama'], _miroir_version: '⊐⊒' },
  { id: 2, title: 'ocean', year: 2004, tags: ['sea'], _miroir_version: '⊐⊑' },
  { id: 3, title: 'ocean of stars', year: 2004, _miroir_version: '⊐⊐' },
];

test('search: order, score details and filters', async () => {
  await done('POST', '/indexes/m/documents', MOVIES);
  await done('PATCH', '/indexes/m/settings', {
    filterableAttributes: [
      { attributePatterns: ['_miroir_*'], features: { filter: { comparison: true } } },
      'year',
      'tags',
    ],
    sortableAttributes: ['year', '_miroir_version'],
  });
  const { body } = await ask('POST', '/indexes/m/search', {
    q: 'ocean',
    showRankingScore: true,
    showRankingScoreDetails: true,
    facets: ['tags'],
  });
  assert.equal(
    body.hits.map((hit: { id: number }) => hit.id),
    [2, 3, 1],
  );
  assert.is(body.hits[0]._rankingScore, 1);
  assert.equal(body.hits[0]._rankingScoreDetails.words, {
    order: 0,
    matchingWords: 1,
    maxMatchingWords: 1,
    score: 1,
  });
  assert.equal(body.hits[0]._rankingScoreDetails.exactness, {
    order: 5,
    matchType: 'exactMatch',
    score: 1,
  });
  assert.equal(body.facetDistribution, { tags: { Drama: 1, Sea: 2 } });
  const filtered = await ask('POST', '/indexes/m/search', { filter: '_miroir_version >= "⊐⊑"' });
  assert.is(filtered.body.estimatedTotalHits, 2);
});

test('a custom rule on an internal field orders ties', async () => {
  await done('PUT', '/indexes/m/settings/ranking-rules', ['words', '_miroir_version:asc']);
  const { body } = await ask('POST', '/indexes/m/search', { showRankingScoreDetails: true });
  assert.equal(
    body.hits.map((hit: { id: number }) => hit.id),
    [3, 2, 1],
  );
  assert.equal(body.hits[0]._rankingScoreDetails, {
    '_miroir_version:asc': { order: 0, value: '⊐⊐' },
  });
  const { body: none } = await ask('POST', '/indexes/m/search', { q: '⊐⊐' });
  assert.is(none.estimatedTotalHits, 3, 'separators alone are a placeholder search');
});

test('a replaced document keeps its place, a new one takes the smallest free place', async () => {
  await done('POST', '/indexes/o/documents', [{ id: 1 }, { id: 2 }, { id: 3 }]);
  await done('DELETE', '/indexes/o/documents/2');
  await done('POST', '/indexes/o/documents', [{ id: 4 }, { id: 1, x: 1 }]);
  const { body } = await ask('GET', '/indexes/o/documents?fields=id');
  assert.equal(body.results, [{ id: 1 }, { id: 4 }, { id: 3 }]);
});

test('a failing payload writes nothing', async () => {
  const task = await done('POST', '/indexes/o/documents', [{ id: 7 }, { id: 'not good' }]);
  assert.is(task.status, 'failed');
  assert.is(task.error.code, 'invalid_document_id');
  assert.is((await ask('GET', '/indexes/o/documents/7')).status, 404);
});

test('tasks of one index that go together are one batch', async () => {
  engine.switches.isPaused = true;
  const uids: number[] = [];
  for (const id of [1, 2])
    uids.push((await ask('POST', '/indexes/b/documents', [{ id }])).body.taskUid);
  uids.push((await ask('DELETE', '/indexes/b/documents/1')).body.taskUid);
  uids.push((await ask('PUT', '/indexes/b/settings/stop-words', ['a'])).body.taskUid);
  assert.is((await ask('GET', `/tasks/${uids[0]}`)).body.status, 'enqueued');
  engine.switches.isPaused = false;
  await done('POST', '/indexes', { uid: 'last' });
  const tasks = await Promise.all(
    uids.map(async (uid) => (await ask('GET', `/tasks/${uid}`)).body),
  );
  assert.equal(new Set(tasks.slice(0, 3).map((task) => task.batchUid)).size, 1);
  assert.is.not(tasks[3].batchUid, tasks[0].batchUid);
});

test('waiting tasks can be canceled', async () => {
  engine.switches.isPaused = true;
  const { body: waiting } = await ask('POST', '/indexes/c/documents', [{ id: 1 }]);
  await ask('POST', `/tasks/cancel?uids=${waiting.taskUid}`);
  engine.switches.isPaused = false;
  await done('POST', '/indexes', { uid: 'last2' });
  const { body: task } = await ask('GET', `/tasks/${waiting.taskUid}`);
  assert.is(task.status, 'canceled');
  assert.equal(task.details, { receivedDocuments: 1, indexedDocuments: 0 });
});

test('keys: value from uid and master key, actions, indexes, expiry', async () => {
  const uid = '6062abda-a5aa-4414-ac91-ecd7944c0f8d';
  const { body: made } = await ask('POST', '/keys', {
    uid,
    actions: ['search'],
    indexes: ['m'],
    expiresAt: null,
  });
  assert.is(made.key, createHmac('sha256', KEY).update(uid).digest('hex'));
  assert.is((await ask('POST', '/indexes/m/search', {}, made.key)).status, 200);
  assert.is((await ask('POST', '/indexes/o/search', {}, made.key)).status, 403);
  assert.is((await ask('GET', '/indexes/m/documents', undefined, made.key)).status, 403);
  assert.is((await ask('GET', '/indexes', undefined, 'wrong')).status, 403);
  assert.is((await fetch(`${engine.url}/indexes`)).status, 401);
});

test('faults on demand, also from outside', async () => {
  const set = (change: object) =>
    fetch(`${engine.url}/_engine/switches`, { method: 'POST', body: JSON.stringify(change) });
  assert.is((await set({ errorPaths: ['/indexes/m'], errorStatus: 500 })).status, 200);
  assert.is((await ask('GET', '/version')).status, 200);
  assert.is((await fetch(`${engine.url}/indexes/m`)).status, 500);
  await set({ errorPaths: [], isRefusing: true });
  await assertRejects(ask('GET', '/version'));
  await set({ isRefusing: false, isCutting: true });
  await assertRejects(ask('GET', '/version'));
  await set({ isCutting: false, isLosingAnswers: true });
  await assertRejects(ask('POST', '/indexes', { uid: 'lost' }));
  await set({ isLosingAnswers: false });
  await done('POST', '/indexes', { uid: 'after' });
  assert.is((await ask('GET', '/indexes/lost')).status, 200, 'a lost answer is a done write');
  assert.is((await set({ nothing: 1 })).status, 400);
  engine.switches.latencyMs = 60;
  const startedAt = performance.now();
  await ask('GET', '/health');
  assert.ok(performance.now() - startedAt >= 55);
  engine.switches.latencyMs = 0;
});

async function assertRejects(promise: Promise<unknown>): Promise<void> {
  const isRejected = await promise.then(
    () => false,
    () => true,
  );
  assert.ok(isRejected, 'the request should have failed');
}

test('a restart finds documents, settings, tasks and keys again', async () => {
  const first = engine;
  const dbPath = mkdtempSync(join(tmpdir(), 'engine-'));
  try {
    engine = await startEngine({ masterKey: KEY, dbPath });
    await done('POST', '/indexes/m/documents', '[{"id":1,"n":9007199254740993,"f":1.0},{"id":2}]');
    await done('PATCH', '/indexes/m/settings', { stopWords: ['the'] });
    await done('DELETE', '/indexes/m/documents/2');
    await done('POST', '/swap-indexes', []);
    const keys = (await ask('GET', '/keys')).text;
    const tasks = (await ask('GET', '/tasks')).text;
    engine.switches.isPaused = true;
    await ask('POST', '/indexes/m/documents', [{ id: 3 }]);
    await engine.close();
    engine = await startEngine({ masterKey: KEY, dbPath });
    await done('PUT', '/indexes/m/documents', [{ id: 1, x: 1 }]);
    const documents = (await ask('GET', '/indexes/m/documents')).text;
    assert.ok(documents.includes('{"id":1,"n":9007199254740993,"f":1.0,"x":1}'), documents);
    assert.ok(documents.includes('{"id":3}'), 'what waited is done after the restart');
    assert.equal((await ask('GET', '/indexes/m/settings/stop-words')).body, ['the']);
    assert.is((await ask('GET', '/keys')).text, keys);
    const { body: again } = await ask('GET', '/tasks?reverse=true&limit=4');
    assert.equal(again.results.reverse(), JSON.parse(tasks).results);
  } finally {
    await engine.close();
    engine = first;
    rmSync(dbPath, { recursive: true, force: true });
  }
});

run();
