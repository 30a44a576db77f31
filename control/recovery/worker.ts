/** What all parts of a worker need: its copy and source, its phases, its end. */
import {
  abandonFill,
  appliedUpTo,
  type CopyPlace,
  copyKey,
  demote,
  putBackKeys,
  stateOf,
} from '../copies/index.ts';
import type {
  IndexRecord,
  InternalRequest,
  Now,
  Recovery,
  RecoveryPhase,
  State,
} from '../state/index.ts';

/** How recovery takes a place in the lane and leaves it. Given by the lane, which knows recovery. */
export interface LaneSteps {
  /** Begins an internal step; its seq. */
  readonly begin: (state: State, request: InternalRequest, now: Now) => number;
  /** What a step brings is sent from now on. */
  readonly send: (state: State, seq: number) => void;
  /** Ends a step of which nothing was sent, or a look or hold. */
  readonly end: (state: State, seq: number, now: Now) => void;
}

/** What a turn of a worker works with. */
export interface Turn {
  readonly state: State;
  readonly lane: LaneSteps;
  readonly now: Now;
  readonly worker: Recovery;
  readonly index: IndexRecord;
}

const PAUSE_MIN_MS = 250;
const PAUSE_MAX_MS = 30_000;

/** The copy that is filled. */
export function targetOf({ worker, index }: Turn): CopyPlace {
  return { index, shard: worker.place.shard, nodeId: worker.place.targetId };
}

/** The copy it is filled from. */
export function sourceOf({ worker, index }: Turn): CopyPlace {
  return { index, shard: worker.place.shard, nodeId: worker.place.sourceId };
}

/** Whether the source counts and no failure on it is undecided. */
export function isSourceSettled(turn: Turn): boolean {
  const { index, shard, nodeId } = sourceOf(turn);
  return stateOf(index, shard, nodeId) === 'in-sync';
}

/** Place in the lane up to which the source has applied everything. */
export function appliedOnSource(turn: Turn): number {
  return appliedUpTo(turn.state, sourceOf(turn));
}

/** Goes on to another phase. */
export function enter(turn: Turn, phase: RecoveryPhase): void {
  turn.worker.phase = phase;
  turn.worker.phaseMs = turn.state.nowMs;
}

/** Name of the worker's copy. */
export function workerKey(worker: Recovery): string {
  return copyKey(worker.indexId, worker.place.shard, worker.place.targetId);
}

/**
 * Ends a worker whose copy is not in-sync. Everything that was set aside is noted again, so that nothing is
 * forgotten; the copy is tried again after a pause that grows.
 */
export function giveUp(turn: Turn, reason: string): void {
  const { state, worker } = turn;
  leaveLane(turn);
  const copy = targetOf(turn);
  const before = stateOf(copy.index, copy.shard, copy.nodeId);
  if (before === 'filling') {
    abandonFill(state, copy);
    demote(state, copy, { to: 'behind', reason, missed: null });
  }
  const failures = (state.recovery.pauses.get(workerKey(worker))?.failures ?? 0) + 1;
  const pauseMs = Math.min(PAUSE_MIN_MS * 2 ** Math.min(failures - 1, 10), PAUSE_MAX_MS);
  state.recovery.pauses.set(workerKey(worker), { untilMs: state.nowMs + pauseMs, failures });
  endWorker(turn, { isInSync: false, reason });
}

/** Forgets a worker. */
export function endWorker(
  turn: Turn,
  end: { readonly isInSync: boolean; readonly reason: string },
): void {
  const { state, worker } = turn;
  state.recovery.workers.delete(workerKey(worker));
  state.recovery.lookedMs = Number.NEGATIVE_INFINITY;
  state.emit({
    kind: 'recoveryEnded',
    recovery: worker.id,
    place: worker.place,
    isInSync: end.isInSync,
    reason: end.reason,
    documentCount: worker.documentCount,
    documentBytes: worker.documentBytes,
    tookMs: state.nowMs - worker.startedMs,
  });
}

/** A step of which nothing was sent, or a hold, is given back, with the documents it was to write. */
function leaveLane(turn: Turn): void {
  const { state, lane, now, worker } = turn;
  const { phase } = worker;
  if ('page' in phase) putBackKeys(state, targetOf(turn), toBuffer(phase.page.hashes));
  if ('seq' in phase && phase.kind !== 'sending' && state.open.has(phase.seq)) {
    lane.end(state, phase.seq, now);
  }
  if (worker.hold !== null && state.open.has(worker.hold.seq)) {
    lane.end(state, worker.hold.seq, now);
  }
}

/** Hashes as steps and notes hold them. */
export function toBuffer(hashes: ReadonlySet<bigint>): Buffer {
  const buffer = Buffer.alloc(hashes.size * 8);
  let at = 0;
  for (const hash of hashes) {
    buffer.writeBigUInt64LE(hash, at);
    at += 8;
  }
  return buffer;
}
