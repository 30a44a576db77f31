/**
 * The engine of the made-up world: one record, changed by compare-and-swap. Calls take time and get lost on
 * either way, a lost one may still arrive later, and an old backup may be put back.
 */
import type {
  EngineCasOutcome,
  EngineReadOutcome,
  EngineRecord,
} from '../../../control/replication/engine.ts';
import type { ReplicaWorld } from './world.ts';

/** A record with its version. */
export interface Versioned {
  readonly version: string;
  readonly record: EngineRecord;
}

const TIMEOUT_MS = 1_000;

/** The engine. */
export class ModelEngine {
  current: Versioned | undefined;
  isUp = true;
  /** Replicas that do not reach it. */
  readonly cut = new Set<string>();
  /** In-sync sets of calls that may still arrive. */
  readonly #pending = new Set<EngineRecord>();
  readonly #world: ReplicaWorld;
  #backup: Versioned | undefined;
  #life = 0;

  constructor(world: ReplicaWorld) {
    this.#world = world;
  }

  /** Records that may be in force now or soon. */
  possible(): EngineRecord[] {
    const records = [...this.#pending];
    if (this.current !== undefined) records.push(this.current.record);
    return records;
  }

  read(replicaId: string, done: (outcome: EngineReadOutcome) => void): void {
    const { clock } = this.#world;
    clock.in(this.#travelMs(), () => {
      if (!this.#reaches(replicaId)) {
        clock.in(TIMEOUT_MS / 2, () => done({ kind: 'failed', reason: 'timeout' }));
        return;
      }
      const { current } = this;
      clock.in(this.#travelMs(), () =>
        done(current === undefined ? { kind: 'absent' } : { kind: 'record', ...current }),
      );
    });
  }

  cas(
    call: {
      readonly replicaId: string;
      readonly storeId: string;
      readonly version: string | null;
      readonly record: EngineRecord;
    },
    done: (outcome: EngineCasOutcome) => void,
  ): void {
    const { clock, random, rates, coverage } = this.#world;
    const unknown = (): void => clock.in(TIMEOUT_MS / 2, () => done(UNKNOWN));
    this.#pending.add(call.record);
    const life = this.#life;
    clock.in(this.#travelMs(), () => {
      const isLost = !this.#reaches(call.replicaId) || life !== this.#life;
      if (isLost || random.chance(rates.casUnknown * 0.25)) {
        if (!isLost && random.chance(0.5)) {
          // It arrives when nobody waits for it any more.
          clock.in(random.between(0, 4_000), () => {
            const isDone = life === this.#life && this.#swap(call);
            if (isDone) coverage.hit('a lost compare-and-swap was done later');
          });
        } else this.#pending.delete(call.record);
        coverage.hit('compare-and-swap: unknown, not done');
        unknown();
        return;
      }
      const isDone = this.#swap(call);
      if (random.chance(rates.casUnknown * 0.25)) {
        if (isDone) coverage.hit('compare-and-swap: unknown, done');
        unknown();
        return;
      }
      const { current } = this;
      clock.in(this.#travelMs(), () =>
        done(isDone ? { kind: 'ok', version: current?.version ?? '' } : { kind: 'conflict' }),
      );
    });
  }

  /** Keeps a backup of how it is now. */
  keep(): void {
    this.#backup = this.current;
  }

  /** Puts back the backup; false if there is none or nothing was changed since. */
  restore(): boolean {
    const backup = this.#backup;
    if (backup === undefined || backup.version === this.current?.version) return false;
    this.#life += 1;
    this.#pending.clear();
    this.current = backup;
    return true;
  }

  /** Somebody deletes the record. */
  lose(): void {
    this.#life += 1;
    this.#pending.clear();
    this.current = undefined;
  }

  #swap(call: {
    readonly replicaId: string;
    readonly storeId: string;
    readonly version: string | null;
    readonly record: EngineRecord;
  }): boolean {
    this.#pending.delete(call.record);
    if ((this.current?.version ?? null) !== call.version) return false;
    const before = this.current?.record;
    this.current = { version: `v${call.record.nonce}`, record: call.record };
    this.#world.checker.onSwap(call, before);
    this.#world.hint();
    return true;
  }

  #reaches(replicaId: string): boolean {
    return this.isUp && !this.cut.has(replicaId);
  }

  #travelMs(): number {
    const { random, rates } = this.#world;
    if (random.chance(rates.slowEngine * 0.3)) return random.between(20, 900);
    return 1 + random.next() * 4;
  }
}

const UNKNOWN: EngineCasOutcome = { kind: 'unknown', reason: 'timeout' };
