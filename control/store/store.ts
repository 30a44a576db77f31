/**
 * The state on disk: one LMDB environment (environment.ts) with the state's keys, the log of changes and a
 * few words about itself (meta.ts).
 *
 * - One process has it (data-dir.ts), one write is under way at a time.
 * - Values have a checksum; a write counts only when the file was flushed.
 * - Any error of a write or a checksum poisons the store: the process must end, for what is in memory is
 *   ahead of what is on disk.
 *
 * A change of the state is an entry of the log. The state takes it up in the same transaction or a later one:
 * a replica alone puts that off to save writes (`commit`, sole-store.ts), of several each waits until all that
 * must have the entry do (`write`).
 */
import { assert } from '../../core/assert.ts';
import type { Position } from '../../core/topology.ts';
import { openValue } from './codec.ts';
import {
  type Environment,
  endOf,
  environmentFolder,
  openEnvironment,
  removeOtherEnvironments,
} from './environment.ts';
import {
  type IndexedEntry,
  LOG_BOUNDS,
  type LogBounds,
  placeAt,
  readEntries,
  readEntry,
  sealEntry,
  trimmedBase,
} from './log.ts';
import {
  type Change,
  encodeEntry,
  followsChain,
  isMadeOnto,
  readHead,
  type SealedChange,
  sealedChanges,
} from './log-entry.ts';
import {
  emptyMeta,
  type LogPlace,
  META_KEY,
  type Meta,
  parseMeta,
  readRawMeta,
  sealMeta,
} from './meta.ts';
import { migrate } from './migrations.ts';
import { RecentPlaces } from './recent-places.ts';
import { type SnapshotOptions, takeSnapshot } from './snapshot.ts';

const REASON_LIMIT_MS = 1_000;
const SCRATCH_BYTES = 1024 * 1024;
/** Of the entries that are kept until they are applied; the rest is read from the log then. */
const UNAPPLIED_MAX = 256;

/** How a store is opened. */
export interface StoreOptions {
  /** The data folder. */
  readonly folder: string;
  /** Seconds since 1970: `epoch` is this or one more than the last, whichever is higher. */
  readonly nowSeconds: number;
  /** A random id in lowercase hex, for a copy of the data that has none yet. */
  readonly freshId: () => string;
  /** How much of the log is kept. Default: 100,000 entries, 64 MiB. */
  readonly logBounds?: LogBounds;
  /** Called once, at the first error that leaves memory and disk apart. Must end the process. */
  readonly onPoisoned: (error: unknown) => void;
}

/** One write of the log. */
export interface LogWrite {
  /** No entry of a lower epoch is taken from now on. */
  readonly fence?: bigint;
  /** Entries from here on are thrown away first; the state must not hold them yet. */
  readonly truncateFrom?: bigint;
  /** Encoded entries that follow the last one. */
  readonly entries: readonly Buffer[];
  /** The state is brought up to this entry, or to the last one if there are fewer. */
  readonly commitIndex: bigint;
}

interface Append extends LogWrite {
  /** The one entry was just encoded onto the last one, and this is what it writes. Absent: it came with them. */
  readonly own: readonly SealedChange[] | undefined;
}

/** The open store. */
export class Store {
  /** Epoch for entries of `commit`: higher than that of any entry at opening. */
  readonly epoch: bigint;
  readonly #environment: Environment;
  readonly #onPoisoned: (error: unknown) => void;
  readonly #logBounds: LogBounds;
  #meta: Meta;
  readonly #recent = new RecentPlaces();
  /** Entries that are in the log and not in the state yet, some or all of them. */
  readonly #unapplied = new Map<bigint, Buffer>();
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #isPoisoned = false;
  #isWriting = false;

  /** Opens or creates. Throws UnusableStore or DamagedValue. */
  constructor(options: StoreOptions) {
    this.#onPoisoned = options.onPoisoned;
    this.#logBounds = options.logBounds ?? LOG_BOUNDS;
    removeOtherEnvironments(options.folder);
    this.#environment = openEnvironment(environmentFolder(options.folder));
    migrate(this.#environment, options.freshId);
    const raw = readRawMeta(this.#environment);
    this.#meta = raw === undefined ? emptyMeta(options.freshId()) : parseMeta(raw);
    if (raw === undefined) this.#environment.root.putSync(META_KEY, sealMeta(this.#meta));
    const { fence, last } = this.#meta;
    const highest = max(fence, last.epoch);
    const now = BigInt(Math.floor(options.nowSeconds));
    this.epoch = highest >= now ? highest + 1n : now;
  }

  /** Names this copy of the data; a copy that was refilled or restored has another. */
  get storeId(): string {
    return this.#meta.storeId;
  }

  /** Lowest epoch of which entries may be taken. */
  get fence(): bigint {
    return this.#meta.fence;
  }

  /** Of the last entry of the log that was flushed. */
  get position(): Position {
    const { epoch, index } = this.#meta.last;
    return { epoch, index };
  }

  /** Of the last entry. */
  get chain(): Uint8Array {
    return this.#meta.last.chain;
  }

  /** The state holds the entries up to this one. */
  get appliedIndex(): bigint {
    return this.#meta.appliedIndex;
  }

  /** Epoch and chain of an entry; undefined if it is trimmed or not there yet. Index 0 comes before all. */
  placeAt(index: bigint): LogPlace | undefined {
    return this.#guard(() => placeAt(this.#environment.log, this.#meta, index));
  }

  /** Entries from `index` on, up to about `bytesMax` bytes, at least one if there is one. */
  entriesFrom(index: bigint, bytesMax: number): IndexedEntry[] | 'trimmed' {
    return this.#guard(() => readEntries(this.#environment.log, this.#meta, index, bytesMax));
  }

  /** One value, checked; undefined if there is none. Valid until the next call into the store. */
  get(key: string): Buffer | undefined {
    const sealed = this.#environment.state.get(key);
    return sealed === undefined ? undefined : this.#guard(() => openValue(key, sealed));
  }

  /** All keys that begin with `prefix` (ASCII; empty for all), in order. */
  *range(prefix: string): Generator<{ readonly key: string; readonly value: Buffer }> {
    const limits = prefix === '' ? {} : { start: prefix, end: endOf(prefix) };
    for (const { key, value } of this.#environment.state.getRange(limits)) {
      yield { key, value: this.#guard(() => openValue(key, value)) };
    }
  }

  /**
   * The state at `appliedIndex`, as one stream of chunks from one read transaction (snapshot.ts). Ends with
   * an UnusableSnapshot when reading it takes longer than a minute: begin anew then.
   */
  snapshot(options: SnapshotOptions): AsyncGenerator<Buffer> {
    return takeSnapshot(this.#environment, options);
  }

  /**
   * Writes all changes as one entry, and into the state, in one transaction; resolves when they are on disk.
   * `isPutOff`: not into the state yet. Only for a replica whose log holds nothing that is not committed.
   * Rejects only after the store is poisoned.
   */
  async commit(
    changes: readonly Change[],
    { isPutOff = false }: { readonly isPutOff?: boolean } = {},
  ): Promise<Position> {
    const { last, appliedIndex } = this.#meta;
    const isOwnOnly = !isPutOff && appliedIndex === last.index;
    const own: SealedChange[] | undefined = isOwnOnly ? [] : undefined;
    // One write is under way at a time, and nobody else is given the entry.
    const options = own === undefined ? {} : { scratch: this.#scratch, sealed: own };
    const { bytes } = encodeEntry(this.epoch, last.chain, changes, options);
    const commitIndex = isPutOff ? appliedIndex : last.index + 1n;
    await this.#append({ fence: max(this.fence, this.epoch), entries: [bytes], commitIndex, own });
    return this.position;
  }

  /** Writes in one transaction; resolves when it is on disk. Rejects only after the store is poisoned. */
  async write(write: LogWrite): Promise<void> {
    await this.#append({ ...write, own: undefined });
  }

  async close(): Promise<void> {
    await this.#environment.root.close();
  }

  async #append(append: Append): Promise<void> {
    assert(!this.#isWriting, 'one write at a time');
    assert(!this.#isPoisoned, 'a poisoned store takes no write');
    this.#isWriting = true;
    try {
      const { next, write } = this.#plan(append);
      const { root } = this.#environment;
      await root.batch(() => {
        write();
        void root.put(META_KEY, sealMeta(next));
      });
      await root.flushed;
      this.#keepUnapplied(append, next);
      this.#meta = next;
    } catch (error) {
      const failure = await reasonOf(error);
      this.#poison(failure);
      throw failure;
    } finally {
      this.#isWriting = false;
    }
  }

  /** What the environment says of itself after the write, and the writes that make it true. */
  #plan(append: Append): { readonly next: Meta; readonly write: () => void } {
    const meta = this.#meta;
    const { state, log } = this.#environment;
    const { entries } = append;
    const fence = append.fence ?? meta.fence;
    assert(fence >= meta.fence, 'a fence only rises');
    const tail = this.#afterTruncation(append.truncateFrom);
    const isOwn = append.own !== undefined;
    const last = isOwn ? ends(tail.last, entries) : extend(tail.last, entries);
    assert(isOwn || last.epoch <= fence, 'the fence covers every entry');
    const applied = min(last.index, max(meta.appliedIndex, append.commitIndex));
    const trimmed = trimmedBase(
      log,
      { meta, recent: this.#recent },
      {
        bytes: tail.logBytes + entries.reduce((sum, bytes) => sum + bytes.length, 0),
        lastIndex: last.index,
        keepFrom: min(tail.last.index, applied) + 1n,
        bounds: this.#logBounds,
      },
    );
    const changes = append.own ?? this.#changesBetween(tail.last.index, entries, applied);
    const write = (): void => {
      for (let index = tail.last.index + 1n; index <= meta.last.index; index += 1n) {
        void log.remove(Number(index));
      }
      for (const [place, bytes] of entries.entries()) {
        const index = tail.last.index + BigInt(place) + 1n;
        void log.put(Number(index), sealEntry(index, bytes));
        this.#recent.note({ ...readHead(bytes), index }, bytes.length);
      }
      for (let index = meta.base.index + 1n; index <= trimmed.base.index; index += 1n) {
        void log.remove(Number(index));
      }
      for (const { key, sealed } of changes) {
        void (sealed === undefined ? state.remove(key) : state.put(key, sealed));
      }
    };
    const next: Meta = {
      ...meta,
      fence: max(fence, last.epoch),
      last,
      base: trimmed.base,
      appliedIndex: applied,
      logBytes: trimmed.bytes,
    };
    return { next, write };
  }

  #afterTruncation(from: bigint | undefined): {
    readonly last: LogPlace;
    readonly logBytes: number;
  } {
    let { last, logBytes } = this.#meta;
    if (from === undefined || from > last.index) return { last, logBytes };
    assert(from > this.#meta.appliedIndex, 'what the state holds is not taken back');
    const { log } = this.#environment;
    for (let index = from; index <= last.index; index += 1n)
      logBytes -= readEntry(log, index).length;
    const place = placeAt(log, this.#meta, from - 1n);
    assert(place !== undefined, 'the entry before the truncation is there');
    last = place;
    return { last, logBytes };
  }

  /** The changes of entries that are to be applied: of the log's up to `lastIndex`, then of the new ones. */
  #changesBetween(lastIndex: bigint, entries: readonly Buffer[], applied: bigint): SealedChange[] {
    const changes: SealedChange[] = [];
    for (let index = this.#meta.appliedIndex + 1n; index <= applied; index += 1n) {
      const bytes =
        index <= lastIndex
          ? (this.#unapplied.get(index) ?? readEntry(this.#environment.log, index))
          : entries[Number(index - lastIndex) - 1];
      assert(bytes !== undefined, 'an entry that is applied is there');
      changes.push(...sealedChanges(bytes));
    }
    return changes;
  }

  #keepUnapplied({ truncateFrom, entries }: Append, { last, appliedIndex }: Meta): void {
    const firstIndex = last.index - BigInt(entries.length) + 1n;
    for (const index of this.#unapplied.keys()) {
      const isGone = truncateFrom !== undefined && index >= truncateFrom;
      if (index <= appliedIndex || isGone) this.#unapplied.delete(index);
    }
    for (const [place, bytes] of entries.entries()) {
      const index = firstIndex + BigInt(place);
      if (index > appliedIndex && this.#unapplied.size < UNAPPLIED_MAX) {
        this.#unapplied.set(index, bytes);
      }
    }
  }

  #guard<Result>(read: () => Result): Result {
    try {
      return read();
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

/** A commit that failed says why in a promise of its own, which nobody may leave unheard. */
async function reasonOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  if (commitError === undefined) return error;
  const reason = commitError.catch((cause: Error) => cause);
  const late = new Promise((resolve) => setTimeout(resolve, REASON_LIMIT_MS, error));
  return Promise.race([reason, late]);
}

/** The place after entries that were just encoded onto `last`. */
function ends(last: LogPlace, entries: readonly Buffer[]): LogPlace {
  const bytes = entries.at(-1);
  if (bytes === undefined) return last;
  const { epoch, chain } = readHead(bytes);
  return { epoch, index: last.index + BigInt(entries.length), chain: Uint8Array.from(chain) };
}

/** The same for entries that came from elsewhere: each has to follow the one before. */
function extend(last: LogPlace, entries: readonly Buffer[]): LogPlace {
  let { chain, epoch } = last;
  for (const bytes of entries) {
    const follows = isMadeOnto(chain, bytes) || followsChain(chain, bytes);
    assert(follows, 'each entry follows the one before');
    const head = readHead(bytes);
    assert(head.epoch >= epoch, 'epochs only rise along the log');
    ({ chain, epoch } = head);
  }
  return ends(last, entries);
}

function min(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}

function max(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
