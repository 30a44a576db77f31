/**
 * Drives the core of replication: hands it what happens, one event after the other, and does what it asks
 * for. Time, the store, the engine and the other replicas come in as events; leading begins and ends by the
 * callbacks. A write that fails has poisoned the store, which ends the process.
 */

import type { ReplicationMetrics } from '../../core/telemetry/index.ts';
import type { Position } from '../../core/topology.ts';
import { type Change, encodeEntry, type Store } from '../store/index.ts';
import {
  type Alarm,
  type CloseReason,
  type CoreEffect,
  type CoreEvent,
  type CoreOptions,
  type CoreState,
  type LogPosition,
  type MembersChange,
  newCoreState,
  type Persisted,
  proposalPlace,
  type ReplicaMessage,
  step,
  type WriteEffect,
} from './core/index.ts';
import type { Engine, EngineCasOutcome, EngineReadOutcome, EngineRecord } from './engine.ts';
import { bufferOf, hexOf } from './entries.ts';

const TICK_MS = 25;

/** An event without its time. */
type Happening = CoreEvent extends infer Event
  ? Event extends CoreEvent
    ? Omit<Event, 'nowMs'>
    : never
  : never;

/** A snapshot for another replica. */
export type SnapshotOrder = Omit<Extract<CoreEffect, { kind: 'sendSnapshot' }>, 'kind'>;

/** What driving needs. */
export interface DriverOptions {
  readonly core: CoreOptions;
  readonly persisted: Persisted;
  readonly store: Pick<Store, 'write'>;
  readonly engine: Engine;
  /** Of one call of the engine. */
  readonly engineCallMs: number;
  readonly steadyMs: () => number;
  readonly metrics: ReplicationMetrics;
  readonly send: (to: string, message: ReplicaMessage) => void;
  /** Resolves with whether the other replica has it in place. Never rejects. */
  readonly sendSnapshot: (order: SnapshotOrder) => Promise<boolean>;
  readonly onLead: (epoch: number) => void;
  readonly onClose: (reason: CloseReason) => void;
  readonly onApplied: (position: LogPosition) => void;
  readonly onChanged: () => void;
  readonly onAlarm: (alarm: Alarm) => void;
  /** The engine cannot be used, for this reason, or can be again (undefined). */
  readonly onEngine: (problem: string | undefined) => void;
  /** All data here is to be thrown away. */
  readonly onRefill: () => void;
  /** The core broke one of its rules: the process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** This replica does not lead, or leads no more. */
export class NotLeading extends Error {
  override name = 'NotLeading';

  constructor() {
    super('this replica does not lead');
  }
}

interface Proposal {
  readonly changes: readonly Change[];
  index: number | undefined;
  readonly sinceMs: number;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: Error) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The driver of one life of a replica: with one store, until it is closed. */
export class Driver {
  readonly #options: DriverOptions;
  readonly #state: CoreState;
  readonly #abort = new AbortController();
  readonly #ticking: NodeJS.Timeout;
  readonly #endWatch: () => void;
  readonly #events: Happening[] = [];
  readonly #reads = new Map<number, Waiter>();
  readonly #changes = new Map<number, (outcome: 'done' | 'refused' | 'unknown') => void>();
  readonly #resigned: (() => void)[] = [];
  #proposal: Proposal | undefined;
  #ticket = 0;
  #isEngineLost = false;
  #isStepping = false;
  #isLeading = false;
  #isClosed = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#state = newCoreState(options.core, options.persisted);
    this.#ticking = setInterval(() => this.dispatch({ kind: 'tick' }), TICK_MS);
    this.#endWatch = options.engine.watch(() => this.dispatch({ kind: 'engineHint' }));
  }

  get state(): Readonly<CoreState> {
    return this.#state;
  }

  /** The record as it was last seen. */
  get record(): EngineRecord | undefined {
    return this.#state.engine.known?.record;
  }

  /** Whether it leads and is open for writes. */
  get isOpen(): boolean {
    return this.#isLeading;
  }

  /** Of the last entry that is known to be committed. */
  get committed(): Position {
    return toPosition(this.#state.log.commit);
  }

  /** Something happened. */
  dispatch(event: Happening): void {
    if (this.#isClosed) return;
    this.#events.push(event);
    this.#run();
  }

  #run(): void {
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        step(this.#state, { ...next, nowMs: this.#options.steadyMs() } as CoreEvent);
        for (const effect of this.#state.effects.splice(0)) this.#perform(effect);
        this.#tryPropose();
      }
    } catch (error) {
      void this.close();
      this.#options.onBroken(error);
    } finally {
      this.#isStepping = false;
    }
  }

  /** Resolves when the changes are committed; rejects with NotLeading. One at a time. */
  commit(changes: readonly Change[]): Promise<Position> {
    return new Promise((resolve, reject) => {
      if (!this.#isLeading || this.#proposal !== undefined) {
        reject(new NotLeading());
        return;
      }
      const sinceMs = this.#options.steadyMs();
      this.#proposal = { changes, index: undefined, sinceMs, resolve, reject };
      this.#tryPropose();
    });
  }

  /** Resolves when it is known that nobody else led since it was called. Rejects with NotLeading. */
  confirmLeading(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#isLeading) {
        reject(new NotLeading());
        return;
      }
      this.#ticket += 1;
      this.#reads.set(this.#ticket, { resolve, reject });
      this.dispatch({ kind: 'read', ticket: this.#ticket });
    });
  }

  /** Resolves when this replica leads no more and the record says so. `successor` may try first. */
  resign(successor?: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed) {
        resolve();
        return;
      }
      this.#resigned.push(resolve);
      this.dispatch({ kind: 'resign', ...(successor === undefined ? {} : { successor }) });
    });
  }

  /** Changes the members. */
  changeMembers(change: MembersChange): Promise<'done' | 'refused' | 'unknown'> {
    return new Promise((resolve) => {
      this.#ticket += 1;
      this.#changes.set(this.#ticket, resolve);
      this.dispatch({ kind: 'changeMembers', ticket: this.#ticket, change });
    });
  }

  /** Ends it, as a crash would; resolves when the store is left alone. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      clearInterval(this.#ticking);
      this.#endWatch();
      this.#abort.abort();
      this.#endLeading('deposed');
      for (const resolve of this.#resigned.splice(0)) resolve();
      for (const resolve of this.#changes.values()) resolve('unknown');
      this.#changes.clear();
    }
    await this.#writing;
  }

  /** Makes the entry that waits as soon as there is a place for it. */
  #tryPropose(): void {
    const proposal = this.#proposal;
    if (proposal === undefined || proposal.index !== undefined || !this.#isLeading) return;
    const place = proposalPlace(this.#state);
    if (place.kind === 'refused') return;
    const { epoch, index, previousChain } = place;
    const previous = Buffer.from(previousChain, 'hex');
    const { bytes, chain } = encodeEntry(BigInt(epoch), previous, proposal.changes);
    proposal.index = index;
    // Before anything else that happened: the place is only good as long as nothing has.
    const entry = { epoch, index, chain: hexOf(chain), bytes };
    this.#events.unshift({ kind: 'propose', entry });
    this.#run();
  }

  #perform(effect: CoreEffect): void {
    const options = this.#options;
    switch (effect.kind) {
      case 'readEngine':
        void this.#readEngine();
        return;
      case 'cas':
        void this.#cas(effect.version, effect.record);
        return;
      case 'write':
        this.#writing = this.#write(effect);
        return;
      case 'send':
        options.send(effect.to, effect.message);
        return;
      case 'sendSnapshot':
        void this.#sendSnapshot(effect);
        return;
      case 'committed':
        this.#noteCommitted(effect.position);
        return;
      case 'applied':
        options.onApplied(effect.position);
        return;
      case 'lead':
        this.#isLeading = true;
        options.metrics.takeovers.inc();
        options.onLead(effect.epoch);
        return;
      case 'close':
        this.#endLeading(effect.reason);
        return;
      case 'changed':
        options.onChanged();
        return;
      case 'readConfirmed':
        this.#takeWaiter(effect.ticket)?.resolve();
        return;
      case 'readRefused':
        this.#takeWaiter(effect.ticket)?.reject(new NotLeading());
        return;
      case 'resigned':
        for (const resolve of this.#resigned.splice(0)) resolve();
        return;
      case 'membersChanged':
        this.#changes.get(effect.ticket)?.(effect.outcome);
        this.#changes.delete(effect.ticket);
        return;
      case 'refill':
        options.onRefill();
        return;
      case 'alarm':
        options.onAlarm(effect.alarm);
        return;
    }
  }

  async #readEngine(): Promise<void> {
    const outcome = await this.#callEngine(
      (signal) => this.#options.engine.read(signal),
      (reason): EngineReadOutcome => ({ kind: 'failed', reason }),
    );
    if (outcome.kind === 'failed') this.#options.metrics.engineErrors.inc({ call: 'read' });
    this.#noteEngine(outcome.kind === 'failed' ? outcome.reason : undefined);
    this.dispatch({ kind: 'engineRead', outcome });
  }

  async #cas(version: string | null, record: EngineRecord): Promise<void> {
    const outcome = await this.#callEngine(
      (signal) => this.#options.engine.cas(version, record, signal),
      (reason): EngineCasOutcome => ({ kind: 'unknown', reason }),
    );
    const { engineErrors, engineConflicts } = this.#options.metrics;
    if (outcome.kind === 'unknown') engineErrors.inc({ call: 'cas' });
    if (outcome.kind === 'conflict') engineConflicts.inc();
    this.#noteEngine(outcome.kind === 'unknown' ? outcome.reason : undefined);
    this.dispatch({ kind: 'engineCas', outcome });
  }

  #noteEngine(problem: string | undefined): void {
    if (this.#isClosed || this.#isEngineLost === (problem !== undefined)) return;
    this.#isEngineLost = problem !== undefined;
    this.#options.onEngine(problem);
  }

  async #callEngine<Outcome>(
    call: (signal: AbortSignal) => Promise<Outcome>,
    fail: (reason: string) => Outcome,
  ): Promise<Outcome> {
    const limit = AbortSignal.timeout(this.#options.engineCallMs);
    try {
      return await call(AbortSignal.any([this.#abort.signal, limit]));
    } catch (error) {
      return fail(String(error));
    }
  }

  async #write({ fence, truncateFrom, entries, commitIndex }: WriteEffect): Promise<void> {
    try {
      await this.#options.store.write({
        ...(fence === undefined ? {} : { fence: BigInt(fence) }),
        ...(truncateFrom === undefined ? {} : { truncateFrom: BigInt(truncateFrom) }),
        entries: entries.map(({ bytes }) => bufferOf(bytes)),
        commitIndex: BigInt(commitIndex),
      });
    } catch {
      // The store has told whoever ends the process.
      return;
    }
    this.dispatch({ kind: 'written' });
  }

  async #sendSnapshot(order: SnapshotOrder): Promise<void> {
    const isInstalled = await this.#options.sendSnapshot(order);
    const { to: peer, storeId } = order;
    this.dispatch({ kind: 'snapshotEnded', peer, storeId, isInstalled });
  }

  #noteCommitted(position: LogPosition): void {
    const proposal = this.#proposal;
    if (proposal?.index === undefined || proposal.index > position.index) return;
    this.#proposal = undefined;
    const { metrics, steadyMs } = this.#options;
    metrics.commitSeconds.observe((steadyMs() - proposal.sinceMs) / 1_000);
    proposal.resolve(toPosition({ epoch: position.epoch, index: proposal.index }));
  }

  #endLeading(reason: CloseReason): void {
    const wasLeading = this.#isLeading;
    this.#isLeading = false;
    // First: whoever waits for what is rejected below is stopped by it.
    if (wasLeading) this.#options.onClose(reason);
    const proposal = this.#proposal;
    this.#proposal = undefined;
    proposal?.reject(new NotLeading());
    for (const { reject } of this.#reads.values()) reject(new NotLeading());
    this.#reads.clear();
  }

  #takeWaiter(ticket: number): Waiter | undefined {
    const waiter = this.#reads.get(ticket);
    this.#reads.delete(ticket);
    return waiter;
  }
}

function toPosition({ epoch, index }: LogPosition): Position {
  return { epoch: BigInt(epoch), index: BigInt(index) };
}
