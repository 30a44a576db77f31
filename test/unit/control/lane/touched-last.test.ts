/**
 * Goal: a node that loses data and holds the last in-sync copy of a shard is served as it is, and nothing is
 * taken for equal to it that was so before the loss.
 * Method: the reducer with a hand on it, three nodes that each hold the only shard; n1 is rolled back when
 * neither of the other copies counts.
 */
import * as assert from 'uvu/assert';
import {
  type CopyPlace,
  copiesOf,
  notesOf,
  setCopyState,
  startFill,
} from '../../../../control/copies/index.ts';
import type { IndexRecord } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { addition, granted, Hand } from './lane-hand.ts';

const { test, run } = suite('losses of the last copy');

/** One write is applied on n1, refused by n2, and was not answered by n3. */
function world() {
  const hand = new Hand('all', { replicationFactor: 3, shardCount: 1 });
  hand.nowMs = 60_000;
  hand.create('movies');
  const index = hand.state.entryOf('movies')?.index as IndexRecord;
  const copy = (nodeId: string): CopyPlace => ({ index, shard: 0, nodeId });
  const seq = granted(hand.begin(addition('movies', '1')).reply);
  const uid = hand.nextUid('n1');
  const common = { part: 0, partCount: 1 };
  hand.report(seq, [
    { nodeId: 'n1', ...common, outcome: { kind: 'enqueued', uid } },
    { nodeId: 'n2', ...common, outcome: { kind: 'refused', status: 0, body: '' } },
    { nodeId: 'n3', ...common, outcome: { kind: 'unknown', reason: 'reset' } },
  ]);
  hand.endOn('n1', 'succeeded');
  const states = () =>
    Object.fromEntries(copiesOf(index, 0).map(({ nodeId, state }) => [nodeId, state]));
  return { hand, copy, seq, states };
}

/** n1 comes back as it was before. */
function rollBack(hand: Hand): void {
  const reading = {
    nodeId: 'n1',
    startedAtMs: hand.nowMs,
    marker: 'ours',
    lastKnown: 'absent',
    highestUid: 0,
    tasks: [],
    missingUids: [],
  } as const;
  hand.apply({ kind: 'nodeTail', reading, now: hand.now });
}

test('a copy that missed one write is written whole from a last copy that lost data', () => {
  for (const isFilling of [false, true]) {
    const { hand, copy, seq, states } = world();
    assert.equal(states(), { n1: 'in-sync', n2: 'behind', n3: 'suspect' });
    assert.is(notesOf(hand.state, copy('n2'))?.from, seq);
    if (isFilling) {
      startFill(hand.state, copy('n2'));
      setCopyState(hand.state, copy('n2'), { to: 'filling', reason: '' });
    }
    rollBack(hand);
    assert.equal(states(), { n1: 'in-sync', n2: 'behind', n3: 'suspect' });
    assert.is(notesOf(hand.state, copy('n2'))?.from, 0);
    assert.is(notesOf(hand.state, copy('n2'))?.isKeyless, true);
  }
});

test('a last copy that lost data gives way to one that was only suspect and missed nothing', () => {
  const { hand, copy, seq, states } = world();
  rollBack(hand);
  const uid = hand.nextUid('n3');
  hand.read('n3', [], [{ uid, tag: `m1.00.${seq}.0` }]);
  hand.endOn('n3', 'succeeded');
  assert.equal(states(), { n1: 'behind', n2: 'behind', n3: 'in-sync' });
  assert.is(notesOf(hand.state, copy('n1'))?.from, 0);
});

test('one that was suspect and missed the write is written whole as well', () => {
  const { hand, copy, states } = world();
  rollBack(hand);
  hand.read('n3', []);
  assert.equal(states(), { n1: 'in-sync', n2: 'behind', n3: 'behind' });
  assert.is(notesOf(hand.state, copy('n3'))?.from, 0);
});

run();
