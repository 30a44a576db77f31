/**
 * Goal: a rolling update waits for a replica that others count on, and never for one that they do not know yet.
 * Method: the core alone, told of records by hand.
 */
import * as assert from 'uvu/assert';
import {
  type CoreOptions,
  type CoreState,
  newCoreState,
} from '../../../../control/replication/core/index.ts';
import type { EngineRecord } from '../../../../control/replication/engine.ts';
import { unreadiness } from '../../../../control/replication/readiness.ts';
import { suite } from '../../../kit/suite.ts';
import { BOUNDS, TIMING } from '../../../sim/replication/setup.ts';
import { recordOf } from './engines/contract.ts';

const { test, run } = suite('readiness of a replica');

const OPTIONS: CoreOptions = {
  id: 'a',
  address: 'a.example:7701',
  bootId: 'boot',
  freshClusterId: 'fresh',
  configured: recordOf('').members,
  minIsr: 1,
  featureLevel: 2,
  timing: TIMING,
  bounds: BOUNDS,
  log: { pointAt: () => undefined, entriesFrom: () => [] },
  barrier: () => ({ chain: '00', bytes: new Uint8Array(1) }),
};

const OWN = { id: 'a', storeId: 's1' };
const OTHER = { id: 'b', storeId: 's2' };

/** A replica that has read this record; undefined if there is none. */
function having(changes: Partial<EngineRecord> | undefined, clusterId = ''): CoreState {
  const last = { epoch: 0, index: 0, chain: '' };
  const persisted = { storeId: 's1', fence: 0, appliedIndex: 0, clusterId, last };
  const state = newCoreState(OPTIONS, persisted);
  if (changes === undefined) state.engine.isAbsent = true;
  else state.engine.known = { version: '1', record: recordOf('n', { leader: 'b', ...changes }) };
  return state;
}

test('who is in-sync is ready, and a leader once it serves', () => {
  assert.is(unreadiness(having({ isr: [OWN, OTHER] }), false), undefined);
  const between = having({ isr: [OWN, OTHER], leader: '' });
  assert.is(unreadiness(between, false), 'nobody leads');
  const leading = having({ isr: [OWN, OTHER], leader: 'a' });
  assert.match(unreadiness(leading, false) ?? '', 'does not serve yet');
  assert.is(unreadiness(leading, true), undefined);
});

test('who has to catch up is not, nor one with another disk than the one that counts', () => {
  assert.match(unreadiness(having({ isr: [OTHER] }), false) ?? '', 'not in-sync');
  const wiped = having({ isr: [{ id: 'a', storeId: 'before' }, OTHER] });
  assert.match(unreadiness(wiped, false) ?? '', 'not in-sync');
});

test('who takes part in nothing is not', () => {
  assert.match(unreadiness(having({ isr: [OWN], featureLevel: 3 }), false) ?? '', 'too old');
  assert.match(unreadiness(having({ isr: [OWN] }, 'another'), false) ?? '', 'another cluster');
  const diverged = having({ isr: [OWN] });
  diverged.isDiverged = true;
  assert.match(unreadiness(diverged, false) ?? '', 'other changes');
});

test('nobody waits for one that is not counted on, but before the record was read', () => {
  const { members } = recordOf('n');
  const others = members.filter(({ id }) => id !== 'a');
  assert.is(unreadiness(having({ members: others, isr: [OTHER] }), false), undefined);
  const learner = { id: 'a', address: 'a.example:7701', role: 'learner' } as const;
  assert.is(unreadiness(having({ members: [...others, learner], isr: [OTHER] }), false), undefined);
  assert.is(unreadiness(having(undefined), false), undefined);
  const blind = having(undefined);
  blind.engine.isAbsent = false;
  assert.match(unreadiness(blind, false) ?? '', 'not known yet');
});

run();
