/**
 * Positions that others saw committed. A replica whose log does not hold one has lost data, most likely
 * with a disk that was rolled back under it: it must not lead, and a person has to look.
 *
 * Replicas are believed. What callers say may be made up. It counts for a while only, for callers say it with
 * every call; not if it is further ahead than any log can be; and not if it is of the epoch of a leader that
 * found this log to hold all that counts: from then on nothing of that epoch counts that this replica has not
 * acknowledged, or it is not in the in-sync set and may not lead anyhow.
 */
import { pointAt } from './log.ts';
import { isBehind } from './position.ts';
import { type CoreState, isTooOld, stopLeading } from './state.ts';
import type { Alarm, SeenPosition } from './types.ts';

/** What a caller said counts for so long: sidecars say it twice a second. */
export const CLAIM_MS = 30_000;
/** More leaders than a replica misses. */
const EPOCHS_AHEAD_MAX = 1_000_000;
/** Ten thousand entries a second, for three years. */
const ENTRIES_AHEAD_MAX = 1e12;

/** A caller says that it has seen this position; a leader that may lack it leads no more. */
export function takeClaim(state: CoreState, seen: SeenPosition): void {
  const { leading, claimed, wholeEpoch, nowMs } = state;
  if (seen.epoch === wholeEpoch || !isPossible(state, seen) || !lacks(state, seen)) return;
  // Somebody else may have led after us.
  if (leading !== undefined && seen.epoch > leading.epoch) state.engine.isReadWanted = true;
  const isHighest = claimed === undefined || isBehind(claimed.seen, seen);
  state.claimed = { seen: isHighest ? seen : claimed.seen, atMs: nowMs };
  if (leading !== undefined && seen.epoch <= leading.epoch) stopBehind(state, seen);
}

/** The leader of the epoch found that this log lacks nothing that counts. */
export function noteWhole(state: CoreState, epoch: number): void {
  state.wholeEpoch = epoch;
  if (state.claimed?.seen.epoch === epoch) state.claimed = undefined;
}

/** Another replica saw a position; a leader that lacks it leads no more. */
export function witness(state: CoreState, seen: SeenPosition): void {
  const { leading } = state;
  if (seen.index === 0 || !isOfThisCluster(state, seen)) return;
  if (state.witness.clusterId !== seen.clusterId || isBehind(state.witness, seen)) {
    state.witness = seen;
  }
  if (leading === undefined) return;
  // Somebody else led after us.
  if (seen.epoch > leading.epoch) state.engine.isReadWanted = true;
  else if (lacks(state, seen)) {
    state.lacking = seen;
    stopBehind(state, seen);
  }
}

function stopBehind(state: CoreState, seen: SeenPosition): void {
  const { leading, log } = state;
  if (leading === undefined || leading.phase === 'stopped') return;
  const own = { epoch: log.last.epoch, index: log.last.index };
  raise(state, { kind: 'behindWitness', seen, own });
  leading.handover = { kind: 'behind', sinceMs: state.nowMs };
  if (leading.phase === 'open') state.effects.push({ kind: 'close', reason: 'behind' });
  leading.phase = 'stopped';
}

/** What the log lacks of all that anybody saw, as far as that is known; undefined if nothing. */
export function lackedPosition(state: CoreState): SeenPosition | undefined {
  const { lacking, claimed, nowMs } = state;
  if (lacking !== undefined && !lacks(state, lacking)) state.lacking = undefined;
  const isOver = claimed !== undefined && nowMs - claimed.atMs >= CLAIM_MS;
  if (claimed !== undefined && (isOver || !lacks(state, claimed.seen))) state.claimed = undefined;
  const told = lacks(state, state.witness) ? state.witness : undefined;
  return state.lacking ?? state.claimed?.seen ?? told;
}

/** Whether the log does not hold this entry. */
function lacks(state: CoreState, seen: SeenPosition): boolean {
  if (seen.index === 0 || !isOfThisCluster(state, seen)) return false;
  if (seen.index > state.log.last.index) return true;
  const point = pointAt(state, seen.index);
  // What the log does not reach back to was committed here as well.
  return point !== undefined && point.epoch !== seen.epoch;
}

/** Whether it can be that somebody saw the position. */
function isPossible({ engine, log, seenFence }: CoreState, seen: SeenPosition): boolean {
  const known = Math.max(engine.known?.record.epoch ?? 0, log.fence, log.last.epoch, seenFence);
  return seen.epoch <= known + EPOCHS_AHEAD_MAX && seen.index <= log.last.index + ENTRIES_AHEAD_MAX;
}

/** Raises an alarm once. */
export function raise(state: CoreState, alarm: Alarm): void {
  if (state.alarmed.has(alarm.kind)) return;
  state.alarmed.add(alarm.kind);
  state.effects.push({ kind: 'alarm', alarm });
}

/** An engine that went back to an older record is told of, and does no harm while fences are kept. */
export function checkEngine(state: CoreState): void {
  const record = state.engine.known?.record;
  if (record === undefined) return;
  const { log, engine } = state;
  // A reading that began before may be older than the leader that is obeyed.
  if (record.epoch < log.fence && engine.readAtMs > log.fencedAtMs) {
    raise(state, { kind: 'engineWentBack', epoch: record.epoch, seenEpoch: log.fence });
  }
}

/** A record of another cluster is left alone. */
export function checkCluster(state: CoreState, isForeign: boolean): void {
  const record = state.engine.known?.record;
  if (!isForeign || record === undefined) return;
  stopLeading(state, 'deposed');
  raise(state, { kind: 'foreignCluster', own: state.clusterId, record: record.clusterId });
}

/** Who does not know what the log may hold neither leads nor goes on as if it did. */
export function checkLevel(state: CoreState): void {
  const record = state.engine.known?.record;
  if (!isTooOld(state) || record === undefined) return;
  stopLeading(state, 'deposed');
  raise(state, { kind: 'tooOld', own: state.options.featureLevel, record: record.featureLevel });
}

function isOfThisCluster(state: CoreState, seen: SeenPosition): boolean {
  const clusterId = state.engine.known?.record.clusterId ?? state.clusterId;
  // Where nothing is known, a caller that knows a cluster is right: this is not a new one.
  return clusterId === '' || seen.clusterId === clusterId;
}
