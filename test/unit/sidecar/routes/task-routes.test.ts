/**
 * Goal: cancelling and deleting tasks take a place in the lane with the filters as control reads them, and
 * never reach a node's own tasks; batches and compactions are asked of control.
 * Method: an app over one stand-in node and a control service made by the test, which keeps every Begin.
 */
import * as assert from 'uvu/assert';
import { WriteKind } from '../../../../proto/gen/miroir/write/v1/write.ts';
import { type RunningEngine, startEngine } from '../../../engine/index.ts';
import { suite } from '../../../kit/suite.ts';
import { FakeControl, fakeIndex, MASTER_KEY, sha256 } from '../fake-control.ts';
import { type ServedApp, serveApp, until } from '../serve-app.ts';

const { test, before, after, run } = suite('routes of tasks');
const LIMITED = 'd'.repeat(64);

let engine: RunningEngine;
let control: FakeControl;
let served: ServedApp;

before(async () => {
  engine = await startEngine({ masterKey: MASTER_KEY });
  control = new FakeControl([engine.url]);
  control.indexes = [fakeIndex('m', 4, ['n0'], () => 0)];
  control.cluster.keys = [
    { hash: sha256(LIMITED), uid: 'u', actions: ['*'], indexes: ['m*'], expiresAt: undefined },
  ];
  await control.start();
  served = await serveApp(control.address);
  await until(() => served.app.isReady());
});

after(async () => {
  await served.close();
  control.close();
  await engine.close();
});

test('filters travel to control as they were meant, with what the key may see', async () => {
  const path = '/tasks/cancel?uids=3,4&statuses=Enqueued&indexUids=*&afterEnqueuedAt=2020-01-31';
  const answer = await served.call('POST', path, { authorization: `Bearer ${LIMITED}` });
  assert.is(answer.status, 200, answer.text);
  assert.equal(
    [answer.json.indexUid, answer.json.status, answer.json.type],
    [null, 'enqueued', 'taskCancelation'],
  );
  const begin = control.begins.at(-1);
  assert.is(begin?.kind, WriteKind.TASKS_CANCEL);
  const { filter, matchesNothing } = JSON.parse(begin?.bodyJson.toString() ?? '');
  assert.is(matchesNothing, false);
  assert.equal(
    [filter.uids, filter.statuses, filter.indexUids, filter.allowedIndexes],
    [[3, 4], ['enqueued'], [], ['m*']],
  );
  assert.is(filter.afterEnqueuedAt, '2020-02-01T00:00:00.000Z');
  assert.equal(JSON.parse(begin?.detailsJson.toString() ?? ''), {
    matchedTasks: null,
    canceledTasks: null,
    originalFilter: `?${path.split('?')[1]}`,
  });
});

test('a list that names nothing deletes nothing', async () => {
  assert.is((await served.call('DELETE', '/tasks?uids=')).status, 200);
  const begin = control.begins.at(-1);
  assert.is(begin?.kind, WriteKind.TASKS_DELETE);
  assert.is(JSON.parse(begin?.bodyJson.toString() ?? '').matchesNothing, true);
});

test('without filters, or with ones a node refuses, nothing takes a place', async () => {
  const count = control.begins.length;
  const refused: [string, string, string][] = [
    ['POST', '/tasks/cancel', 'missing_task_filters'],
    ['DELETE', '/tasks', 'missing_task_filters'],
    ['POST', '/tasks/cancel?uids=x', 'invalid_task_uids'],
    ['DELETE', '/tasks?statuses=x', 'invalid_task_statuses'],
    ['DELETE', '/tasks?limit=3', 'bad_request'],
    ['POST', '/tasks/cancel?from=3', 'bad_request'],
  ];
  for (const [method, path, code] of refused) {
    const answer = await served.call(method, path);
    assert.is(answer.json?.code, code, `${method} ${path}: ${answer.text}`);
    assert.not.match(answer.text, '`~`');
  }
  assert.is(control.begins.length, count);
});

test('what a node would accept and the gateway does not read is never sent to its tasks', async () => {
  const answer = await served.call('POST', '/tasks/cancel?afterEnqueuedAt=2020-01-01T00:00:00,5Z');
  assert.is(answer.status, 400);
  const own = await fetch(`${engine.url}/tasks?types=taskCancelation`, {
    headers: { authorization: `Bearer ${MASTER_KEY}` },
  });
  assert.is(((await own.json()) as { total: number }).total, 0);
});

test('batches and compactions', async () => {
  const none = await served.call('GET', '/batches/4');
  assert.equal([none.status, none.json.code], [404, 'batch_not_found']);
  assert.is((await served.call('GET', '/batches/x')).json.code, 'invalid_batch_uids');
  const list = await served.call('GET', '/batches?limit=3');
  assert.is(list.text, '{"results":[],"total":0,"limit":3,"from":null,"next":null}');
  const compacted = await served.call('POST', '/indexes/m/compact');
  assert.equal([compacted.status, compacted.json.type], [202, 'indexCompaction']);
  assert.is(control.begins.at(-1)?.kind, WriteKind.INDEX_COMPACT);
});

test('the payload of a finished task is gone, and a route that is switched off says so', async () => {
  control.tasks.set(5n, '{"uid":5,"type":"documentAdditionOrUpdate","status":"succeeded"}');
  const off = await served.call('GET', '/tasks/5/documents');
  assert.is(off.status, 400);
  await served.call('PATCH', '/experimental-features', { body: { getTaskDocumentsRoute: true } });
  const gone = await served.call('GET', '/tasks/5/documents');
  assert.equal([gone.status, gone.json.code], [404, 'task_file_not_found']);
  assert.is((await served.call('GET', '/tasks/99/documents')).json.code, 'task_not_found');
});

run();
