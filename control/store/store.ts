/**
 * The state on disk: one LMDB environment with the state's keys, the log of changes and a few words about
 * itself. The only place that knows lmdb, with the guards that were found necessary:
 *
 * - one writer process (data-dir.ts); no overlapping sync, no write map, no cache; a fixed map size;
 * - values are bytes with a checksum; a commit counts only when the file was flushed;
 * - any error of a commit or a checksum poisons the store: the process must end, for what is in memory is
 *   ahead of what is on disk;
 * - data written by a newer version is refused.
 *
 * One commit is one transaction and one log entry; position = (epoch, index of the entry).
 */
import { type Database, open, type RootDatabase } from 'lmdb';
import { assert } from '../../core/assert.ts';
import type { Position } from '../../core/topology.ts';
import { openValue, sealValue } from './codec.ts';
import { type Change, encodeEntry, FIRST_CHAIN } from './log-entry.ts';

/** Version of what is stored under which key. Raised with each change older programs cannot read. */
export const SCHEMA_VERSION = 1;

const MAP_BYTES = 64 * 1024 ** 3;
const LOG_ENTRIES_MAX = 4_096;
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const META_KEY = 'store';

interface Meta {
  readonly schema: number;
  readonly epoch: string;
  readonly index: string;
  readonly chain: string;
  readonly logStart: string;
  readonly logBytes: number;
}

/** Data of a newer version, or a file that is no store. `message` is one clear line. */
export class UnusableStore extends Error {
  override name = 'UnusableStore';
}

/** How a store is opened. */
export interface StoreOptions {
  readonly folder: string;
  /** Seconds since 1970: the new epoch is this or one more than the last, whichever is higher. */
  readonly nowSeconds: number;
  /** Called once, at the first error that leaves memory and disk apart. Must end the process. */
  readonly onPoisoned: (error: unknown) => void;
}

/** The open store. */
export class Store {
  readonly #root: RootDatabase<Buffer, string>;
  readonly #state: Database<Buffer, string>;
  readonly #log: Database<Buffer, number>;
  readonly #onPoisoned: (error: unknown) => void;
  readonly #epoch: bigint;
  #index: bigint;
  #chain: Uint8Array;
  #logStart: bigint;
  #logBytes: number;
  #isPoisoned = false;
  #isCommitting = false;

  /** Opens or creates. Throws UnusableStore or DamagedValue. */
  constructor(options: StoreOptions) {
    this.#onPoisoned = options.onPoisoned;
    this.#root = open<Buffer, string>({
      path: options.folder,
      noSubdir: false,
      encoding: 'binary',
      mapSize: MAP_BYTES,
      overlappingSync: false,
      maxDbs: 8,
    });
    this.#state = this.#root.openDB<Buffer, string>('state', { encoding: 'binary' });
    this.#log = this.#root.openDB<Buffer, number>('log', { encoding: 'binary' });
    const meta = this.#readMeta();
    const lastEpoch = BigInt(meta?.epoch ?? 0);
    const now = BigInt(Math.floor(options.nowSeconds));
    this.#epoch = lastEpoch >= now ? lastEpoch + 1n : now;
    this.#index = BigInt(meta?.index ?? 0);
    this.#chain = meta === undefined ? FIRST_CHAIN : Buffer.from(meta.chain, 'hex');
    this.#logStart = BigInt(meta?.logStart ?? 1);
    this.#logBytes = meta?.logBytes ?? 0;
  }

  /** Of the last commit that was flushed. */
  get position(): Position {
    return { epoch: this.#epoch, index: this.#index };
  }

  /** One value, checked; undefined if there is none. Valid until the next call into the store. */
  get(key: string): Buffer | undefined {
    const sealed = this.#state.get(key);
    return sealed === undefined ? undefined : this.#open(key, sealed);
  }

  /** All keys that begin with `prefix` (ASCII; empty for all), in order. */
  *range(prefix: string): Generator<{ readonly key: string; readonly value: Buffer }> {
    const limits = prefix === '' ? {} : { start: prefix, end: endOf(prefix) };
    for (const { key, value } of this.#state.getRange(limits)) {
      yield { key, value: this.#open(key, value) };
    }
  }

  /** Entries of the log that are still kept, oldest first, as bytes for log-entry.ts. */
  *logEntries(): Generator<{ readonly index: bigint; readonly bytes: Buffer }> {
    for (const { key, value } of this.#log.getRange({})) {
      yield { index: BigInt(key), bytes: this.#open(`log ${key}`, value) };
    }
  }

  /**
   * Writes all changes and their log entry in one transaction; resolves when they are on disk. One commit
   * at a time. Rejects only after the store is poisoned.
   */
  async commit(changes: readonly Change[]): Promise<Position> {
    assert(!this.#isCommitting, 'one commit at a time');
    assert(!this.#isPoisoned, 'a poisoned store takes no commit');
    this.#isCommitting = true;
    try {
      await this.#write(changes);
      return this.position;
    } catch (error) {
      this.#poison(error);
      throw error;
    } finally {
      this.#isCommitting = false;
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  async #write(changes: readonly Change[]): Promise<void> {
    const index = this.#index + 1n;
    const entry = encodeEntry(this.#epoch, this.#chain, changes);
    const trimmed = this.#trimLog(entry.bytes.length, index);
    const meta: Meta = {
      schema: SCHEMA_VERSION,
      epoch: this.#epoch.toString(),
      index: index.toString(),
      chain: Buffer.from(entry.chain).toString('hex'),
      logStart: trimmed.start.toString(),
      logBytes: trimmed.bytes,
    };
    const written = this.#root.batch(() => {
      for (const { key, value } of changes) {
        void (value === undefined
          ? this.#state.remove(key)
          : this.#state.put(key, sealValue(value)));
      }
      void this.#log.put(Number(index), sealValue(entry.bytes));
      for (let old = this.#logStart; old < trimmed.start; old += 1n)
        void this.#log.remove(Number(old));
      void this.#root.put(META_KEY, sealValue(Buffer.from(JSON.stringify(meta))));
    });
    await written;
    await this.#root.flushed;
    this.#index = index;
    this.#chain = entry.chain;
    this.#logStart = trimmed.start;
    this.#logBytes = trimmed.bytes;
  }

  /** Where the log begins once an entry of `bytesAdded` is in it; at most a few entries go at a time. */
  #trimLog(bytesAdded: number, index: bigint): { start: bigint; bytes: number } {
    let start = this.#logStart;
    let bytes = this.#logBytes + bytesAdded;
    while (
      start < index &&
      (bytes > LOG_BYTES_MAX || index - start >= BigInt(LOG_ENTRIES_MAX)) &&
      start - this.#logStart < 64n
    ) {
      const old = this.#log.get(Number(start));
      bytes -= old === undefined ? 0 : old.length - 4;
      start += 1n;
    }
    return { start, bytes: Math.max(bytes, 0) };
  }

  #readMeta(): Meta | undefined {
    const sealed = this.#root.get(META_KEY);
    if (sealed === undefined) {
      for (const _ of this.#state.getKeys({ limit: 1 })) {
        throw new UnusableStore(
          'the data folder holds values but not the words that describe them',
        );
      }
      return undefined;
    }
    const meta = JSON.parse(openValue(META_KEY, sealed).toString('utf8')) as Meta;
    if (meta.schema > SCHEMA_VERSION) {
      throw new UnusableStore(
        `the data folder was written by a newer Miroir (its schema is ${meta.schema}, this program knows ${SCHEMA_VERSION})`,
      );
    }
    return meta;
  }

  #open(key: string, sealed: Buffer): Buffer {
    try {
      return openValue(key, sealed);
    } catch (error) {
      this.#poison(error);
      throw error;
    }
  }

  #poison(error: unknown): void {
    if (this.#isPoisoned) return;
    this.#isPoisoned = true;
    this.#onPoisoned(error);
  }
}

/** The first text after all that begin with `prefix`. */
function endOf(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}
