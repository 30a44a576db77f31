/**
 * Goal: a replica that an operator makes lead begins a new generation of the cluster, whatever happens to the
 * record meanwhile; nothing it protects is given up without one; and an order that could not be followed in
 * time is void.
 * Method: the core alone, with a record that the test changes by hand.
 */
import * as assert from 'uvu/assert';
import {
  type CoreEffect,
  type CoreOptions,
  type CoreState,
  newCoreState,
  ORDER_MS,
  step,
} from '../../../../control/replication/core/index.ts';
import type { EngineRecord } from '../../../../control/replication/engine.ts';
import { suite } from '../../../kit/suite.ts';
import { BOUNDS, TIMING } from '../../../sim/replication/setup.ts';
import { recordOf } from './engines/contract.ts';

type Cas = Extract<CoreEffect, { kind: 'cas' }>;
type Fate = 'done' | 'not done' | 'unknown, done' | 'unknown, not done' | 'none';

const { test, run } = suite('a forced leader');

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

const CLUSTER = recordOf('').clusterId;

/** One replica, and the record it meets. */
class Meeting {
  readonly state: CoreState;
  /** All it tried. */
  readonly tried: EngineRecord[] = [];
  record: EngineRecord;
  isEngineUp = true;
  /** Cluster that the other replica answers it belongs to; absent: it is silent. */
  told: string | undefined;
  /** What becomes of its next attempt. */
  fate: (cas: Cas) => Fate = () => 'done';
  #nowMs = 0;
  #version = 1;

  constructor(record: EngineRecord) {
    this.record = record;
    const persisted = { storeId: 's1', fence: 0, appliedIndex: 0, clusterId: CLUSTER };
    this.state = newCoreState(OPTIONS, { ...persisted, last: { epoch: 0, index: 0, chain: '' } });
  }

  get generations(): string[] {
    return this.tried.map(({ clusterId }) => clusterId);
  }

  /** Somebody else replaces the record. */
  change(changes: Partial<EngineRecord>): void {
    this.record = { ...this.record, ...changes };
    this.#version += 1;
  }

  force(): void {
    this.#take({ kind: 'forceLeader' });
  }

  /** A caller says what it saw. */
  see(epoch: number, index: number): void {
    this.#take({ kind: 'witnessed', position: { clusterId: CLUSTER, epoch, index } });
  }

  /** A leader shows that it lives. */
  hear(from: string, epoch: number): void {
    const nothing = { previous: null, entries: [], commitIndex: 0, round: 0, echoMs: -1 };
    const message = { kind: 'append', epoch, clusterId: CLUSTER, ...nothing } as const;
    this.#take({ kind: 'message', from, message });
  }

  /** Answers an attempt that got none yet. */
  answer(outcome: 'ok' | 'conflict'): void {
    const version = `${this.#version}`;
    this.#take({
      kind: 'engineCas',
      outcome: outcome === 'ok' ? { kind: outcome, version } : { kind: outcome },
    });
  }

  runFor(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (; this.#nowMs < untilMs; this.#nowMs += 50) this.#take({ kind: 'tick' });
  }

  #take(
    event: Parameters<typeof step>[1] extends infer E
      ? E extends unknown
        ? Omit<E, 'nowMs'>
        : never
      : never,
  ): void {
    step(this.state, { ...event, nowMs: this.#nowMs } as Parameters<typeof step>[1]);
    for (const effect of this.state.effects.splice(0)) this.#perform(effect);
  }

  #perform(effect: CoreEffect): void {
    if (effect.kind === 'write') this.#take({ kind: 'written' });
    if (effect.kind === 'readEngine') {
      const { record } = this;
      const found = { kind: 'record', version: `${this.#version}`, record } as const;
      const outcome = this.isEngineUp ? found : ({ kind: 'failed', reason: 'down' } as const);
      this.#take({ kind: 'engineRead', outcome });
    }
    if (effect.kind === 'cas') this.#swap(effect);
    if (effect.kind !== 'send' || effect.message.kind !== 'ask' || this.told === undefined) return;
    const { askNo } = effect.message;
    const place = { epoch: 0, index: 0 };
    const committed = { clusterId: this.told, ...place };
    const message = {
      kind: 'tell',
      askNo,
      storeId: 's2',
      fence: 0,
      last: place,
      committed,
    } as const;
    this.#take({ kind: 'message', from: effect.to, message });
  }

  #swap(cas: Cas): void {
    this.tried.push(cas.record);
    const fate = this.fate(cas);
    if (fate === 'none') return;
    const isDone =
      cas.version === `${this.#version}` && (fate === 'done' || fate === 'unknown, done');
    if (isDone) this.change(cas.record);
    if (fate.startsWith('unknown')) {
      this.#take({ kind: 'engineCas', outcome: { kind: 'unknown', reason: 'timeout' } });
    } else this.answer(isDone ? 'ok' : 'conflict');
  }
}

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
