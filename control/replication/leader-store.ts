/**
 * The store as a leader sees it: what is committed, whether it is applied to the state on disk already or will
 * be with the next write. A commit is an entry that every required replica has on disk.
 */
import type { Position } from '../../core/topology.ts';
import type { Change, Store } from '../store/index.ts';
import type { Driver } from './driver.ts';
import { bufferOf } from './entries.ts';

interface Committed {
  readonly value: Buffer | undefined;
  readonly index: bigint;
}

/** Reads and commits of one leader. */
export class LeaderStore {
  readonly #store: Pick<Store, 'get' | 'range' | 'snapshot'>;
  readonly #driver: Driver;
  /** Values of entries that are committed and not applied. */
  readonly #ahead = new Map<string, Committed>();
  #confirming: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(store: Pick<Store, 'get' | 'range' | 'snapshot'>, driver: Driver) {
    this.#store = store;
    this.#driver = driver;
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
    const ahead = this.#ahead.get(key);
    return ahead === undefined ? this.#store.get(key) : ahead.value;
  }

  /** All keys that begin with `prefix`, in order. */
  *range(prefix: string): ReturnType<Store['range']> {
    const ahead = [...this.#ahead.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const pair of this.#store.range(prefix)) {
      for (; ahead[0] !== undefined && ahead[0] < pair.key; ahead.shift()) {
        yield* this.#pairOf(ahead[0]);
      }
      if (ahead[0] === pair.key) yield* this.#pairOf(ahead.shift() as string);
      else yield pair;
    }
    for (const key of ahead) yield* this.#pairOf(key);
  }

  /** See Store; it may lack the last commits. */
  snapshot(...options: Parameters<Store['snapshot']>): ReturnType<Store['snapshot']> {
    return this.#store.snapshot(...options);
  }

  /** Resolves when the changes are committed; rejects with NotLeading. */
  async commit(changes: readonly Change[]): Promise<Position> {
    const position = await this.#driver.commit(changes);
    for (const { key, value } of changes) {
      const committed = value === undefined ? undefined : bufferOf(value);
      this.#ahead.set(key, { value: committed, index: position.index });
    }
    this.applied();
    return position;
  }

  /** The state on disk has moved on. */
  applied(): void {
    const applied = BigInt(this.#driver.state.log.applied.index);
    for (const [key, { index }] of this.#ahead) if (index <= applied) this.#ahead.delete(key);
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

  *#pairOf(key: string): ReturnType<Store['range']> {
    const value = this.#ahead.get(key)?.value;
    if (value !== undefined) yield { key, value };
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
