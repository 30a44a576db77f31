/** Stores in folders that go away, for the tests of the store. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Store } from '../../../../control/store/index.ts';

/** A random id, as control mints them. */
export function freshId(): string {
  return randomBytes(16).toString('hex');
}

/** Folders of one test file. */
export class StoreFolders {
  readonly #root = mkdtempSync(join(tmpdir(), 'miroir-store-'));
  #count = 0;

  /** A folder that is not there yet. */
  fresh(): string {
    this.#count += 1;
    return join(this.#root, String(this.#count));
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Opens a store that throws where control would end. */
export function openStore(folder: string, nowSeconds = 1): Store {
  return new Store({
    folder,
    nowSeconds,
    freshId,
    onPoisoned: (error) => {
      throw error;
    },
  });
}

/** Everything in the state, as texts. */
export function contents(store: Store): [string, string][] {
  return [...store.range('')].map(({ key, value }) => [key, value.toString('utf8')]);
}

/** A change that writes a text, or removes the key. */
export function change(key: string, text: string | undefined): Change {
  return { key, value: text === undefined ? undefined : Buffer.from(text) };
}
