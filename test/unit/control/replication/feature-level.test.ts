/**
 * Goal: a program takes part only in clusters whose level it knows: it neither leads nor counts as a follower where the
 * log may hold what it cannot read, and the level never falls.
 * Method: the core alone, told of records by hand.
 */
import * as assert from 'uvu/assert';
import {
  type CoreEvent,
  type CoreOptions,
  type CoreState,
  newCoreState,
  roleOf,
  step,
} from '../../../../control/replication/core/index.ts';
import type { EngineRecord } from '../../../../control/replication/engine.ts';
import { suite } from '../../../kit/suite.ts';
import { BOUNDS, TIMING } from '../../../sim/replication/setup.ts';
import { recordOf } from './engines/contract.ts';

const { test, run } = suite('feature level');

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

/** A replica that finds this record, in which nobody leads. */
function meeting(changes: Partial<EngineRecord>): { state: CoreState; kinds: string[] } {
  const record = recordOf('n', { leader: '', resigned: 'b', minIsr: 1, ...changes });
  const persisted = { storeId: 's1', fence: 0, appliedIndex: 0, clusterId: '' };
  const last = { epoch: 0, index: 0, chain: '' };
  const state = newCoreState(OPTIONS, { ...persisted, last });
  const kinds: string[] = [];
  const take = (event: CoreEvent): void => {
    step(state, event);
    for (const effect of state.effects) {
      kinds.push(effect.kind === 'alarm' ? `alarm ${effect.alarm.kind}` : effect.kind);
      if (effect.kind === 'readEngine') {
        const outcome = { kind: 'record', version: '1', record } as const;
        pending.push({ kind: 'engineRead', outcome, nowMs: state.nowMs });
      }
    }
    state.effects.length = 0;
  };
  const pending: CoreEvent[] = [];
  for (let nowMs = 0; nowMs < 2_000; nowMs += 50) {
    take({ kind: 'tick', nowMs });
    for (const event of pending.splice(0)) take({ ...event, nowMs });
  }
  return { state, kinds };
}

test('a record of a level that is known is led', () => {
  for (const featureLevel of [1, 2]) {
    const { kinds } = meeting({ featureLevel });
    assert.ok(kinds.includes('cas'), kinds.join());
    assert.not.ok(kinds.includes('alarm tooOld'));
  }
});

test('a record of a higher level is left alone, and told of once', () => {
  const { state, kinds } = meeting({ featureLevel: 3 });
  assert.not.ok(kinds.includes('cas'), kinds.join());
  assert.is(kinds.filter((kind) => kind === 'alarm tooOld').length, 1);
  assert.is(roleOf(state), 'fenced');
});

test('not even when an operator forces it', () => {
  const { state } = meeting({ featureLevel: 3 });
  step(state, { kind: 'forceLeader', nowMs: 2_000 });
  for (let nowMs = 2_000; nowMs < 4_000; nowMs += 50) step(state, { kind: 'tick', nowMs });
  assert.not.ok(state.effects.some(({ kind }) => kind === 'cas'));
});

run();
