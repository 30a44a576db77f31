/** Whether nodes and indexes are in a state in which recovery may work with them. */
import { hasLateTasks } from '../copies/index.ts';
import type { IndexRecord, State } from '../state/index.ts';

/** Whether recovery may work with a node: it is as it should be, but for what its copies hold. */
export function isNodeReady(state: State, nodeId: string): boolean {
  const node = state.cluster.nodes.find(({ id }) => id === nodeId);
  const leftovers = node?.leftovers ?? 'open';
  // Indexes whose names are being given or taken are not worked with anyhow.
  return leftovers === 'open' && isNodeRead(state, nodeId);
}

/** Whether a node is up, was checked if it lost data, and its tasks were read since it came up. */
export function isNodeRead(state: State, nodeId: string): boolean {
  if (state.downNodes.has(nodeId) || state.recovery.doubted.has(nodeId)) return false;
  // What it holds may still be changed out of order.
  if (hasLateTasks(state, nodeId)) return false;
  const readMs = state.recovery.readings.get(nodeId);
  if (readMs === undefined) return false;
  return readMs >= (state.recovery.upSince.get(nodeId) ?? Number.NEGATIVE_INFINITY);
}

/** Whether an operation on the index as a whole is in the lane: names and settings may change under us. */
export function isChanging(state: State, index: IndexRecord): boolean {
  for (const uid of [index.headUid, index.visibleUid]) {
    if (uid !== null && (state.barriersByName.get(uid)?.size ?? 0) > 0) return true;
  }
  return index.headUid === null || index.headUid !== index.visibleUid;
}
