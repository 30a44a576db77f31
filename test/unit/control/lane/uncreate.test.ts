/**
 * Goal: an index whose first write is cancelled is made by a later one or by nobody, and whatever was planned on
 * it comes to an end.
 * Method: events into the reducer; nodes cancel what control tells them to, all of them or some.
 */
import * as assert from 'uvu/assert';
import { suite } from '../../../kit/suite.ts';
import {
  assertNoIndex,
  callTasks,
  cancelOnNodes,
  endWhere,
  errorOf,
  sendAddition,
  sendDeletion,
  statusOf,
} from './cancel-hand.ts';
import { Hand } from './lane-hand.ts';

const { test, run } = suite('cancelled first writes');

test('what needs a new index fails where the write that was to make it is cancelled', () => {
  const hand = new Hand('all');
  const first = sendAddition(hand, 'movies', '1');
  const deletion = sendDeletion(hand, 'movies');
  callTasks(hand, 'tasksCancel', { uids: [first] });
  cancelOnNodes(hand);
  hand.endAll();
  assert.is(statusOf(hand, first), 'canceled');
  assert.is(statusOf(hand, deletion), 'processing', 'the index is removed before it ends');
  const removed = hand.runSteps().map(({ nodeId, method, path }) => `${nodeId} ${method} ${path}`);
  assert.equal(removed, [
    'n1 DELETE /indexes/movies',
    'n2 DELETE /indexes/movies',
    'n3 DELETE /indexes/movies',
  ]);
  hand.endAll();
  assert.is(statusOf(hand, deletion), 'failed');
  assert.is(errorOf(hand, deletion), 'index_not_found');
  assertNoIndex(hand);
});

test('the making of an index is handed on until somebody makes it, over a change of leader too', () => {
  for (const takesOver of [false, true]) {
    const hand = new Hand('all');
    const first = sendAddition(hand, 'movies', '1');
    const deletion = sendDeletion(hand, 'movies');
    const last = sendAddition(hand, 'movies', '2');
    callTasks(hand, 'tasksCancel', { uids: [first] });
    hand.runSteps();
    const ofFirst = (_: string, seq: number): boolean => seq === first;
    endWhere(hand, 'canceled', ofFirst);
    assert.is(statusOf(hand, first), 'canceled');
    if (takesOver) hand.takeOver();
    hand.endAll();
    assert.equal(hand.runSteps(), [], 'nothing is removed');
    assert.is(statusOf(hand, deletion), 'failed');
    assert.is(statusOf(hand, last), 'succeeded');
    assert.is(hand.state.entryOf('movies')?.isVisible, true);
    assert.is(hand.state.open.size, 0);
  }
});

test('what removes the index is sent by nobody else', () => {
  const hand = new Hand('all');
  hand.create('cars');
  const first = sendAddition(hand, 'movies', '1');
  const second = sendAddition(hand, 'movies', '2');
  callTasks(hand, 'tasksCancel', { uids: [first, second] });
  cancelOnNodes(hand);
  hand.endAll();
  hand.runSteps();
  hand.endAll();
  assert.is(statusOf(hand, second), 'canceled');
  const other = sendAddition(hand, 'cars', '1');
  assert.equal(hand.state.open.get(other)?.intent.steps, []);
  hand.endAll();
  assert.is(statusOf(hand, other), 'succeeded');
});

test('an index whose first write is cancelled stays, empty, for what changes its name', () => {
  const bodies = {
    indexSwap: [{ indexes: ['movies', 'other'] }],
    indexUpdate: { uid: 'films' },
  } as const;
  for (const kind of ['indexSwap', 'indexUpdate'] as const) {
    const hand = new Hand('all');
    hand.create('other');
    const first = sendAddition(hand, 'movies', '1');
    const made = hand.state.head.get('movies');
    hand.begin({ kind, indexUid: kind === 'indexSwap' ? '' : 'movies', body: bodies[kind] });
    callTasks(hand, 'tasksCancel', { uids: [first] });
    cancelOnNodes(hand);
    hand.endAll();
    assert.equal(hand.runSteps(), [], kind);
    assert.is(statusOf(hand, first), 'canceled');
    const name = kind === 'indexSwap' ? 'other' : 'films';
    assert.is(hand.state.visible.get(name), made, kind);
    assert.equal([...hand.state.visible].sort(), [...hand.state.head].sort(), kind);
    assert.is(hand.state.visible.size, 2);
    assert.is(hand.state.open.size, 0);
  }
});

test('the deletion of an index whose first write is cancelled finds none', () => {
  const hand = new Hand('all');
  const first = sendAddition(hand, 'movies', '1');
  const deletion = first + 1;
  hand.begin({ kind: 'indexDelete', indexUid: 'movies' });
  callTasks(hand, 'tasksCancel', { uids: [first] });
  cancelOnNodes(hand);
  hand.endAll();
  assert.is(statusOf(hand, first), 'canceled');
  assert.is(statusOf(hand, deletion), 'failed');
  assert.is(errorOf(hand, deletion), 'index_not_found');
  assertNoIndex(hand);
});

test('a settings change that one node cancelled and others made leaves no index behind', () => {
  const hand = new Hand('all');
  hand.begin({ kind: 'settingsUpdate', indexUid: 'movies', body: { stopWords: ['a'] } });
  hand.runSteps();
  callTasks(hand, 'tasksCancel', { uids: [0] });
  cancelOnNodes(hand, 'n1');
  hand.endAll();
  const backOn = hand.runSteps().map(({ nodeId, method }) => `${nodeId} ${method}`);
  assert.equal(backOn, ['n2 PATCH', 'n3 PATCH']);
  hand.endAll();
  const removedOn = hand.runSteps().map(({ nodeId, method }) => `${nodeId} ${method}`);
  assert.equal(removedOn, ['n1 DELETE', 'n2 DELETE', 'n3 DELETE']);
  hand.endAll();
  assert.is(statusOf(hand, 0), 'canceled');
  assertNoIndex(hand);
  sendAddition(hand, 'movies', '1');
  hand.endAll();
  assert.is(hand.state.entryOf('movies')?.isVisible, true);
});

test('of a deletion and the write that makes the name anew, the write alone is cancelled', () => {
  const hand = new Hand('all');
  hand.create('movies');
  hand.write('movies', '1');
  const deletion = 2;
  hand.begin({ kind: 'indexDelete', indexUid: 'movies' });
  const anew = sendAddition(hand, 'movies', '1');
  const cancel = callTasks(hand, 'tasksCancel', { uids: [deletion, anew] });
  cancelOnNodes(hand);
  hand.endAll();
  assert.is(statusOf(hand, deletion), 'succeeded');
  hand.runSteps();
  hand.endAll();
  assert.is(statusOf(hand, anew), 'canceled');
  assert.is(statusOf(hand, cancel), 'succeeded');
  assertNoIndex(hand);
});

run();
