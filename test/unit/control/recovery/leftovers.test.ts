/**
 * Goal: a node that was rolled back to before an index was deleted, or had another name, keeps nothing of it:
 * what control itself took away is removed before the node is relied on, what it never made stays, and no
 * index that is made anew meanwhile meets the old one or is taken with it.
 * Method: events into the reducer. Three nodes hold every index; one of them loses data, and says what it
 * holds when it is asked.
 */
import * as assert from 'uvu/assert';
import type { Effect, NodeRecord } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { Hand } from '../lane/lane-hand.ts';

const { test, run } = suite('indexes left on a node');

type Asked = Extract<Effect, { kind: 'listIndexes' | 'removeIndex' }>;

/** Node n2 is rolled back, checked and read. */
function rollBack(hand: Hand): void {
  const { now } = hand;
  const nothing = { startedAtMs: hand.nowMs, highestUid: 0, tasks: [], missingUids: [] };
  const marker = 'older';
  hand.apply({
    kind: 'nodeTail',
    reading: { ...nothing, nodeId: 'n2', marker, lastKnown: 'absent' },
    now,
  });
  hand.apply({ kind: 'nodeHealth', nodeId: 'n2', isUp: false, now });
  hand.apply({ kind: 'nodeHealth', nodeId: 'n2', isUp: true, now });
  hand.read('n2', []);
}

/** Three nodes that hold `kept` and once held `gone`. */
function world(): Hand {
  const hand = new Hand('all', { replicationFactor: 3, shardCount: 1 });
  hand.create('kept');
  hand.create('gone');
  hand.begin({ kind: 'indexDelete', indexUid: 'gone' });
  hand.runSteps();
  hand.endAll();
  return hand;
}

/** What is asked of n2 now, after time passed; taken from the effects. */
function asked(hand: Hand): Asked | undefined {
  hand.tick(600);
  const isAsked = (effect: Effect): effect is Asked =>
    effect.kind === 'listIndexes' || effect.kind === 'removeIndex';
  const place = hand.effects.findIndex(isAsked);
  return place < 0 ? undefined : (hand.effects.splice(place, 1)[0] as Asked);
}

function answer(hand: Hand, effect: Asked | undefined, indexUids: readonly string[] | null): void {
  if (effect?.kind !== 'listIndexes') throw new Error('not asked for its indexes');
  const { nodeId, call } = effect;
  hand.apply({ kind: 'indexesListed', nodeId, call, indexUids, now: hand.now });
}

function remove(hand: Hand, effect: Asked | undefined, isDone = true): string {
  if (effect?.kind !== 'removeIndex') throw new Error('nothing is removed');
  const { nodeId, call, indexUid } = effect;
  const uid = hand.nextUid(nodeId);
  const lastTask = isDone ? { uid, enqueuedAt: '2026-11-23T20:00:00Z' } : null;
  hand.apply({
    kind: 'indexRemoved',
    nodeId,
    call,
    indexUid,
    isDone,
    lastTask,
    now: hand.now,
  });
  return indexUid;
}

function leftovers(hand: Hand): NodeRecord['leftovers'] {
  return hand.state.cluster.nodes.find(({ id }) => id === 'n2')?.leftovers;
}

function count(hand: Hand, kind: Effect['kind']): number {
  return hand.effects.filter((effect) => effect.kind === kind).length;
}

test('a deleted index is removed, one that was never ours stays, and only then the node is made good', () => {
  const hand = world();
  rollBack(hand);
  answer(hand, asked(hand), ['kept', 'gone', 'theirs']);
  assert.equal(leftovers(hand), ['gone']);
  assert.is(remove(hand, asked(hand)), 'gone');
  assert.is(count(hand, 'mendIndex'), 0, 'nothing is made good before');
  answer(hand, asked(hand), ['kept', 'theirs']);
  assert.is(leftovers(hand), undefined);
  const words = hand.effects.map((effect) => (effect.kind === 'alarm' ? effect.words : ''));
  assert.ok(words.some((text) => text.includes('theirs') && !text.includes('kept')));
  assert.is(asked(hand), undefined, 'it is not asked again');
  assert.is(count(hand, 'mendIndex'), 1, 'what it keeps is made anew');
});

test('a call that fails is made again, and an answer to a call of before says nothing', () => {
  const hand = world();
  rollBack(hand);
  answer(hand, asked(hand), null);
  const old = asked(hand);
  rollBack(hand);
  answer(hand, old, ['kept']);
  assert.is(leftovers(hand), 'unlisted', 'it lost data since it was asked');
  answer(hand, asked(hand), ['kept', 'gone']);
  assert.is(remove(hand, asked(hand), false), 'gone');
  assert.is(leftovers(hand), 'unlisted');
  answer(hand, asked(hand), ['kept', 'gone']);
  assert.is(remove(hand, asked(hand)), 'gone');
});

test('the next leader goes on with it', () => {
  const hand = world();
  rollBack(hand);
  answer(hand, asked(hand), ['kept', 'gone']);
  const record = JSON.parse(String(hand.disk.get('c'))) as { nodes: NodeRecord[] };
  assert.equal(record.nodes.find(({ id }) => id === 'n2')?.leftovers, ['gone']);
  hand.effects.length = 0;
  hand.takeOver();
  assert.is(hand.state.formerNames.has('gone'), true);
  hand.apply({ kind: 'nodeHealth', nodeId: 'n2', isUp: true, now: hand.now });
  hand.read('n2', []);
  assert.is(remove(hand, asked(hand)), 'gone');
});

test('whoever gives the name to an index again waits for the removal', () => {
  const hand = world();
  rollBack(hand);
  answer(hand, asked(hand), ['kept', 'gone']);
  const removal = asked(hand);
  hand.begin({ kind: 'indexCreate', indexUid: 'gone', body: { uid: 'gone' } });
  assert.equal(hand.runSteps(), [], 'it would be removed as well');
  remove(hand, removal);
  hand.tick(100);
  assert.is.not(hand.runSteps().length, 0);
});

test('a node that goes away again keeps nobody waiting', () => {
  const hand = world();
  rollBack(hand);
  answer(hand, asked(hand), ['kept', 'gone']);
  hand.apply({ kind: 'nodeHealth', nodeId: 'n2', isUp: false, now: hand.now });
  hand.tick(100);
  assert.is(leftovers(hand), 'unlisted');
});

test('while a name is being given or taken nobody can say what is under it', () => {
  const hand = world();
  rollBack(hand);
  hand.begin({ kind: 'indexUpdate', indexUid: 'kept', body: { uid: 'gone' } });
  answer(hand, asked(hand), ['kept']);
  assert.is(leftovers(hand), 'open');
  hand.runSteps();
  hand.endAll();
  answer(hand, asked(hand), ['gone', 'kept']);
  assert.equal(leftovers(hand), ['kept'], 'it has the new name now');
});

/** One node holds the only copy of an index that is being deleted. */
function deleting(): { hand: Hand; nodeId: string; uid: number } {
  const hand = new Hand(1, { shardCount: 1 });
  hand.create('movies');
  hand.begin({ kind: 'indexDelete', indexUid: 'movies' });
  const [call] = hand.runSteps();
  const nodeId = call?.nodeId ?? '';
  return { hand, nodeId, uid: hand.nextUid(nodeId) - 1 };
}

test('a deletion that a node lost is made up for by what removes leftovers', () => {
  const { hand, nodeId, uid } = deleting();
  const reading = {
    nodeId,
    startedAtMs: hand.nowMs,
    marker: 'ours',
    lastKnown: 'absent',
    highestUid: 0,
    tasks: [],
    missingUids: [uid],
  } as const;
  hand.apply({ kind: 'nodeTail', reading, now: hand.now });
  assert.is(hand.state.summaries[1]?.status, 'succeeded');
  assert.is(hand.state.indexes.size, 0);
  hand.apply({ kind: 'nodeHealth', nodeId, isUp: true, now: hand.now });
  hand.read(nodeId, []);
  answer(hand, asked(hand), ['movies']);
  assert.is(remove(hand, asked(hand)), 'movies');
});

test('an index whose deletion failed keeps its name, unless another has it by then', () => {
  for (const isMadeAgain of [false, true]) {
    const { hand } = deleting();
    const before = hand.state.entryOf('movies')?.index.id;
    if (isMadeAgain) hand.begin({ kind: 'indexCreate', indexUid: 'movies', body: {} });
    hand.endAll('failed');
    assert.is(hand.state.summaries[1]?.status, 'failed');
    hand.runSteps();
    hand.endAll();
    assert.is(hand.state.indexes.size, 1);
    assert.is(hand.state.head.get('movies') === before, !isMadeAgain);
    assert.is(hand.state.visible.get('movies'), hand.state.head.get('movies'));
  }
});

test('an index whose deletion failed has no name that another had meanwhile', () => {
  const { hand } = deleting();
  hand.begin({ kind: 'indexCreate', indexUid: 'movies', body: {} });
  hand.begin({ kind: 'indexDelete', indexUid: 'movies' });
  hand.endAll('failed');
  for (let times = 0; times < 3; times += 1) {
    hand.runSteps();
    hand.endAll();
  }
  assert.is(hand.state.summaries[3]?.status, 'succeeded');
  assert.is(hand.state.indexes.size, 0);
  assert.is(hand.state.head.size + hand.state.visible.size, 0);
});

test('an index under a name that one had before begins with the removal of that', () => {
  const hand = world();
  const calls = (uid: string): string[] => {
    hand.begin({ kind: 'indexCreate', indexUid: uid, body: { uid } });
    const made = hand.runSteps();
    hand.endOn('n1', 'failed', 'index_not_found');
    hand.endAll();
    return made.filter(({ nodeId }) => nodeId === 'n3').map(({ method }) => method);
  };
  assert.equal(calls('fresh'), ['POST', 'PATCH']);
  assert.equal(calls('gone'), ['DELETE', 'POST', 'PATCH']);
});

run();
