/**
 * The store of a replica alone: what is written is committed. A commit writes the entry into the log; the state
 * on disk takes it up a few entries later, or when nothing was committed for a moment, for one transaction with
 * the changes of many entries costs little more than one with those of a single entry. Until then what is ahead
 * of it is in memory. After a crash the log is applied first (control/app.ts).
 */
import type { Position } from '../../core/topology.ts';
import { Ahead } from './ahead.ts';
import type { Change } from './log-entry.ts';
import type { Store } from './store.ts';

const UNAPPLIED_ENTRIES = 16;
const UNAPPLIED_BYTES = 4 * 1024 * 1024;
const IDLE_MS = 20;

/** The store as its only replica uses it. */
export class SoleStore {
  readonly #store: Store;
  readonly #ahead: Ahead;
  #unappliedCount = 0;
  #unappliedBytes = 0;
  #idle: NodeJS.Timeout | undefined;
  /** The write under way, or the last of those that wait. */
  #writing: Promise<unknown> = Promise.resolve();

  /** Of a store whose state holds every entry. */
  constructor(store: Store) {
    this.#store = store;
    this.#ahead = new Ahead(store);
  }

  get epoch(): bigint {
    return this.#store.epoch;
  }

  /** Of the last entry that was flushed. */
  get position(): Position {
    return this.#store.position;
  }

  /** One value; valid until the next call into the store. */
  get(key: string): Buffer | undefined {
    return this.#ahead.get(key);
  }

  /** All keys that begin with `prefix`, in order. */
  range(prefix: string): ReturnType<Store['range']> {
    return this.#ahead.range(prefix);
  }

  /** See Store; it holds all that was committed when it was asked for. */
  async *snapshot(...options: Parameters<Store['snapshot']>): AsyncGenerator<Buffer> {
    await this.settle();
    yield* this.#store.snapshot(...options);
  }

  /** Resolves when the changes are on disk. Rejects only after the store is poisoned. */
  commit(changes: readonly Change[]): Promise<Position> {
    clearTimeout(this.#idle);
    return this.#inTurn(async () => {
      for (const { value } of changes) this.#unappliedBytes += value?.length ?? 0;
      this.#unappliedCount += 1;
      const isPutOff =
        this.#unappliedCount < UNAPPLIED_ENTRIES && this.#unappliedBytes < UNAPPLIED_BYTES;
      const position = await this.#store.commit(changes, { isPutOff });
      this.#ahead.note(changes, position.index);
      if (!isPutOff) this.#noteApplied();
      clearTimeout(this.#idle);
      // Whoever ends the process has been told if it fails.
      this.#idle = setTimeout(() => void this.settle().catch(() => {}), IDLE_MS);
      return position;
    });
  }

  /** Resolves when the state on disk holds all that is committed. Rejects only after the store is poisoned. */
  settle(): Promise<void> {
    clearTimeout(this.#idle);
    return this.#inTurn(async () => {
      if (this.#unappliedCount === 0) return;
      await this.#store.write({ entries: [], commitIndex: this.#store.position.index });
      this.#noteApplied();
    });
  }

  /** Ends it; resolves when the file is closed. */
  async close(): Promise<void> {
    await this.settle();
    clearTimeout(this.#idle);
    await this.#store.close();
  }

  /** Writes follow each other. */
  #inTurn<Result>(write: () => Promise<Result>): Promise<Result> {
    const result = this.#writing.then(write);
    this.#writing = result.catch(() => {});
    return result;
  }

  #noteApplied(): void {
    this.#unappliedCount = 0;
    this.#unappliedBytes = 0;
    this.#ahead.applied(this.#store.appliedIndex);
  }
}
