/**
 * Goal: tasks look and are found as on one node.
 * Method: dates and durations as a real node printed them; folding of several node tasks; lists over a
 * made-up registry against a plain filter.
 */
import * as assert from 'uvu/assert';
import type { Intent, NodeTask, TaskRecord } from '../../../../control/state/index.ts';
import { State } from '../../../../control/state/index.ts';
import {
  addTask,
  cleanError,
  closeGroups,
  endOf,
  finalDetails,
  formatDuration,
  formatTime,
  groupFor,
  listTasks,
  parseTime,
  renderTask,
  startOf,
  swapGroupNames,
  type TaskQuery,
  timeMs,
} from '../../../../control/tasks/index.ts';
import { editPrefix } from '../../../../core/reserved/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('tasks');

const EMPTY_QUERY: TaskQuery = {
  limit: 20,
  from: undefined,
  isReverse: false,
  uids: [],
  batchUids: [],
  canceledBy: [],
  types: [],
  statuses: [],
  indexUids: [],
  beforeEnqueuedMs: undefined,
  afterEnqueuedMs: undefined,
  beforeStartedMs: undefined,
  afterStartedMs: undefined,
  beforeFinishedMs: undefined,
  afterFinishedMs: undefined,
  allowedIndexes: [],
};

function emptyState(): State {
  const cluster = {
    clusterId: '00',
    nodes: [],
    keys: [],
    masterKeyHashHex: '',
    versionJson: '',
    experimentalFeaturesJson: '',
  };
  return new State(cluster, {
    shardCount: 1,
    spread: 1,
    replicationFactor: 1,
    minCopies: 1,
    quorum: 'in_sync',
  });
}

function task(state: State, changes: Partial<TaskRecord> & { name?: string } = {}): TaskRecord {
  const uid = state.summaries.length;
  const record: TaskRecord = {
    uid,
    batchUid: null,
    group: groupFor(state, changes.name ?? 'movies', uid),
    status: 'enqueued',
    type: 'documentAdditionOrUpdate',
    canceledBy: null,
    details: null,
    newNameGroup: null,
    swapGroups: [],
    error: null,
    enqueuedAt: formatTime(BigInt(uid) * 1_000_000_000n),
    startedAt: null,
    finishedAt: null,
    customMetadata: null,
    ...changes,
  };
  addTask(state, record);
  return record;
}

const nodeTask = (changes: Partial<NodeTask>): NodeTask => ({
  uid: 0,
  status: 'succeeded',
  batchUid: 0,
  startedAt: '2026-11-23T20:00:01Z',
  finishedAt: '2026-11-23T20:00:02Z',
  details: null,
  error: null,
  ...changes,
});

function intentOf(tasks: readonly NodeTask[], kind: Intent['kind'] = 'documentsReplace'): Intent {
  const targets = tasks.map((item, at): [string, Intent['targets'][string]] => [
    `n${at}`,
    {
      shards: [at],
      state: 'enqueued',
      isLost: false,
      partCount: 1,
      parts: { 0: { uid: item.uid, task: item, documentCount: null } },
      reason: null,
      refusal: null,
    },
  ]);
  const outcomes = tasks.map(({ status }) => (status === 'succeeded' ? 'in' : 'out'));
  return { kind, change: null, steps: [], outcomes, targets: Object.fromEntries(targets) } as never;
}

test('dates have up to nine digits and no trailing zeros', () => {
  const texts = ['2026-11-23T19:39:03.51601509Z', '2026-11-23T19:39:05Z', '1999-12-31T23:59:59.9Z'];
  for (const text of texts) assert.is(formatTime(parseTime(text) ?? 0n), text);
  assert.is(parseTime('2026-11-23T21:39:05+02:00'), parseTime('2026-11-23T19:39:05Z'));
  assert.is(parseTime('yesterday'), undefined);
});

test('times compare as their dates do', () => {
  const texts = ['2026-11-23T19:39:03.5Z', '2026-11-23T19:39:03.500001Z', '2026-11-23T19:39:04Z'];
  const times = texts.map(timeMs);
  assert.equal(
    times,
    [...times].sort((a, b) => a - b),
  );
  for (const text of texts) {
    assert.ok(Math.abs(timeMs(text) - Number(parseTime(text) ?? 0n) / 1e6) < 0.001);
  }
  assert.ok(Number.isNaN(timeMs(null)) && Number.isNaN(timeMs('2026-99-99T00:00:00.1Z')));
});

test('durations are printed as nodes print them', () => {
  assert.is(formatDuration(614_258_303n), 'PT0.614258303S');
  assert.is(formatDuration(0n), 'PT0S');
  assert.is(formatDuration(2_500_000_000n), 'PT2.500S');
  assert.is(formatDuration(1_000_001_000n), 'PT1.000001S');
  assert.is(formatDuration(86_400_000_000_000n), 'P1D');
  assert.is(formatDuration(86_401_000_000_000n), 'P1DT1S');
  assert.is(formatDuration(-1n), null);
});

test('a task has every field in its order, null where there is nothing', () => {
  const state = emptyState();
  const record = task(state, { details: { receivedDocuments: 1, indexedDocuments: null } });
  assert.is(
    renderTask(state, record),
    '{"uid":0,"batchUid":null,"indexUid":"movies","status":"enqueued","type":"documentAdditionOrUpdate","canceledBy":null,"details":{"receivedDocuments":1,"indexedDocuments":null},"error":null,"duration":null,"enqueuedAt":"1970-01-01T00:00:00Z","startedAt":null,"finishedAt":null}',
  );
  const bare = task(state, { customMetadata: 'mine' });
  assert.match(renderTask(state, bare), /"canceledBy":null,"error":null.*"customMetadata":"mine"/);
});

test('counts add up, the first start and the last end count', () => {
  const state = emptyState();
  const record = task(state, { details: { receivedDocuments: 5, indexedDocuments: null } });
  const intent = intentOf([
    nodeTask({ details: { receivedDocuments: 2, indexedDocuments: 2 } }),
    nodeTask({
      startedAt: '2026-11-23T20:00:00.5Z',
      finishedAt: '2026-11-23T20:00:01.9Z',
      details: { receivedDocuments: 3, indexedDocuments: 3 },
    }),
  ]);
  assert.equal(finalDetails(record, intent), { receivedDocuments: 5, indexedDocuments: 5 });
  assert.is(startOf(intent), '2026-11-23T20:00:00.5Z');
  assert.is(endOf(intent), '2026-11-23T20:00:02Z');
});

test('a failed task counts nothing', () => {
  const state = emptyState();
  const record = task(state, { details: { receivedDocuments: 5, indexedDocuments: null } });
  assert.equal(finalDetails(record, intentOf([])), { receivedDocuments: 5, indexedDocuments: 0 });
  const failed = nodeTask({ status: 'failed', details: { indexedDocuments: 0 } });
  assert.is(finalDetails(record, intentOf([failed]))?.['indexedDocuments'], 0);
  const edited = task(state, { details: { editedDocuments: null, deletedDocuments: null } });
  const none = { editedDocuments: 0, deletedDocuments: null };
  assert.equal(finalDetails(edited, intentOf([failed], 'documentsEdit')), none);
  assert.equal(finalDetails(edited, intentOf([], 'documentsEdit')), none);
  const done = nodeTask({ details: { editedDocuments: 2, deletedDocuments: 2 } });
  assert.equal(finalDetails(edited, intentOf([done, failed], 'documentsEdit')), {
    editedDocuments: 2,
    deletedDocuments: 2,
  });
  // Nodes without a document to edit succeed.
  const idle = nodeTask({ details: { editedDocuments: 0, deletedDocuments: 0 } });
  assert.equal(finalDetails(edited, intentOf([idle, failed], 'documentsEdit')), none);
});

test('positions in errors of edits are those of the client’s function', () => {
  const clean = (message: string) =>
    cleanError({ message, code: 'edit_documents_by_function_error', type: '', link: '' }).message;
  const at = (line: number, position: number) => `no (line ${line}, position ${position})`;
  const before = editPrefix(123_456).length;
  assert.is(before, editPrefix(0).length);
  assert.is(clean(at(1, before + 9)), at(1, 9));
  assert.is(clean(`${at(1, before + 1)} @ ${at(1, before + 20)}`), `${at(1, 1)} @ ${at(1, 20)}`);
  assert.is(clean(at(2, 50)), at(2, 50));
});

test('errors do not name internal fields', () => {
  const clean = (message: string) => cleanError({ message, code: '', type: '', link: '' }).message;
  assert.is(
    clean('Available filterable attribute patterns are: `_miroir_*`, `g`.'),
    'Available filterable attribute patterns are: `g`.',
  );
});

test('a swap exchanges the names of earlier tasks only', () => {
  const state = emptyState();
  const before = [task(state, { name: 'a' }), task(state, { name: 'b' })];
  closeGroups(state, ['a', 'b']);
  const after = task(state, { name: 'a' });
  swapGroupNames(state, 'a', 'b', 2);
  const names = [...before, after].map((item) => JSON.parse(renderTask(state, item)).indexUid);
  assert.equal(names, ['b', 'a', 'a']);
});

test('lists page in both directions and count what the filters leave', () => {
  const state = emptyState();
  for (let uid = 0; uid < 50; uid += 1) {
    task(state, {
      name: uid % 3 === 0 ? 'books' : 'movies',
      status: uid < 40 ? 'succeeded' : 'enqueued',
    });
  }
  const page = listTasks(state, { ...EMPTY_QUERY, limit: 3, indexUids: ['books'] });
  assert.equal(page, { uids: [48, 45, 42], total: 17, from: 48, next: 39 });
  const older = listTasks(state, { ...EMPTY_QUERY, limit: 3, indexUids: ['books'], from: 39 });
  assert.equal(older, { uids: [39, 36, 33], total: 17, from: 39, next: 30 });
  const up = listTasks(state, { ...EMPTY_QUERY, limit: 2, isReverse: true, from: 10 });
  assert.equal(up, { uids: [10, 11], total: 50, from: 10, next: 12 });
  const enqueued = listTasks(state, { ...EMPTY_QUERY, statuses: ['enqueued'], limit: 100 });
  assert.is(enqueued.total, 10);
  assert.is(enqueued.next, null);
  const none = listTasks(state, { ...EMPTY_QUERY, uids: [999] });
  assert.equal(none, { uids: [], total: 0, from: null, next: null });
  assert.equal(listTasks(state, { ...EMPTY_QUERY, uids: [3, 7, 5] }).uids, [7, 5, 3]);
  assert.is(listTasks(state, { ...EMPTY_QUERY, limit: 0 }).total, 50);
});

test('a swap counts for its indexes and is not shown; a rename is listed under both names', () => {
  const state = emptyState();
  task(state, { name: 'a' });
  const groups = ['a', 'b'].map((name) => groupFor(state, name, 1));
  task(state, { group: null, type: 'indexSwap', swapGroups: [{ groups, rename: false }] });
  task(state, { name: 'a', type: 'indexUpdate', newNameGroup: groupFor(state, 'c', 2) });
  const found = (uid: string) => {
    const { uids, total } = listTasks(state, { ...EMPTY_QUERY, indexUids: [uid] });
    return { uids, total };
  };
  assert.equal(found('a'), { uids: [2, 0], total: 3 });
  assert.equal(found('b'), { uids: [], total: 1 });
  assert.equal(found('c'), { uids: [2], total: 1 });
});

test('times compare strictly, and a task that has not begun has no start', () => {
  const state = emptyState();
  for (let uid = 0; uid < 5; uid += 1) task(state, {});
  const after = listTasks(state, { ...EMPTY_QUERY, afterEnqueuedMs: 2_000 });
  assert.equal(after.uids, [4, 3]);
  assert.equal(listTasks(state, { ...EMPTY_QUERY, beforeStartedMs: 1e15 }).uids, []);
});

test('a restricted key sees its indexes, and tasks without one index not at all', () => {
  const state = emptyState();
  task(state, { name: 'mine-1' });
  task(state, { name: 'other' });
  task(state, { name: 'mine-2' });
  task(state, { group: null, type: 'indexSwap' });
  const seen = (limit: number) =>
    listTasks(state, { ...EMPTY_QUERY, allowedIndexes: ['mine*'], limit });
  assert.equal(seen(20), { uids: [2, 0], total: 4, from: 2, next: null });
  // A node cuts the page before it looks at the key.
  assert.equal(seen(0), { uids: [], total: 4, from: null, next: null });
  assert.equal(seen(1), { uids: [2], total: 4, from: 2, next: null });
  assert.equal(seen(3), { uids: [2, 0], total: 4, from: 2, next: null });
  task(state, { name: 'mine-1' });
  assert.equal(seen(1), { uids: [4], total: 5, from: 4, next: null });
});

run();
