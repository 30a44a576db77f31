/**
 * Goal: a replica that may have lost data does not lead against what callers saw, and nobody keeps one from
 * leading with a position that is made up.
 * Method: the core alone, with a leader that is played.
 */
import * as assert from 'uvu/assert';
import { CLAIM_MS } from '../../../../control/replication/core/witness.ts';
import { suite } from '../../../kit/suite.ts';
import { recordOf } from './engines/contract.ts';
import { Meeting } from './meeting.ts';

const { test, run } = suite('positions that callers name');

/** Where its disk ends. */
const HELD = { epoch: 3, index: 10, chain: '3.10' };
/** Nobody leads, and this replica may. */
const OF_NOBODY = recordOf('n', { leader: '', resigned: 'b' });
/** Another replica leads. */
const OF_ANOTHER = recordOf('n', { leader: 'b', epoch: 4 });

test('one that has just begun does not lead while callers say that they saw more', () => {
  const replica = new Meeting(OF_NOBODY, HELD);
  replica.see(3, 12);
  for (let passedMs = 0; passedMs < CLAIM_MS * 2; passedMs += 500) {
    replica.runFor(500);
    replica.see(3, 12);
  }
  assert.equal(replica.tried, []);
  replica.runFor(CLAIM_MS - 1_000);
  assert.equal(replica.tried, []);
  replica.runFor(5_000);
  assert.ok(replica.state.leading !== undefined, 'nobody says so any more');
});

test('one that leads stops, and leads again once nobody says so any more', () => {
  const replica = new Meeting(OF_NOBODY, HELD);
  replica.runFor(2_000);
  const { epoch = 0 } = replica.state.leading ?? {};
  assert.is(epoch, 4);
  replica.see(3, 12);
  replica.runFor(5_000);
  assert.is(replica.record.leader, '');
  assert.is(replica.state.leading, undefined);
  replica.runFor(CLAIM_MS);
  assert.is(replica.record.leader, 'a');
});

test('one that its leader found whole leads whatever callers say of that epoch, now or before', () => {
  for (const isBefore of [true, false]) {
    const replica = new Meeting(OF_ANOTHER, HELD);
    replica.runFor(500);
    if (isBefore) replica.see(4, 90_000);
    replica.append('b', 4, 11);
    if (!isBefore) replica.see(4, 90_000);
    replica.change({ leader: '' });
    replica.runFor(2_000);
    assert.is(replica.record.leader, 'a');
    replica.see(4, 90_000);
    replica.runFor(2_000);
    assert.ok(replica.state.leading !== undefined);
  }
});

test('what an earlier leader may have lost is not known to a later one', () => {
  const replica = new Meeting(OF_ANOTHER, HELD);
  replica.runFor(500);
  replica.append('b', 4, 11);
  replica.see(3, 14);
  replica.change({ leader: '' });
  replica.runFor(5_000);
  assert.equal(replica.tried, []);
});

test('one is not whole before it holds an entry of its leader that counts, and all that does', () => {
  // The leader's own entry does not count yet; more counts than has come.
  for (const commitIndex of [10, 15]) {
    const replica = new Meeting(OF_ANOTHER, HELD);
    replica.runFor(500);
    replica.append('b', 4, commitIndex);
    replica.see(4, 14);
    replica.change({ leader: '' });
    replica.runFor(5_000);
    assert.equal(replica.tried, []);
    assert.is(replica.record.leader, '');
  }
});

test('what no log can reach was seen by nobody', () => {
  const replica = new Meeting(OF_NOBODY, HELD);
  replica.see(Number.MAX_SAFE_INTEGER - 1, 12);
  replica.see(3, Number.MAX_SAFE_INTEGER - 1);
  replica.runFor(2_000);
  assert.is(replica.record.leader, 'a');
  assert.is(replica.record.epoch, 4);
});

run();
