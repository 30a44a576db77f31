/**
 * Goal: what a cancelation reaches and what it leaves behind, what a deletion of tasks hides, and how tasks
 * make batches.
 * Method: events into the reducer; nodes cancel what control tells them to, or have been faster.
 */
import * as assert from 'uvu/assert';
import { findBatch, listBatches, listTasks } from '../../../../control/tasks/index.ts';
import type { TaskQuery } from '../../../../control/tasks/list.ts';
import { suite } from '../../../kit/suite.ts';
import {
  callTasks,
  cancelOnNodes,
  endWhere,
  sendAddition,
  sendDeletion,
  statusOf,
} from './cancel-hand.ts';
import { addition, granted, Hand } from './lane-hand.ts';

const { test, run } = suite('lane and cancelations');

const ALL: TaskQuery = {
  limit: 100,
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

test('a write in every queue and begun on none is cancelled on its nodes', () => {
  const hand = new Hand(1);
  hand.create('movies');
  const seq = sendAddition(hand, 'movies', '1');
  const cancel = callTasks(hand, 'tasksCancel', { uids: [seq] });
  const told = cancelOnNodes(hand);
  assert.is(told, 1);
  assert.is(statusOf(hand, cancel), 'enqueued', 'the cancelation waits for its own tasks');
  hand.endAll();
  assert.is(statusOf(hand, seq), 'canceled');
  assert.is(hand.state.summaries[seq]?.canceledBy, cancel);
  assert.is(statusOf(hand, cancel), 'succeeded');
  assert.is(hand.state.summaries[cancel]?.batchUid, hand.state.summaries[seq]?.batchUid);
});

test('nothing is told to nodes about a write that one of them works on, or that is half sent', () => {
  const hand = new Hand('all');
  hand.create('movies');
  const { reply } = hand.begin({ ...addition('movies', '1'), touchesAllShards: true });
  const seq = granted(reply);
  const [first, ...others] = hand.acks(seq);
  hand.report(seq, first === undefined ? [] : [first], false);
  const early = callTasks(hand, 'tasksCancel', { uids: [seq] });
  assert.is(statusOf(hand, early), 'succeeded');
  hand.report(seq, others);
  hand.endOn('n1', 'succeeded');
  const late = callTasks(hand, 'tasksCancel', { uids: [seq] });
  assert.is(statusOf(hand, late), 'succeeded');
  assert.is(cancelOnNodes(hand), 0);
  hand.endAll();
  assert.is(statusOf(hand, seq), 'succeeded');
});

test('a node that was faster: the write is not called cancelled', () => {
  const hand = new Hand(1);
  hand.create('movies');
  const seq = sendAddition(hand, 'movies', '1');
  const cancel = callTasks(hand, 'tasksCancel', { uids: [seq] });
  hand.runSteps();
  hand.endAll();
  assert.is(statusOf(hand, seq), 'succeeded');
  assert.is(hand.state.summaries[seq]?.canceledBy, null);
  assert.is(statusOf(hand, cancel), 'succeeded');
});

test('a cancelled first write leaves no index: it is removed from the nodes before it ends', () => {
  const hand = new Hand(1);
  const seq = sendAddition(hand, 'movies', '1');
  callTasks(hand, 'tasksCancel', { uids: [seq] });
  cancelOnNodes(hand);
  hand.endAll();
  assert.is(hand.state.head.get('movies'), undefined);
  const removed = hand.runSteps().map(({ method, path }) => `${method} ${path}`);
  assert.equal(removed, ['DELETE /indexes/movies']);
  hand.endAll();
  assert.is(statusOf(hand, seq), 'canceled');
  assert.is(hand.state.entryOf('movies'), undefined);
  assert.is(hand.state.open.size, 0);
});

test('a later write to the same new index makes it instead', () => {
  const hand = new Hand(1);
  const first = sendAddition(hand, 'movies', '1');
  const second = sendAddition(hand, 'movies', '2');
  callTasks(hand, 'tasksCancel', { uids: [first] });
  cancelOnNodes(hand);
  hand.endAll();
  assert.equal(hand.runSteps(), [], 'nothing is removed');
  assert.is(statusOf(hand, first), 'canceled');
  assert.is(statusOf(hand, second), 'succeeded');
  assert.is(hand.state.entryOf('movies')?.isVisible, true);
});

test('two cancelled writes to a new index, the last of both removes it', () => {
  const hand = new Hand(1);
  const first = sendAddition(hand, 'movies', '1');
  const second = sendAddition(hand, 'movies', '2');
  callTasks(hand, 'tasksCancel', { statuses: ['enqueued'] });
  cancelOnNodes(hand);
  hand.endAll();
  hand.runSteps();
  hand.endAll();
  assert.equal([statusOf(hand, first), statusOf(hand, second)], ['canceled', 'canceled']);
  assert.is(hand.state.entryOf('movies'), undefined);
  assert.is(hand.state.open.size, 0);
});

test('a cancelled settings change is not in force', () => {
  const hand = new Hand(1);
  hand.create('movies');
  hand.begin({ kind: 'settingsUpdate', indexUid: 'movies', body: { stopWords: ['a'] } });
  hand.runSteps();
  callTasks(hand, 'tasksCancel', { types: ['settingsUpdate'] });
  cancelOnNodes(hand);
  hand.endAll();
  const index = hand.state.entryOf('movies')?.index;
  assert.equal([index?.settings, index?.pending], [{}, []]);
});

test('a settings change that is left out on a node that is away is cancelled where it was made', () => {
  const hand = new Hand('all', { replicationFactor: 2 });
  hand.create('movies');
  hand.apply({ kind: 'nodeHealth', nodeId: 'n1', isUp: false, now: hand.now });
  hand.tick(2_000);
  hand.begin({ kind: 'settingsUpdate', indexUid: 'movies', body: { stopWords: ['a'] } });
  assert.equal(
    hand.runSteps().map(({ nodeId }) => nodeId),
    ['n2', 'n3'],
  );
  callTasks(hand, 'tasksCancel', { types: ['settingsUpdate'] });
  cancelOnNodes(hand);
  hand.endAll();
  assert.is(statusOf(hand, 1), 'canceled');
  const index = hand.state.entryOf('movies')?.index;
  assert.equal([index?.settings, index?.pending], [{}, []]);
});

test('a cancelation does not wait for a node that is away, once all that it is about has ended', () => {
  const hand = new Hand('all', { replicationFactor: 2 });
  hand.create('movies');
  const seq = sendDeletion(hand, 'movies');
  const cancel = callTasks(hand, 'tasksCancel', { uids: [seq] });
  hand.runSteps();
  hand.apply({ kind: 'nodeHealth', nodeId: 'n1', isUp: false, now: hand.now });
  endWhere(hand, 'canceled', (nodeId) => nodeId !== 'n1');
  assert.equal([statusOf(hand, seq), statusOf(hand, cancel)], ['processing', 'processing']);
  hand.tick(6_000);
  assert.is(statusOf(hand, seq), 'canceled', 'the copies on the node count no more');
  hand.tick(1_000);
  assert.is(statusOf(hand, cancel), 'succeeded');
  assert.not.ok(hand.state.open.has(cancel));
});

test('a cancelation waits with a write that waits for a node that is away', () => {
  const hand = new Hand('all');
  hand.create('movies');
  const seq = sendDeletion(hand, 'movies');
  const cancel = callTasks(hand, 'tasksCancel', { uids: [seq] });
  hand.apply({ kind: 'nodeHealth', nodeId: 'n1', isUp: false, now: hand.now });
  hand.tick(60_000);
  assert.is(statusOf(hand, cancel), 'enqueued');
  hand.apply({ kind: 'nodeHealth', nodeId: 'n1', isUp: true, now: hand.now });
  cancelOnNodes(hand);
  hand.endAll();
  assert.equal([statusOf(hand, seq), statusOf(hand, cancel)], ['canceled', 'succeeded']);
});

test('deleted tasks are in no list, their uids are not used again, open ones stay', () => {
  const hand = new Hand(1);
  hand.create('movies');
  const done = hand.write('movies', '1');
  const open = sendAddition(hand, 'movies', '2');
  const deletion = callTasks(hand, 'tasksDelete', { uids: [done, open, 99] });
  assert.is(statusOf(hand, deletion), 'succeeded');
  const listed = listTasks(hand.state, ALL);
  assert.equal(listed.uids, [deletion, open, 0]);
  assert.is(listed.total, 3);
  hand.endAll();
  assert.is(hand.state.nextSeq, deletion + 1);
});

test('a deletion waits for what is being worked on, and takes it along', () => {
  const hand = new Hand(1);
  hand.create('movies');
  const seq = sendAddition(hand, 'movies', '1');
  const summary = hand.state.summaries[seq];
  if (summary !== undefined) summary.status = 'processing';
  const deletion = callTasks(hand, 'tasksDelete', { uids: [seq] });
  assert.is(statusOf(hand, deletion), 'enqueued');
  hand.endAll();
  assert.is(statusOf(hand, deletion), 'succeeded');
  assert.equal(listTasks(hand.state, ALL).uids, [deletion, 0]);
});

test('a batch is found by its tasks, and gone with the last of them', () => {
  const hand = new Hand(1);
  hand.create('movies');
  const seq = hand.write('movies', '1');
  const uid = hand.state.summaries[seq]?.batchUid ?? -1;
  const uids = (query: Partial<TaskQuery>): number[] =>
    listBatches(hand.state, { ...ALL, ...query }).batches.map((batch) => batch.uid);
  assert.equal(uids({ uids: [seq] }), [uid]);
  assert.equal(uids({ types: ['documentAdditionOrUpdate'] }), [uid]);
  assert.equal(uids({ indexUids: ['movies'], isReverse: true }), [0, uid]);
  assert.equal(uids({ statuses: ['enqueued'] }), []);
  assert.equal(uids({ limit: 1 }), [uid]);
  assert.is(listBatches(hand.state, { ...ALL, limit: 1 }).next, 0);
  assert.is(findBatch(hand.state, uid, ['books']), undefined);
  callTasks(hand, 'tasksDelete', { uids: [seq] });
  assert.is(findBatch(hand.state, uid, []), undefined);
  assert.not.ok(uids({}).includes(uid));
});

test('a swap renames tasks and no batches', () => {
  const hand = new Hand(1);
  hand.create('left');
  hand.create('right');
  hand.begin({ kind: 'indexSwap', indexUid: '', body: [{ indexes: ['left', 'right'] }] });
  hand.runSteps();
  hand.endAll();
  hand.create('other');
  hand.begin({ kind: 'indexSwap', indexUid: '', body: [{ indexes: ['left', 'other'] }] });
  hand.runSteps();
  hand.endAll();
  const batches = (uid: string): number[][] =>
    listBatches(hand.state, { ...ALL, indexUids: [uid], isReverse: true }).batches.map((batch) =>
      batch.tasks.map((task) => task.uid),
    );
  assert.equal(listTasks(hand.state, { ...ALL, indexUids: ['right'] }).uids, [0]);
  assert.equal(batches('left')[0], [0]);
  assert.equal(batches('right')[0], [1]);
});

run();
