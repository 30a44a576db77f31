/**
 * Goal: documents that come late to a node, under a name that no index there should have, leave no index
 * behind: it is looked for once the late task has ended, and removed.
 * Method: events into the reducer; a node finds a task of a write that is over in its list.
 */
import * as assert from 'uvu/assert';
import type { Effect, NodeRecord } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { Hand } from './lane-hand.ts';

const { test, run } = suite('late documents under names that are gone');

type Listing = Extract<Effect, { kind: 'listIndexes' }>;

/** A part of the write at `seq` comes once more; uid of the task. */
function comeLate(hand: Hand, nodeId: string, seq: number): number {
  const uid = hand.nextUid(nodeId);
  hand.read(nodeId, [], [{ uid, tag: `m1.00.${seq}.0` }]);
  return uid;
}

/** Which nodes are asked for their indexes now, after time passed. */
function listings(hand: Hand): Listing[] {
  hand.effects.length = 0;
  hand.tick(600);
  return hand.effects.filter((effect): effect is Listing => effect.kind === 'listIndexes');
}

function answer(hand: Hand, [asked]: readonly Listing[], indexUids: readonly string[]): void {
  if (asked === undefined) throw new Error('not asked for its indexes');
  const { nodeId, call } = asked;
  hand.apply({ kind: 'indexesListed', nodeId, call, indexUids, now: hand.now });
}

function recordOf(hand: Hand, nodeId: string): NodeRecord | undefined {
  return hand.state.cluster.nodes.find(({ id }) => id === nodeId);
}

/** An index that three nodes held, with a document, until it was deleted; place of the document. */
function deleted(): { hand: Hand; seq: number } {
  const hand = new Hand('all', { replicationFactor: 3, shardCount: 1 });
  hand.create('movies');
  const seq = hand.write('movies', '1');
  hand.begin({ kind: 'indexDelete', indexUid: 'movies' });
  hand.runSteps();
  hand.endAll();
  return { hand, seq };
}

test('what a late task makes of a deleted index is removed, once the task has ended', () => {
  const { hand, seq } = deleted();
  const uid = comeLate(hand, 'n2', seq);
  assert.equal(listings(hand), [], 'it is not there yet');
  hand.endTasks('n2', [uid], { status: 'succeeded' });
  const asked = listings(hand);
  assert.equal(
    asked.map(({ nodeId }) => nodeId),
    ['n2'],
  );
  answer(hand, asked, ['movies']);
  assert.equal(recordOf(hand, 'n2')?.leftovers, ['movies']);
});

test('what a late task makes on a node that holds no copy of the index is removed there', () => {
  const hand = new Hand(1, { shardCount: 1 });
  hand.create('movies');
  const seq = hand.write('movies', '1');
  const index = hand.state.entryOf('movies')?.index;
  const nodeId = ['n1', 'n2', 'n3'].find((id) => index?.nodeIds.includes(id) === false) ?? '';
  const uid = comeLate(hand, nodeId, seq);
  hand.endTasks(nodeId, [uid], { status: 'succeeded' });
  answer(hand, listings(hand), ['movies']);
  assert.equal(recordOf(hand, nodeId)?.leftovers, ['movies']);
});

test('a list of before the late task says nothing; names that are being removed already are not forgotten', () => {
  const { hand, seq } = deleted();
  const first = comeLate(hand, 'n2', seq);
  hand.endTasks('n2', [first], { status: 'succeeded' });
  const old = listings(hand);
  const second = comeLate(hand, 'n2', seq);
  answer(hand, old, []);
  assert.is(recordOf(hand, 'n2')?.leftovers, 'unlisted');
  hand.endTasks('n2', [second], { status: 'succeeded' });
  answer(hand, listings(hand), ['movies']);
  comeLate(hand, 'n2', seq);
  assert.equal(recordOf(hand, 'n2')?.leftovers, ['movies']);
});

test('a name that a late task took on one node is given all the same: the index is made anew there', () => {
  for (const kind of ['indexUpdate', 'indexSwap'] as const) {
    const { hand, seq } = deleted();
    hand.create('films');
    const late = comeLate(hand, 'n2', seq);
    const body =
      kind === 'indexUpdate' ? { uid: 'movies' } : [{ indexes: ['films', 'movies'], rename: true }];
    hand.begin({ kind, indexUid: kind === 'indexUpdate' ? 'films' : '', body });
    const rename = hand.state.nextSeq - 1;
    hand.runSteps();
    hand.endTasks('n2', [late], { status: 'succeeded' });
    hand.endOn('n2', 'failed', 'index_already_exists');
    hand.endAll();
    assert.is(hand.state.summaries[rename]?.status, 'succeeded', kind);
    const index = hand.state.entryOf('movies')?.index;
    assert.equal(index?.needs, { n2: 'rebuild' });
    answer(hand, listings(hand), ['movies', 'films']);
    assert.equal(recordOf(hand, 'n2')?.leftovers, ['films']);
  }
});

test('a name that was never ours is not taken from whoever has it', () => {
  const { hand } = deleted();
  hand.create('films');
  hand.begin({ kind: 'indexUpdate', indexUid: 'films', body: { uid: 'theirs' } });
  const rename = hand.state.nextSeq - 1;
  hand.runSteps();
  hand.endAll('failed', 'index_already_exists');
  assert.is(hand.state.summaries[rename]?.status, 'failed');
  assert.equal(hand.state.entryOf('films')?.index.needs, {});
});

test('the next leader waits for the late task as well', () => {
  const { hand, seq } = deleted();
  const uid = comeLate(hand, 'n2', seq);
  hand.takeOver();
  hand.read('n2', []);
  assert.equal(listings(hand), [], 'it is not there yet');
  hand.endTasks('n2', [uid], { status: 'succeeded' });
  assert.is(recordOf(hand, 'n2')?.lateUids, undefined);
  answer(hand, listings(hand), ['movies']);
  assert.equal(recordOf(hand, 'n2')?.leftovers, ['movies']);
});

run();
