/**
 * Goal: a replica that an operator makes lead begins a new generation of the cluster, whatever happens to the
 * record meanwhile; nothing it protects is given up without one; and an order that could not be followed in
 * time is void.
 * Method: the core alone, with a record that the test changes by hand.
 */
import * as assert from 'uvu/assert';
import { ORDER_MS } from '../../../../control/replication/core/index.ts';
import { suite } from '../../../kit/suite.ts';
import { TIMING } from '../../../sim/replication/setup.ts';
import { recordOf } from './engines/contract.ts';
import { CLUSTER, Meeting } from './meeting.ts';

const { test, run } = suite('a forced leader');

/** A record that another replica leads, and that does not count this one. */
const OF_ANOTHER = recordOf('n', {
  leader: 'b',
  isr: [{ id: 'b', storeId: 's2' }],
});

/** A record of nobody, with this replica in the set. */
const OF_NOBODY = recordOf('n', { leader: '', resigned: 'b' });

test('it leads a new generation, alone', () => {
  const meeting = new Meeting(OF_ANOTHER);
  meeting.runFor(500);
  meeting.force();
  meeting.runFor(1_000);
  assert.ok(meeting.state.leading !== undefined);
  assert.is(meeting.record.clusterId, `${CLUSTER}.2`);
  assert.equal(meeting.record.isr, [{ id: 'a', storeId: 's1' }]);
});

for (const fate of ['not done', 'unknown, not done', 'unknown, done'] as const) {
  test(`also if its attempt is ${fate}, and the record frees itself meanwhile`, () => {
    const meeting = new Meeting(OF_ANOTHER);
    meeting.runFor(500);
    meeting.fate = () => {
      meeting.fate = () => 'done';
      // The leader lets go, and this replica could follow it without any order.
      if (fate !== 'unknown, done') meeting.change({ leader: '', isr: OF_NOBODY.isr });
      return fate;
    };
    meeting.force();
    meeting.runFor(2_000);
    assert.ok(meeting.state.leading !== undefined);
    assert.is(meeting.record.clusterId, `${CLUSTER}.2`);
    const isFirst = fate === 'unknown, done';
    assert.equal(meeting.generations.slice(0, 2), Array(isFirst ? 1 : 2).fill(`${CLUSTER}.2`));
  });
}

test('also if it was about to lead without an order', () => {
  const meeting = new Meeting(OF_NOBODY);
  meeting.fate = () => 'none';
  meeting.runFor(1_000);
  assert.equal(meeting.generations, [CLUSTER]);
  meeting.force();
  meeting.change({ ...meeting.tried[0] });
  meeting.fate = () => 'done';
  meeting.answer('ok');
  assert.is(meeting.state.leading, undefined);
  meeting.runFor(1_000);
  assert.ok(meeting.state.leading !== undefined);
  assert.is(meeting.record.clusterId, `${CLUSTER}.2`);
});

test('its epoch is later than any that callers saw, whatever the record says', () => {
  const meeting = new Meeting({ ...OF_ANOTHER, epoch: 1 });
  meeting.runFor(500);
  meeting.see(41, 7);
  meeting.force();
  meeting.runFor(1_000);
  assert.ok(meeting.state.leading !== undefined);
  assert.is(meeting.record.epoch, 42);
});

test('its generation is later than any that a disk knows, whatever the record says', () => {
  const own = new Meeting(OF_ANOTHER);
  own.state.clusterId = `${CLUSTER}.3`;
  own.runFor(500);
  own.force();
  own.runFor(1_000);
  assert.is(own.record.clusterId, `${CLUSTER}.4`);

  const others = new Meeting({ ...OF_ANOTHER, clusterId: `${CLUSTER}.2` });
  others.told = `${CLUSTER}.5`;
  others.runFor(500);
  others.force();
  others.runFor(1_000);
  assert.is(others.record.clusterId, `${CLUSTER}.6`);
});

test('a copy that contradicts one leader is held against the next one again', () => {
  const meeting = new Meeting(OF_ANOTHER);
  meeting.runFor(500);
  const { epoch } = meeting.record;
  meeting.hear('b', epoch);
  meeting.state.isDiverged = true;
  meeting.hear('b', epoch);
  assert.is(meeting.state.isDiverged, true);
  meeting.hear('c', epoch + 1);
  assert.is(meeting.state.isDiverged, false);
  assert.is(meeting.state.following?.leader, 'c');
});

test('once: whoever replaces it later leads on', () => {
  const meeting = new Meeting(OF_ANOTHER);
  meeting.runFor(500);
  meeting.force();
  meeting.runFor(1_000);
  const { length } = meeting.tried;
  meeting.change({ leader: 'b', epoch: 90, isr: OF_ANOTHER.isr });
  meeting.runFor(ORDER_MS * 2);
  assert.is(meeting.state.leading, undefined);
  assert.ok(meeting.generations.slice(length).every((one) => one === `${CLUSTER}.2`));
});

test('what keeps it from leading stands until the record says that a loss was accepted', () => {
  const meeting = new Meeting(OF_NOBODY);
  meeting.state.isDiverged = true;
  meeting.runFor(500);
  meeting.fate = () => 'not done';
  meeting.force();
  meeting.runFor(1_000);
  assert.ok(meeting.tried.length > 0);
  assert.is(meeting.state.isDiverged, true);
  meeting.fate = () => 'done';
  meeting.runFor(1_000);
  assert.ok(meeting.state.leading !== undefined);
  assert.is(meeting.state.isDiverged, false);
});

test('an order that the engine did not hear of in time is void', () => {
  const meeting = new Meeting(OF_ANOTHER);
  meeting.runFor(500);
  meeting.isEngineUp = false;
  meeting.force();
  meeting.runFor(ORDER_MS);
  meeting.isEngineUp = true;
  meeting.runFor(TIMING.expiryMs - 1_000);
  assert.equal(meeting.tried, []);
});

run();
