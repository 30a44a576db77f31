/**
 * Goal: a node that gives a call of control a uid it had given before is known to have lost data.
 * Method: events into the reducer; the node answers a step with its next uid, or with an earlier one.
 */
import * as assert from 'uvu/assert';
import { stateOf } from '../../../../control/copies/index.ts';
import { LOST_MARK } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { World } from '../recovery/world.ts';
import { Hand } from './lane-hand.ts';

const { test, run } = suite('uids that come twice');

/** What is known of the node's last task after a step got a uid so far above the last one known. */
function markAfter(distance: number): string | undefined {
  const hand = new Hand(1);
  hand.create('movies');
  const change = {
    kind: 'settingsUpdate',
    indexUid: 'movies',
    body: { stopWords: ['a'] },
  } as const;
  hand.begin(change);
  hand.runSteps();
  hand.endAll();
  hand.begin(change);
  const step = hand.effects.find((effect) => effect.kind === 'runStep');
  if (step?.kind !== 'runStep') throw new Error('no step');
  const node = hand.state.cluster.nodes.find(({ id }) => id === step.nodeId);
  const uid = (node?.lastTaskUid ?? -1) + distance;
  assert.ok(uid >= 0, 'an earlier task is known');
  const outcome = { kind: 'enqueued', uid, enqueuedAt: null } as const;
  hand.apply({ kind: 'stepDone', seq: step.seq, step: 0, outcome, now: hand.now });
  return node?.lastMark;
}

test('a later uid is what is expected, the last one known again proves a loss', () => {
  assert.is.not(markAfter(1), LOST_MARK);
  assert.is(markAfter(0), LOST_MARK);
});

/** What is known of node b's last task just after a page was written to it, before b is read again. */
function markAfterPage(isRolledBack: boolean): string | undefined {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue' } });
  world.run();
  world.setUp('b', false);
  world.write({ kind: 'put', documents: { 2: 'red' } });
  world.run(3);
  world.setUp('b', true);
  const marks: (string | undefined)[] = [];
  let isWritten = false;
  world.onEffect = (effect) => {
    if (isWritten) marks.push(world.state.cluster.nodes[1]?.lastMark);
    if (effect.kind !== 'recoveryWrite' || isWritten) return;
    isWritten = true;
    if (isRolledBack) world.node('b').tasks = world.node('b').tasks.slice(0, 1);
  };
  world.run();
  return marks[0];
}

test('a page of recovery that gets an earlier uid proves a loss as well', () => {
  assert.is.not(markAfterPage(false), LOST_MARK);
  assert.is(markAfterPage(true), LOST_MARK);
});

/** What is known of n2's last task after an index was made good there with a task so far above the last. */
function markAfterMending(distance: number): string | undefined {
  const hand = new Hand('all', { replicationFactor: 3, shardCount: 1 });
  hand.create('movies');
  const { now } = hand;
  const nodeId = 'n2';
  const reading = {
    nodeId,
    startedAtMs: hand.nowMs,
    marker: 'ours',
    lastKnown: 'absent',
    highestUid: 0,
    tasks: [],
    missingUids: [],
  } as const;
  hand.apply({ kind: 'nodeTail', reading, now });
  hand.apply({ kind: 'nodeHealth', nodeId, isUp: true, now });
  hand.apply({ kind: 'nodeTail', reading: { ...reading, lastKnown: 'present' }, now });
  hand.tick(600);
  for (const { kind, call } of hand.effects.flatMap((x) => (x.kind === 'listIndexes' ? [x] : []))) {
    assert.is(kind, 'listIndexes');
    hand.apply({ kind: 'indexesListed', nodeId, call, indexUids: ['movies'], now: hand.now });
  }
  hand.tick(600);
  const asked = hand.effects.find((effect) => effect.kind === 'mendIndex');
  if (asked?.kind !== 'mendIndex') throw new Error('it is not made good');
  const { indexId, indexUid, settingsVersion } = asked;
  const uid = hand.nextUid(nodeId) - 1 + distance;
  const lastTask = { uid, enqueuedAt: '2026-11-23T20:00:00Z' };
  hand.apply({
    kind: 'indexMended',
    indexId,
    nodeId,
    indexUid,
    settingsVersion,
    isDone: true,
    reason: '',
    lastTask,
    now: hand.now,
  });
  return hand.state.cluster.nodes[1]?.lastMark;
}

test('so does the task by which an index is made good', () => {
  assert.is.not(markAfterMending(1), LOST_MARK);
  assert.is(markAfterMending(0), LOST_MARK);
});

const BEFORE = '2026-11-23T20:00:00Z';
const INSTEAD = '2026-11-23T20:00:05Z';
const LATER = '2026-11-23T20:00:09Z';

/** A reading of n1 that finds these tasks, and knew nothing of the last one that control was told of. */
function readTasks(
  hand: Hand,
  tasks: readonly { readonly uid: number; readonly enqueuedAt: string }[],
): void {
  const task = { tag: null, indexUid: null, documentCount: null, task: null };
  const reading = {
    nodeId: 'n1',
    startedAtMs: hand.nowMs,
    marker: 'unread',
    lastKnown: 'present',
    highestUid: tasks.at(-1)?.uid ?? -1,
    tasks: tasks.map((found) => ({ ...task, ...found })),
    missingUids: [],
  } as const;
  hand.apply({ kind: 'nodeTail', reading, now: hand.now });
}

/** Three nodes that hold one shard of an index. */
function withMovies(): { hand: Hand; uid: number } {
  const hand = new Hand('all', { replicationFactor: 3, shardCount: 1 });
  hand.create('movies');
  return { hand, uid: hand.nextUid('n1') };
}

/** What the copy on n1 is. */
function stateOfMovies(hand: Hand): string | undefined {
  const index = hand.state.entryOf('movies')?.index;
  return index === undefined ? undefined : stateOf(index, 0, 'n1');
}

/** What the copy on n1 is after a reading that began before its last task was known of. */
function stateAfterReading(enqueuedAt: string): string | undefined {
  const { hand, uid } = withMovies();
  hand.state.noteTask('n1', uid, `@${BEFORE}`);
  readTasks(hand, [
    { uid, enqueuedAt },
    { uid: uid + 1, enqueuedAt: LATER },
  ]);
  return stateOfMovies(hand);
}

test('a reading that does not know of the last task yet cannot hide that it is gone', () => {
  assert.is(stateAfterReading(BEFORE), 'in-sync');
  assert.is(stateAfterReading(INSTEAD), 'behind');
});

test('calls that were taken after it was read do not hide that the newest task of then is gone', () => {
  for (const [enqueuedAt, wanted] of [
    [BEFORE, 'in-sync'],
    [INSTEAD, 'behind'],
  ] as const) {
    const { hand, uid } = withMovies();
    readTasks(hand, [{ uid, enqueuedAt: BEFORE }]);
    hand.state.noteTask('n1', uid + 1, `@${LATER}`);
    readTasks(hand, [
      { uid, enqueuedAt },
      { uid: uid + 1, enqueuedAt: LATER },
    ]);
    assert.is(stateOfMovies(hand), wanted);
  }
});

/**
 * What the copy on n1 is after a task was told of, a reading made before that was handed in, and the next one
 * shows what is in the place of the task that the first one found.
 */
function stateAfterOldReading(enqueuedAt: string, isReadBefore: boolean): string | undefined {
  const { hand, uid } = withMovies();
  if (isReadBefore) readTasks(hand, [{ uid, enqueuedAt: BEFORE }]);
  hand.state.noteTask('n1', uid + 1, `@${LATER}`);
  readTasks(hand, [{ uid, enqueuedAt: BEFORE }]);
  readTasks(hand, [
    { uid, enqueuedAt },
    { uid: uid + 1, enqueuedAt: LATER },
  ]);
  return stateOfMovies(hand);
}

test('a reading of before does not vouch for what is there beside a task that was told of since', () => {
  for (const isReadBefore of [true, false]) {
    assert.is(stateAfterOldReading(BEFORE, isReadBefore), 'in-sync');
    assert.is(stateAfterOldReading(INSTEAD, isReadBefore), 'behind');
  }
});

test('what is lost by a uid that comes twice is made up for as what a reading shows to be lost', () => {
  const { hand } = withMovies();
  hand.create('books');
  const swap = {
    kind: 'indexSwap',
    indexUid: '',
    body: [{ indexes: ['movies', 'books'] }],
  } as const;
  hand.begin(swap);
  hand.runSteps();
  const uid = hand.nextUid('n1') - 1;
  hand.begin({ kind: 'indexCreate', indexUid: 'plays', body: {} });
  const step = hand.effects.find((effect) => effect.kind === 'runStep' && effect.nodeId === 'n1');
  if (step?.kind !== 'runStep') throw new Error('no step');
  const outcome = { kind: 'enqueued', uid, enqueuedAt: null } as const;
  hand.apply({ kind: 'stepDone', seq: step.seq, step: 0, outcome, now: hand.now });
  for (const id of ['n2', 'n3']) hand.endOn(id, 'succeeded');
  assert.is(stateOfMovies(hand), 'behind');
  const swapped = hand.state.tasks.get(2) ?? hand.state.summaries[2];
  assert.is(swapped?.status, 'succeeded');
});

run();
