/**
 * The end of a recovery (write-protocol rule 20): the copy counts again, in one commit, at an instant at
 * which both copies have applied the same writes and hold the same content.
 *
 * Contents are compared while clients go on writing; only what was written meanwhile is left for the last
 * instant. That instant comes by itself when nobody writes to the shard. If writers leave no gap, a hold is
 * asked of the lane: writes to the shard that begin then wait for a moment. Those that waited are given to
 * the copy as to any other, for to them it was in-sync from the beginning.
 */
import {
  appliedUpTo,
  headOf,
  isUnfinished,
  noteEverything,
  notesOf,
  openNotes,
  openOnCopy,
  openOnShard,
  setCopyState,
} from '../copies/index.ts';
import type { OpenIntent, RecoveryPhase } from '../state/index.ts';
import { dueAfterRecovery } from './markers.ts';
import { beginWatch, hashesOfShard, updateWatch } from './watch.ts';
import {
  endWorker,
  enter,
  giveUp,
  isSourceSettled,
  sourceOf,
  type Turn,
  targetOf,
  workerKey,
} from './worker.ts';

/** Documents left for the last instant; more are compared with the whole again. */
const RECHECK_MAX = 2_000;
const COMPARISONS_MAX = 8;
/** How long new writes to the shard may wait for the first hold; it doubles if that was too short. */
const HOLD_MS = 200;
const HOLD_MAX_MS = 2_000;
/** How long a copy waits for a gap before it asks for a hold, and between two holds. */
const GAP_MS = 100;

type PhaseOf<Kind> = Extract<RecoveryPhase, { kind: Kind }>;

/** Compares everything, unless only little changed since that was done. */
export function beginComparison(turn: Turn): void {
  const { state, worker, index } = turn;
  if (!isStale(turn)) {
    enter(turn, { kind: 'ready' });
    return;
  }
  if (worker.comparisons >= COMPARISONS_MAX) {
    giveUp(turn, 'writers left no time to compare the copies');
    return;
  }
  worker.comparisons += 1;
  worker.recheck = new Set();
  worker.watch = beginWatch(state, index, worker.place.shard, -1);
  emitCompare(turn, null);
  enter(turn, { kind: 'comparing' });
}

/** Everything was compared: what differs is looked at again when it stands still. */
export function compared(turn: Turn, different: readonly bigint[]): void {
  const { worker } = turn;
  for (const hash of different) worker.recheck?.add(hash);
  if ((worker.recheck?.size ?? 0) > RECHECK_MAX) {
    mismatch(turn, different.length);
    return;
  }
  enter(turn, { kind: 'ready' });
}

/** Waits for a gap between writes, then asks for one. */
export function awaitGap(turn: Turn): void {
  const { state, lane, worker, now } = turn;
  if (hasMore(turn) || isStale(turn)) {
    enter(turn, { kind: 'choosing' });
    return;
  }
  const head = headOf(state);
  if (isStill(turn, head)) {
    judge(turn, null, head);
    return;
  }
  if (state.nowMs < Math.max(worker.phaseMs + GAP_MS, worker.holdAgainMs)) return;
  const limitMs = Math.min(HOLD_MS * 2 ** worker.failedHolds, HOLD_MAX_MS);
  const seq = lane.begin(
    state,
    {
      kind: 'hold',
      indexId: worker.indexId,
      shard: worker.place.shard,
      keyHashes: null,
      nodeId: null,
      limitMs,
    },
    now,
  );
  enter(turn, { kind: 'holding', seq });
}

/** The hold may stand, and what was before it may be worked off. */
export function awaitHold(turn: Turn, { seq }: PhaseOf<'holding'>): void {
  const intent = turn.state.open.get(seq)?.intent;
  if (intent === undefined) {
    holdFailed(turn);
    return;
  }
  const after = intent.internal?.after ?? -1;
  if (intent.phase === 'granted' && isStill(turn, after)) judge(turn, seq, after);
}

/** What was written since the comparison is compared now that it stands still. */
export function judged(turn: Turn, phase: PhaseOf<'judging'>, different: readonly bigint[]): void {
  if (isHoldOver(turn, phase.seq)) return;
  if (different.length > 0) {
    if (phase.seq === null && hasWrites(turn, phase.after)) enter(turn, { kind: 'ready' });
    else mismatch(turn, different.length);
    return;
  }
  const { state, worker } = turn;
  state.emit({ kind: 'readNode', nodeId: worker.place.sourceId });
  state.emit({ kind: 'readNode', nodeId: worker.place.targetId });
  const { seq, after } = phase;
  enter(turn, { kind: 'confirming', seq, after, sinceMs: state.nowMs });
}

/** Both nodes were read since: the copy counts if everything is still so. */
export function confirmFlip(turn: Turn, phase: PhaseOf<'confirming'>): void {
  const { state, worker } = turn;
  if (isHoldOver(turn, phase.seq)) return;
  const { readings } = state.recovery;
  const isRead = [worker.place.sourceId, worker.place.targetId].every(
    (id) => (readings.get(id) ?? -1) >= phase.sinceMs,
  );
  const isWritten = phase.seq === null && hasWrites(turn, phase.after);
  if (isWritten || hasMoreBefore(turn, phase.after)) {
    enter(turn, { kind: 'ready' });
    return;
  }
  if (isRead && isStill(turn, phase.after)) flip(turn, phase);
}

function flip(turn: Turn, { seq, after }: PhaseOf<'confirming'>): void {
  const { state, lane, now, worker } = turn;
  const copy = targetOf(turn);
  const notes = openNotes(state, copy);
  notes.from = null;
  notes.isKeyless = false;
  notes.reread.clear();
  notes.held.clear();
  notes.again = null;
  notes.fill = null;
  notes.since = after;
  notes.reason = '';
  setCopyState(state, copy, { to: 'in-sync', reason: `recovered from ${worker.place.sourceId}` });
  joinWaiting(turn, after);
  if (seq !== null && state.open.has(seq)) lane.end(state, seq, now);
  state.recovery.pauses.delete(workerKey(worker));
  dueAfterRecovery(state, worker.place.targetId);
  endWorker(turn, { isInSync: true, reason: '' });
}

/** Writes that began during the hold, of which nothing was sent, go to this copy as well. */
function joinWaiting(turn: Turn, after: number): void {
  const { state } = turn;
  const { shard, nodeId, index } = targetOf(turn);
  for (const { intent } of openOnShard(state, index, shard)) {
    if (intent.internal !== null || intent.seq <= after) continue;
    const known = intent.targets[nodeId];
    if (known?.shards.includes(shard)) continue;
    const shards = [...(known?.shards ?? []), shard].sort((a, b) => a - b);
    intent.targets[nodeId] =
      known === undefined
        ? {
            shards,
            state: 'pending',
            isLost: false,
            partCount: null,
            parts: {},
            reason: null,
            refusal: null,
          }
        : { ...known, shards };
    state.touchIntent(intent);
  }
}

function judge(turn: Turn, seq: number | null, after: number): void {
  const { worker } = turn;
  const hashes = new Set([...(worker.recheck ?? []), ...(worker.watch?.hashes ?? [])]);
  enter(turn, { kind: 'judging', seq, after });
  if (hashes.size === 0) judged(turn, { kind: 'judging', seq, after }, []);
  else emitCompare(turn, [...hashes]);
}

/** Whether the whole has to be compared (again): not done yet, or too much was written since. */
function isStale({ worker }: Turn): boolean {
  const { recheck, watch } = worker;
  if (recheck === null || watch === null || watch.isAll) return true;
  return recheck.size + watch.hashes.size > RECHECK_MAX;
}

/**
 * Both copies have applied every write up to a place in the lane, and no node works on the shard: nothing
 * that is not told can change them.
 */
function isStill(turn: Turn, after: number): boolean {
  if (!isSourceSettled(turn)) return false;
  if (appliedUpTo(turn.state, sourceOf(turn)) < after) return false;
  for (const copy of [sourceOf(turn), targetOf(turn)]) {
    for (const { open, target } of openOnCopy(turn.state, copy)) {
      if (isBefore(open, after) && isUnfinished(target)) return false;
    }
  }
  return true;
}

/** Internal steps stand where they began. */
function isBefore({ intent }: OpenIntent, after: number): boolean {
  return intent.internal === null ? intent.seq <= after : true;
}

/** Whether some write to the shard began after a place in the lane. */
function hasWrites(turn: Turn, after: number): boolean {
  const { state, index, worker } = turn;
  for (const { intent } of openOnShard(state, index, worker.place.shard)) {
    if (intent.internal === null && intent.seq > after) return true;
  }
  return headOf(state) > after && watchGrew(turn, after);
}

/** A write that began and ended meanwhile is not open any more. */
function watchGrew({ worker }: Turn, after: number): boolean {
  return worker.watch !== null && worker.watch.highest > after;
}

/** Whether there is still something to write to the copy. */
function hasMore(turn: Turn): boolean {
  const notes = notesOf(turn.state, targetOf(turn));
  if (turn.worker.todo.size > 0) return true;
  return notes !== undefined && (notes.reread.size > 0 || notes.again !== null);
}

/** The same, leaving out what the writes brought that wait for the end of the hold. */
function hasMoreBefore(turn: Turn, after: number): boolean {
  const { state, worker, index } = turn;
  const notes = notesOf(state, targetOf(turn));
  if (worker.todo.size > 0) return true;
  if (notes === undefined) return false;
  if (notes.again !== null && notes.again.low <= after) return true;
  if (notes.reread.size === 0) return false;
  const waiting = new Set<bigint>();
  for (const open of openOnShard(state, index, worker.place.shard)) {
    if (open.intent.internal !== null || open.intent.seq <= after) continue;
    for (const hash of hashesOfShard(open.hashes, index, worker.place.shard)) waiting.add(hash);
  }
  for (const hash of notes.reread) if (!waiting.has(hash)) return true;
  return false;
}

function isHoldOver(turn: Turn, seq: number | null): boolean {
  if (seq === null || turn.state.open.has(seq)) return false;
  holdFailed(turn);
  return true;
}

function holdFailed(turn: Turn): void {
  const { state, worker } = turn;
  worker.failedHolds = Math.min(worker.failedHolds + 1, 6);
  worker.holdAgainMs = state.nowMs + GAP_MS * 2 ** worker.failedHolds;
  enter(turn, { kind: 'ready' });
}

/** Never expected: the copies have applied the same writes and differ. Everything is written anew. */
function mismatch(turn: Turn, count: number): void {
  const { state, worker } = turn;
  const { shard, sourceId, targetId } = worker.place;
  const words = `shard ${shard} of index ${worker.indexId}: ${count} documents on ${targetId} differ from ${sourceId} although both applied the same writes; all of the copy is written anew`;
  state.emit({ kind: 'alarm', words, seq: headOf(state) });
  noteEverything(state, targetOf(turn));
  giveUp(turn, 'its content differed at the end of a recovery');
}

function emitCompare(turn: Turn, hashes: readonly bigint[] | null): void {
  const { state, worker } = turn;
  state.emit({ kind: 'recoveryCompare', recovery: worker.id, place: worker.place, hashes });
}

/** Keeps the watch up to date; to be called after every event. */
export function follow(turn: Turn): void {
  const { state, index, worker } = turn;
  const { phase, place } = worker;
  if (worker.watch !== null) updateWatch(state, index, place.shard, worker.watch);
  if ('page' in phase && (phase.kind === 'reading' || phase.kind === 'cooling')) {
    updateWatch(state, index, place.shard, phase.page.watch);
  }
}
