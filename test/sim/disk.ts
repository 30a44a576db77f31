/** Control's disk: takes the changes of a commit whole, and keeps them over a crash. */
import type { StoredState } from '../../control/machine/load.ts';
import type { Change } from '../../control/store/index.ts';

/** The disk. */
export class Disk implements StoredState {
  readonly #values = new Map<string, Buffer>();
  /** Index of the last commit in control's log. */
  index = 0;
  /** Of the last commit. */
  epoch = 0;

  /** Takes one commit. */
  commit(changes: readonly Change[], epoch: number): void {
    this.index += 1;
    this.epoch = epoch;
    for (const { key, value } of changes) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value as Buffer);
    }
  }

  get(key: string): Buffer | undefined {
    return this.#values.get(key);
  }

  *range(prefix: string): Generator<{ readonly key: string; readonly value: Buffer }> {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const key of keys) yield { key, value: this.#values.get(key) as Buffer };
  }
}
