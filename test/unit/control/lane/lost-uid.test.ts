/**
 * Goal: a node that gives a call of control a uid it had given before is known to have lost data.
 * Method: events into the reducer; the node answers a step with its next uid, or with an earlier one.
 */
import * as assert from 'uvu/assert';
import { LOST_MARK } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
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

run();
