/** Changes put straight into LMDB, a group in each transaction, each flushed: what commits are held against. */
import { randomBytes } from 'node:crypto';
import { open, type RootDatabase } from 'lmdb';

/** An LMDB of its own. */
export class RawLmdb {
  readonly #root: RootDatabase<Buffer, string>;
  readonly #valueBytes: number;
  #count = 0;

  constructor(path: string, valueBytes: number) {
    this.#valueBytes = valueBytes;
    this.#root = open<Buffer, string>({
      path,
      noSubdir: false,
      encoding: 'binary',
      mapSize: 64 * 1024 ** 3,
      overlappingSync: false,
    });
  }

  /** Changes a second. */
  async perSecond(group: number, forMs: number): Promise<number> {
    const value = randomBytes(this.#valueBytes);
    const before = this.#count;
    const startedAt = performance.now();
    while (performance.now() - startedAt < forMs) {
      await this.#root.batch(() => {
        for (let at = 0; at < group; at += 1) {
          void this.#root.put(`t/${String(this.#count).padStart(12, '0')}`, value);
          this.#count += 1;
        }
      });
      await this.#root.flushed;
    }
    return ((this.#count - before) * 1_000) / (performance.now() - startedAt);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}
