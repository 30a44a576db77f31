/** Reading the log: entries by index, the chain at an index, what may be trimmed. */
import { assert } from '../../core/assert.ts';
import { openValue } from './codec.ts';
import type { Environment, ReadTransaction } from './environment.ts';
import { readHead, sealedEntry } from './log-entry.ts';
import type { LogPlace, Meta } from './meta.ts';
import type { RecentPlaces } from './recent-places.ts';

/** How much of the log is kept: an entry beyond either bound goes. */
export interface LogBounds {
  readonly entries: bigint;
  readonly bytes: number;
}

/** Who is further behind is sent a snapshot. */
export const LOG_BOUNDS: LogBounds = { entries: 100_000n, bytes: 64 * 1024 * 1024 };
/** Entries that one commit may take off the log's beginning. */
const TRIM_MAX = 64n;

/** An entry and its index. */
export interface IndexedEntry {
  readonly index: bigint;
  readonly bytes: Buffer;
}

/** An entry as it lies in the file. */
export function sealEntry(index: bigint, bytes: Buffer): Buffer {
  return sealedEntry(`log ${index}`, bytes);
}

/** Bytes of an entry that is kept. Throws DamagedValue. */
export function readEntry(
  log: Environment['log'],
  index: bigint,
  transaction?: ReadTransaction,
): Buffer {
  const sealed = log.get(Number(index), transaction === undefined ? {} : { transaction });
  assert(sealed !== undefined, `entry ${index} of the log is there`);
  return openValue(`log ${index}`, sealed);
}

/** The place of an entry; undefined if it is not kept, or not there yet. */
export function placeAt(
  log: Environment['log'],
  meta: Meta,
  index: bigint,
  transaction?: ReadTransaction,
): LogPlace | undefined {
  if (index === meta.last.index) return meta.last;
  if (index === meta.base.index) return meta.base;
  if (index < meta.base.index || index > meta.last.index) return undefined;
  const { epoch, chain } = readHead(readEntry(log, index, transaction));
  return { epoch, index, chain: Uint8Array.from(chain) };
}

/** Entries from `index` on, at most about `bytesMax` but at least one if there is one. */
export function readEntries(
  log: Environment['log'],
  meta: Meta,
  from: bigint,
  bytesMax: number,
): IndexedEntry[] | 'trimmed' {
  if (from <= meta.base.index) return 'trimmed';
  const entries: IndexedEntry[] = [];
  let bytesCount = 0;
  for (let index = from; index <= meta.last.index; index += 1n) {
    const bytes = readEntry(log, index);
    bytesCount += bytes.length;
    if (entries.length > 0 && bytesCount > bytesMax) break;
    entries.push({ index, bytes });
  }
  return entries;
}

/**
 * Where the log begins when it holds `bytes` and ends at `lastIndex`: at most a few entries go at a time, and
 * none that the state does not hold yet.
 */
export function trimmedBase(
  log: Environment['log'],
  { meta, recent }: { readonly meta: Meta; readonly recent: RecentPlaces },
  next: {
    readonly bytes: number;
    readonly lastIndex: bigint;
    readonly keepFrom: bigint;
    readonly bounds: LogBounds;
  },
): { readonly base: LogPlace; readonly bytes: number } {
  let { base } = meta;
  let { bytes } = next;
  for (let count = 0n; count < TRIM_MAX; count += 1n) {
    const index = base.index + 1n;
    const isLong = next.lastIndex - base.index > next.bounds.entries || bytes > next.bounds.bytes;
    if (!isLong || index >= next.keepFrom) break;
    const first = recent.get(index) ?? readPlace(log, index);
    base = first.place;
    bytes -= first.length;
  }
  return { base, bytes };
}

function readPlace(
  log: Environment['log'],
  index: bigint,
): ReturnType<RecentPlaces['get']> & object {
  const entry = readEntry(log, index);
  const { epoch, chain } = readHead(entry);
  return { place: { epoch, index, chain: Uint8Array.from(chain) }, length: entry.length };
}
