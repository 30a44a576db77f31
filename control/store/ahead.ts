/** Values of entries that are committed and not in the state on disk yet, over what is there. */
import type { Change } from './log-entry.ts';
import type { Store } from './store.ts';

interface Committed {
  readonly value: Buffer | undefined;
  readonly index: bigint;
}

type Pair = { readonly key: string; readonly value: Buffer };

/** The newest state: what is ahead of the disk, then the disk. */
export class Ahead {
  readonly #store: Pick<Store, 'get' | 'range'>;
  readonly #values = new Map<string, Committed>();

  constructor(store: Pick<Store, 'get' | 'range'>) {
    this.#store = store;
  }

  /** The changes of the entry at `index` are committed. */
  note(changes: readonly Change[], index: bigint): void {
    for (const { key, value } of changes) {
      this.#values.set(key, { value: value === undefined ? undefined : bufferOf(value), index });
    }
  }

  /** The state on disk holds all entries up to here. */
  applied(appliedIndex: bigint): void {
    for (const [key, { index }] of this.#values) {
      if (index <= appliedIndex) this.#values.delete(key);
    }
  }

  /** One value; valid until the next call into the store. */
  get(key: string): Buffer | undefined {
    const ahead = this.#values.get(key);
    return ahead === undefined ? this.#store.get(key) : ahead.value;
  }

  /** All keys that begin with `prefix`, in order. */
  *range(prefix: string): Generator<Pair> {
    const ahead = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const pair of this.#store.range(prefix)) {
      for (; ahead[0] !== undefined && ahead[0] < pair.key; ahead.shift()) {
        yield* this.#pairOf(ahead[0]);
      }
      if (ahead[0] === pair.key) yield* this.#pairOf(ahead.shift() as string);
      else yield pair;
    }
    for (const key of ahead) yield* this.#pairOf(key);
  }

  *#pairOf(key: string): Generator<Pair> {
    const value = this.#values.get(key)?.value;
    if (value !== undefined) yield { key, value };
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
