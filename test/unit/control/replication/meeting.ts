/** The core of one replica, and the record and the other replicas it meets, as a test wants them. */
import {
  type CoreEffect,
  type CoreOptions,
  type CoreState,
  type LogPoint,
  newCoreState,
  step,
} from '../../../../control/replication/core/index.ts';
import type { EngineRecord } from '../../../../control/replication/engine.ts';
import { BOUNDS, TIMING } from '../../../sim/replication/setup.ts';
import { recordOf } from './engines/contract.ts';

type Cas = Extract<CoreEffect, { kind: 'cas' }>;
export type Fate = 'done' | 'not done' | 'unknown, done' | 'unknown, not done' | 'none';

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

/** The cluster it belongs to. */
export const CLUSTER = recordOf('').clusterId;

/** One replica, and the record it meets. */
export class Meeting {
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

  /** `last`: its disk holds entries up to there, all of them committed. */
  constructor(record: EngineRecord, last: LogPoint = { epoch: 0, index: 0, chain: '' }) {
    this.record = record;
    const persisted = { storeId: 's1', fence: last.epoch, appliedIndex: last.index };
    this.state = newCoreState(OPTIONS, { ...persisted, clusterId: CLUSTER, last });
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

  /** A leader sends one entry that follows the log, and says how far its own counts. */
  append(from: string, epoch: number, commitIndex: number): void {
    const { index, chain } = this.state.log.last;
    const bytes = new Uint8Array(1);
    const message = {
      kind: 'append',
      epoch,
      clusterId: CLUSTER,
      previous: { index, chain },
      entries: [{ epoch, index: index + 1, chain: `${epoch}.${index + 1}`, bytes }],
      commitIndex,
      round: 0,
      echoMs: -1,
    } as const;
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
