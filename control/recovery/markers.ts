/**
 * The place in the lane that each node's marker says. A node that comes back with an older marker than the
 * one recorded was restored from a copy of its data. Written when a copy on the node becomes in-sync and
 * from time to time while there are writes: each is a small task of the node.
 */
import { headOf } from '../copies/index.ts';
import type { MachineEvent, State } from '../state/index.ts';
import { isNodeReady } from './usable.ts';

const PERIOD_MS = 600_000;
/** A marker that was asked for and not reported is asked for again. */
const RETRY_MS = 60_000;

/** Asks for the markers that are due. */
export function writeMarkers(state: State): void {
  const head = headOf(state);
  for (const node of state.cluster.nodes) {
    if (!node.isAdopted || node.markerSeq >= head || !isNodeReady(state, node.id)) continue;
    const last = state.recovery.markers.get(node.id);
    if (last !== undefined && state.nowMs - last.atMs < waitMs(node.markerSeq, last.seq)) continue;
    if (last === undefined && !isDue(state, node.id)) continue;
    state.recovery.markers.set(node.id, { seq: head, atMs: state.nowMs });
    state.emit({ kind: 'writeMarker', nodeId: node.id, seq: head });
  }
}

function waitMs(written: number, asked: number): number {
  return written >= asked ? PERIOD_MS : RETRY_MS;
}

/** The first one of this process comes a period after the node came up. */
function isDue(state: State, nodeId: string): boolean {
  const sinceMs = state.recovery.upSince.get(nodeId) ?? state.startedMs;
  return state.nowMs - sinceMs >= PERIOD_MS;
}

/** A copy on the node was filled: its marker is due at once. */
export function dueAfterRecovery(state: State, nodeId: string): void {
  state.recovery.markers.set(nodeId, { seq: -1, atMs: state.nowMs - PERIOD_MS });
}

/** The marker is written, and only then is it relied on. */
export function markerWritten(
  state: State,
  event: Extract<MachineEvent, { kind: 'markerWritten' }>,
): void {
  const node = state.cluster.nodes.find((item) => item.id === event.nodeId);
  if (node === undefined || node.markerSeq >= event.seq) return;
  node.markerSeq = event.seq;
  state.touchCluster();
}
