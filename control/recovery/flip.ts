/**
 * The end of a recovery (write-protocol rule 20): the copy counts again, in one commit, at an instant at
 * which both copies have applied the same writes and hold the same content.
 *
 * Contents are compared while clients go on writing; only what was written meanwhile is left for the last
 * instant. That instant comes by itself when nobody writes to the shard. If writers leave no gap, a hold is
 * asked of the lane: writes to the shard that begin then wait for a moment. Those that waited are given to
 * the copy as to any other, for to them it was in-sync from the beginning.
 */
import { assert } from '../../core/assert.ts';
import {
  appliedUpTo,
  headOf,
  isUnfinished,
  noteEverything,
  notesOf,
  openNotes,
  openOnCopy,
  openOnShard,
  putBackKeys,
  setCopyState,
  takeLate,
} from '../copies/index.ts';
import type { OpenIntent, RecoveryPhase } from '../state/index.ts';
import { beginHold, endHold, GAP_MS, holdFailed, isHeld } from './hold.ts';
import { listUnderHold } from './listing.ts';
import { dueAfterRecovery } from './markers.ts';
import { pressedBy, writeUnderHold } from './pages.ts';
import { beginWatch, updateWatch } from './watch.ts';
import {
  endWorker,
  enter,
  giveUp,
  isSourceSettled,
  sourceOf,
  type Turn,
  targetOf,
  toBuffer,
  workerKey,
} from './worker.ts';

/** Documents left for the last instant; more are compared with the whole again. */
const RECHECK_MAX = 2_000;
const COMPARISONS_MAX = 8;
/** Holds that may end with a difference because a page under them failed. */
const DOUBTS_MAX = 3;

type PhaseOf<Kind> = Extract<RecoveryPhase, { kind: Kind }>;

/** Compares everything, unless only little changed since that was done. */
export function beginComparison(turn: Turn): void {
  const { state, worker, index } = turn;
  if (!isStale(turn) || pressedBy(turn) === 'lists') {
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
  const { state, worker } = turn;
  const isLeft = hasMore(turn);
  const pressed = pressedBy(turn);
  if (pressed !== 'lists' && (isStale(turn) || (isLeft && pressed === undefined))) {
    enter(turn, { kind: 'choosing' });
    return;
  }
  const head = headOf(state);
  if (!isLeft && isStill(turn, head)) {
    judge(turn, head);
    return;
  }
  const gapMs = pressed !== undefined ? worker.phaseMs : worker.phaseMs + GAP_MS;
  if (state.nowMs >= Math.max(gapMs, worker.holdAgainMs)) beginHold(turn);
}

/** The hold may stand, and what was before it may be worked off; what is left is written then. */
export function awaitHold(turn: Turn): void {
  const { hold } = turn.worker;
  assert(hold !== null, 'a worker that waits for a hold asked for one');
  if (!isHeld(turn, hold)) return;
  if (turn.state.open.get(hold.seq)?.intent.phase !== 'granted') return;
  if (!isStill(turn, hold.after)) return;
  if (listUnderHold(turn, hold) || writeUnderHold(turn, hold)) return;
  judge(turn, hold.after);
}

/** What was written since the comparison is compared now that it stands still. */
export function judged(turn: Turn, phase: PhaseOf<'judging'>, different: readonly bigint[]): void {
  const { state, worker } = turn;
  const { hold } = worker;
  if (hold !== null && !isHeld(turn, hold)) return;
  if (different.length > 0) {
    if (hold === null && hasWrites(turn, phase.after)) enter(turn, { kind: 'ready' });
    else if (hold?.isWritten === true && worker.doubts < DOUBTS_MAX) {
      // The page under the hold may have failed: then it is to be written again.
      worker.doubts += 1;
      putBackKeys(state, targetOf(turn), toBuffer(new Set(different)));
      holdFailed(turn);
    } else mismatch(turn, different.length);
    return;
  }
  state.emit({ kind: 'readNode', nodeId: worker.place.sourceId });
  state.emit({ kind: 'readNode', nodeId: worker.place.targetId });
  enter(turn, { kind: 'confirming', after: phase.after, sinceMs: state.nowMs });
}

/** Both nodes were read since: the copy counts if everything is still so. */
export function confirmFlip(turn: Turn, phase: PhaseOf<'confirming'>): void {
  const { state, worker } = turn;
  const { hold } = worker;
  if (hold !== null && !isHeld(turn, hold)) return;
  const { readings } = state.recovery;
  const isRead = [worker.place.sourceId, worker.place.targetId].every(
    (id) => (readings.get(id) ?? -1) >= phase.sinceMs,
  );
  if (hold === null && (hasWrites(turn, phase.after) || hasMore(turn))) {
    enter(turn, { kind: 'ready' });
    return;
  }
  // Under a hold, only writes that wait for its end can have brought something to write.
  const again = notesOf(state, targetOf(turn))?.again ?? null;
  if (again !== null && again.low <= phase.after) holdFailed(turn);
  else if (isRead && isStill(turn, phase.after)) flip(turn, phase.after);
}

function flip(turn: Turn, after: number): void {
  const { state, worker } = turn;
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
  // It holds what the source holds.
  takeLate(state, copy);
  joinWaiting(turn, after);
  endHold(turn);
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

function judge(turn: Turn, after: number): void {
  const { worker } = turn;
  enter(turn, { kind: 'judging', after });
  if (isStale(turn)) {
    emitCompare(turn, null);
    return;
  }
  const hashes = new Set([...(worker.recheck ?? []), ...(worker.watch?.hashes ?? [])]);
  if (hashes.size === 0) judged(turn, { kind: 'judging', after }, []);
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
  // A page that cools is read anew, so what begins meanwhile is of no interest.
  if (phase.kind === 'reading') updateWatch(state, index, place.shard, phase.page.watch);
}
