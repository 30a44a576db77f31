/**
 * The own log. Entries are in memory first and on disk some milliseconds later; one write is under way at a
 * time, and all that comes meanwhile goes into the next one, so that a flush is shared by many entries.
 */
import { assert } from '../../../core/assert.ts';
import type { CoreState, Log } from './state.ts';
import type { Entry, LogPoint } from './types.ts';

/** Bytes of entries kept in memory for sending, beyond those that must be. */
const CACHE_BYTES = 8 * 1024 * 1024;
const CACHE_ENTRIES = 4_096;
/** Of what is committed and not applied, while one write follows the other. */
const UNAPPLIED_ENTRIES = 16;
const UNAPPLIED_BYTES = 4 * 1024 * 1024;

/** The entry at `index`, or the place after which the log begins; undefined if neither is known. */
export function pointAt(state: CoreState, index: number): LogPoint | undefined {
  const { log } = state;
  if (index === log.last.index) return log.last;
  if (index > log.last.index) return undefined;
  if (index > log.tailBase.index) return log.tail[index - log.tailBase.index - 1];
  if (index === log.tailBase.index) return log.tailBase;
  return state.options.log.pointAt(index);
}

/** Entries from `index` on, of memory or disk: at least one, no more than fit. */
export function entriesFrom(
  state: CoreState,
  index: number,
  maxBytes: number,
): readonly Entry[] | 'trimmed' {
  const { log } = state;
  assert(index <= log.last.index, 'entries behind the end were asked for');
  if (index <= log.tailBase.index) {
    const found = state.options.log.entriesFrom(index, maxBytes);
    if (found === 'trimmed') return found;
    // The disk may be ahead: what a write under way replaces is in memory only.
    return found.filter((entry) => entry.index <= log.tailBase.index);
  }
  return sliceBytes(log, index, maxBytes);
}

/** Adds one at the end. */
export function appendEntry(log: Log, entry: Entry): void {
  assert(entry.index === log.last.index + 1, 'an entry follows the last one');
  log.tail.push(entry);
  log.tailBytes += entry.bytes.length;
  log.uncommittedBytes += entry.bytes.length;
  log.last = entry;
}

/** Entries up to here are committed, or will be by the write under way. */
export function settledIndex({ commit, writing }: Log): number {
  return Math.max(commit.index, writing?.commitIndex ?? 0);
}

/** Takes away entries from `index` on; none of them may be committed. */
export function truncateLog(state: CoreState, index: number): void {
  const { log } = state;
  assert(index > settledIndex(log), 'committed entries stay');
  const before = pointAt(state, index - 1);
  assert(before !== undefined, 'what precedes a conflict is known');
  const gone = log.tail.splice(Math.max(0, index - log.tailBase.index - 1));
  const bytes = sumBytes(gone);
  log.tailBytes -= bytes;
  log.uncommittedBytes -= bytes;
  if (before.index < log.tailBase.index) log.tailBase = before;
  log.last = before;
  if (index <= log.handedIndex) {
    log.truncateFrom = Math.min(log.truncateFrom ?? index, index);
    log.handedIndex = index - 1;
  }
  log.durableIndex = Math.min(log.durableIndex, index - 1);
  if (log.writing !== undefined) {
    log.writing.validIndex = Math.min(log.writing.validIndex, index - 1);
  }
}

/** Notes that all up to `index` is committed, and tells. */
export function advanceCommit(state: CoreState, index: number): void {
  const { log } = state;
  if (index <= log.commit.index) return;
  const point = pointAt(state, index);
  assert(point !== undefined, 'a committed entry is in the log');
  const from = Math.max(log.commit.index, log.tailBase.index) - log.tailBase.index;
  log.uncommittedBytes -= sumBytes(log.tail.slice(from, index - log.tailBase.index));
  log.commit = { epoch: point.epoch, index };
  state.effects.push({ kind: 'committed', position: log.commit });
}

/**
 * Starts the next write if there is something to write. `commitsItself`: nobody else has to have the
 * entries, so they are committed, and applied, by this very write.
 */
export function startWrite(
  state: CoreState,
  options: { readonly commitsItself: boolean; readonly mustApply: boolean },
): void {
  const { log } = state;
  if (log.writing !== undefined) return;
  const entries =
    log.handedIndex < log.last.index
      ? sliceBytes(log, log.handedIndex + 1, state.options.bounds.writeBytes)
      : [];
  const fence = log.fence > log.durableFence ? log.fence : undefined;
  const isIdle = state.nowMs - log.writtenAtMs >= state.options.timing.applyIdleMs;
  const applies = log.commit.index > log.applied.index && (isIdle || options.mustApply);
  if (entries.length === 0 && fence === undefined && !applies) return;
  const lastIndex = log.handedIndex + entries.length;
  const appliesIndex = applies || isToApply(state) ? log.commit.index : log.applied.index;
  const commitIndex = options.commitsItself ? lastIndex : Math.min(appliesIndex, lastIndex);
  const { truncateFrom } = log;
  log.handedIndex = lastIndex;
  log.truncateFrom = undefined;
  log.writing = { fence: log.fence, commitIndex, validIndex: lastIndex };
  state.effects.push({ kind: 'write', fence, truncateFrom, entries, commitIndex });
}

/**
 * Whether a write takes committed entries into the state as well. Several at once cost little more than one, so
 * that is put off, for a short while and a few entries.
 */
function isToApply({ log, nowMs, options }: CoreState): boolean {
  const { applied, commit, tailBase } = log;
  if (nowMs - log.appliedAtMs >= options.timing.applyIdleMs) return true;
  if (commit.index - applied.index >= UNAPPLIED_ENTRIES || applied.index < tailBase.index)
    return true;
  const unapplied = log.tail.slice(applied.index - tailBase.index, commit.index - tailBase.index);
  return sumBytes(unapplied) >= UNAPPLIED_BYTES;
}

/** The write is on disk. */
export function noteWritten(state: CoreState): void {
  const { log } = state;
  const { writing } = log;
  assert(writing !== undefined, 'a write was under way');
  log.writing = undefined;
  log.writtenAtMs = state.nowMs;
  log.durableFence = writing.fence;
  log.durableIndex = Math.max(log.durableIndex, writing.validIndex);
  advanceCommit(state, writing.commitIndex);
  if (writing.commitIndex > log.applied.index) {
    const point = pointAt(state, writing.commitIndex);
    assert(point !== undefined, 'an applied entry is in the log');
    log.applied = { epoch: point.epoch, index: point.index };
    log.appliedAtMs = state.nowMs;
    state.effects.push({ kind: 'applied', position: log.applied });
  }
  dropTail(log);
}

/** Memory holds what must be there and some of what was sent last. */
function dropTail(log: Log): void {
  if (log.tailBytes <= CACHE_BYTES && log.tail.length <= CACHE_ENTRIES) return;
  const limit = Math.min(log.durableIndex, log.commit.index);
  let count = 0;
  let bytes = 0;
  for (const entry of log.tail) {
    const isSmall =
      log.tailBytes - bytes <= CACHE_BYTES / 2 && log.tail.length - count <= CACHE_ENTRIES / 2;
    if (entry.index > limit || isSmall) break;
    count += 1;
    bytes += entry.bytes.length;
  }
  const last = log.tail[count - 1];
  if (last === undefined) return;
  log.tail.splice(0, count);
  log.tailBytes -= bytes;
  log.tailBase = { epoch: last.epoch, index: last.index, chain: last.chain };
}

function sliceBytes(log: Log, index: number, maxBytes: number): Entry[] {
  const from = index - log.tailBase.index - 1;
  const found: Entry[] = [];
  let bytes = 0;
  for (let at = from; at < log.tail.length; at += 1) {
    const entry = log.tail[at] as Entry;
    if (at > from && bytes + entry.bytes.length > maxBytes) break;
    found.push(entry);
    bytes += entry.bytes.length;
  }
  return found;
}

function sumBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.bytes.length;
  return bytes;
}
