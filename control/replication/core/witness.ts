/**
 * Positions that others saw committed. A replica whose log does not hold one has lost data, most likely
 * with a disk that was rolled back under it: it must not lead, and a person has to look.
 */
import { pointAt } from './log.ts';
import { isBehind } from './position.ts';
import { type CoreState, isTooOld, stopLeading } from './state.ts';
import type { Alarm, SeenPosition } from './types.ts';

/** Takes note of a position; a leader that lacks it leads no more. */
export function witness(state: CoreState, seen: SeenPosition): void {
  const { leading, log } = state;
  if (seen.index === 0 || !isOfThisCluster(state, seen)) return;
  if (state.witness.clusterId !== seen.clusterId || isBehind(state.witness, seen)) {
    state.witness = seen;
  }
  if (leading === undefined) return;
  // Somebody else led after us.
  if (seen.epoch > leading.epoch) state.engine.isReadWanted = true;
  else if (lacks(state, seen) && leading.phase !== 'stopped') {
    const own = { epoch: log.last.epoch, index: log.last.index };
    raise(state, { kind: 'behindWitness', seen, own });
    state.lacking = seen;
    leading.handover = { kind: 'behind', sinceMs: state.nowMs };
    if (leading.phase === 'open') state.effects.push({ kind: 'close', reason: 'behind' });
    leading.phase = 'stopped';
  }
}

/** Whether the log lacks something that anybody saw, as far as that is known. */
export function lacksAny(state: CoreState): boolean {
  const { lacking } = state;
  if (lacking !== undefined && !lacks(state, lacking)) state.lacking = undefined;
  return state.lacking !== undefined || lacks(state, state.witness);
}

/** Whether the log does not hold this entry. */
function lacks(state: CoreState, seen: SeenPosition): boolean {
  if (seen.index === 0 || !isOfThisCluster(state, seen)) return false;
  if (seen.index > state.log.last.index) return true;
  const point = pointAt(state, seen.index);
  // What the log does not reach back to was committed here as well.
  return point !== undefined && point.epoch !== seen.epoch;
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
