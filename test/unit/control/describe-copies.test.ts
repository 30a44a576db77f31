/**
 * Goal: operators are told of every copy that is not in-sync, once, with control's own words.
 * Method: a state with two indexes and notes made by hand.
 */
import * as assert from 'uvu/assert';
import { describeCopies } from '../../../control/api/describe-copies.ts';
import { copyKey, NO_COPY } from '../../../control/copies/index.ts';
import type { CopyNotes, IndexRecord, State } from '../../../control/state/index.ts';
import { suite } from '../../kit/suite.ts';

const { test, run } = suite('describe copies');
const [IN_SYNC, BEHIND, FILLING] = [0, 1, 3] as const;

/** Four shards, a copy on each of two nodes; the last shard has one copy only. */
function index(id: string, states: readonly (readonly [number, number])[]): IndexRecord {
  const owners = Buffer.alloc(states.length * 4);
  for (const shard of states.keys()) {
    owners.writeUInt16LE(0, shard * 4);
    owners.writeUInt16LE(shard === 3 ? NO_COPY : 1, shard * 4 + 2);
  }
  const copyStates = Buffer.from(states.flat());
  const nodeIds = ['n0', 'n1'];
  return { id, owners, copyStates, copiesPerShard: 2, nodeIds } as unknown as IndexRecord;
}

function stateOf(indexes: Record<string, IndexRecord>, notes: Record<string, unknown>): State {
  return {
    visible: new Map(Object.entries(indexes)),
    head: new Map(),
    entryOf: (uid: string) => ({ index: indexes[uid], isVisible: true }),
    notes: new Map(Object.entries(notes) as [string, CopyNotes][]),
  } as unknown as State;
}

test('copies are put together by index, node, state and reason', () => {
  const sick = index('a', [
    [IN_SYNC, BEHIND],
    [IN_SYNC, BEHIND],
    [IN_SYNC, FILLING],
    [IN_SYNC, BEHIND],
  ]);
  const well = index('b', [[IN_SYNC, IN_SYNC]]);
  const state = stateOf(
    { sick, well },
    {
      [copyKey('a', 0, 'n1')]: { from: 9, reason: 'write 9 was refused' },
      [copyKey('a', 1, 'n1')]: { from: 7, reason: 'write 9 was refused' },
      [copyKey('a', 2, 'n1')]: { from: null, reason: '' },
    },
  );
  const { groups, leftOut } = describeCopies(state);
  assert.is(leftOut, 0);
  assert.equal(groups, [
    {
      indexUid: 'sick',
      nodeId: 'n1',
      state: BEHIND,
      reason: 'write 9 was refused',
      shards: [0, 1],
      from: 7n,
    },
    { indexUid: 'sick', nodeId: 'n1', state: FILLING, reason: '', shards: [2], from: undefined },
  ]);
});

test('what is too much is counted', () => {
  const indexes: Record<string, IndexRecord> = {};
  for (let at = 0; at < 1_200; at += 1) indexes[`i${at}`] = index(`${at}`, [[IN_SYNC, BEHIND]]);
  const { groups, leftOut } = describeCopies(stateOf(indexes, {}));
  assert.is(groups.length, 1_000);
  assert.is(leftOut, 200);
});

run();
