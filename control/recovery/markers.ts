/**
 * The place in the lane that each node's marker says. A node that comes back with an older marker than the
 * one recorded was restored from a copy of its data. Written when a copy on the node becomes in-sync and
 * from time to time while there are writes: each is a small task of the node. One after another: of two that
 * are on their way the older one may come last, and the node would seem to have lost data.
 */
import { headOf } from '../copies/index.ts';
import type { MachineEvent, NodeRecord, State } from '../state/index.ts';
import { isNodeReady } from './usable.ts';

const PERIOD_MS = 600_000;
/** A marker that was asked for and not reported is asked for again. */
const RETRY_MS = 60_000;

/** Asks for the markers that are due. */
export function writeMarkers(state: State): void {
  const head = headOf(state);
  for (const node of state.cluster.nodes) {
    if (!node.isAdopted || node.markerSeq >= head || !isNodeReady(state, node.id)) continue;
    if (!isTimeFor(state, node)) continue;
    state.recovery.markersDue.delete(node.id);
    state.recovery.markers.set(node.id, { seq: head, atMs: state.nowMs });
    state.emit({ kind: 'writeMarker', nodeId: node.id, seq: head });
  }
}

function isTimeFor(state: State, node: NodeRecord): boolean {
  const { markers, markersDue } = state.recovery;
  const last = markers.get(node.id);
  if (last === undefined) return markersDue.has(node.id) || isDue(state, node.id);
  const sinceMs = state.nowMs - last.atMs;
  if (node.markerSeq < last.seq) return sinceMs >= RETRY_MS;
  return markersDue.has(node.id) || sinceMs >= PERIOD_MS;
}

/** The first one of this process comes a period after the node came up. */
function isDue(state: State, nodeId: string): boolean {
  const sinceMs = state.recovery.upSince.get(nodeId) ?? state.startedMs;
  return state.nowMs - sinceMs >= PERIOD_MS;
}

/** A copy on the node was filled: its marker is due as soon as the last one is written. */
export function dueAfterRecovery(state: State, nodeId: string): void {
  state.recovery.markersDue.add(nodeId);
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
