/**
 * The store as a leader sees it: what is committed, whether it is applied to the state on disk already or will
 * be with the next write. A commit is an entry that every required replica has on disk.
 */
import type { Position } from '../../core/topology.ts';
import { Ahead, type Change, type Store } from '../store/index.ts';
import type { Driver } from './driver.ts';

/** Reads and commits of one leader. */
export class LeaderStore {
  readonly #store: Pick<Store, 'get' | 'range' | 'snapshot'>;
  readonly #driver: Driver;
  readonly #ahead: Ahead;
  #confirming: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(store: Pick<Store, 'get' | 'range' | 'snapshot'>, driver: Driver) {
    this.#store = store;
    this.#driver = driver;
    this.#ahead = new Ahead(store);
  }

  /** Of the last commit. */
  get position(): Position {
    return this.#driver.committed;
  }

  /** Of this leader. */
  get epoch(): bigint {
    return this.position.epoch;
  }

  /** One value; valid until the next call into the store. */
  get(key: string): Buffer | undefined {
    return this.#ahead.get(key);
  }

  /** All keys that begin with `prefix`, in order. */
  range(prefix: string): ReturnType<Store['range']> {
    return this.#ahead.range(prefix);
  }

  /** See Store; it may lack the last commits. */
  snapshot(...options: Parameters<Store['snapshot']>): ReturnType<Store['snapshot']> {
    return this.#store.snapshot(...options);
  }

  /** Resolves when the changes are committed; rejects with NotLeading. */
  async commit(changes: readonly Change[]): Promise<Position> {
    const position = await this.#driver.commit(changes);
    this.#ahead.note(changes, position.index);
    this.applied();
    return position;
  }

  /** The state on disk has moved on. */
  applied(): void {
    this.#ahead.applied(BigInt(this.#driver.state.log.applied.index));
  }

  /**
   * Resolves when it is known that nobody else led since it was called. One round is under way at a time; who
   * comes meanwhile shares the next.
   */
  verify(): Promise<void> {
    if (this.#confirming === undefined) return this.#confirm();
    this.#next ??= this.#confirming.then(
      () => this.#confirm(),
      () => this.#confirm(),
    );
    return this.#next;
  }

  #confirm(): Promise<void> {
    this.#next = undefined;
    const confirming = this.#driver.confirmLeading().finally(() => {
      if (this.#confirming === confirming) this.#confirming = undefined;
    });
    this.#confirming = confirming;
    return confirming;
  }
}
