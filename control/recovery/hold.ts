/**
 * Holds: a moment in which writes to the shard that begin wait in the lane, so that the copy can take its
 * place although clients write all the time (write-protocol part 3). Short at first; each that was too short
 * is followed by one twice as long, after a pause.
 */
import type { RecoveryHold } from '../state/index.ts';
import { enter, type Turn } from './worker.ts';

/** How long new writes to the shard may wait for the first hold, in milliseconds. */
const HOLD_MS = 200;
const HOLD_MAX_MS = 2_000;
/** How long a copy waits for a gap before it asks for a hold, and between two holds. */
export const GAP_MS = 100;

/** Asks the lane for a hold. */
export function beginHold(turn: Turn): void {
  const { state, lane, worker, now } = turn;
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
      under: null,
    },
    now,
  );
  const after = state.open.get(seq)?.intent.internal?.after ?? -1;
  worker.hold = { seq, after, isWritten: false };
  enter(turn, { kind: 'holding' });
}

/** Whether the hold still stands; if not, the worker waits for the next. */
export function isHeld(turn: Turn, hold: RecoveryHold): boolean {
  if (turn.state.open.has(hold.seq)) return true;
  holdFailed(turn);
  return false;
}

/** The hold was too short, or proved nothing. */
export function holdFailed(turn: Turn): void {
  const { state, worker } = turn;
  endHold(turn);
  worker.failedHolds = Math.min(worker.failedHolds + 1, 6);
  worker.holdAgainMs = state.nowMs + GAP_MS * 2 ** worker.failedHolds;
  enter(turn, { kind: 'ready' });
}

/** Lets the writes go on that wait. */
export function endHold(turn: Turn): void {
  const { state, lane, now, worker } = turn;
  const { hold } = worker;
  worker.hold = null;
  if (hold !== null && state.open.has(hold.seq)) lane.end(state, hold.seq, now);
}
