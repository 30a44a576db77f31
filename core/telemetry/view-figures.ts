/** What the cluster's view says about shards and copies, for the gauges. Pure. */
import type { ClusterView, CopyState } from '../topology.ts';
import { COPY_STATES } from '../topology.ts';

/** Counts over all visible indexes. */
export interface ViewFigures {
  /** Shards with a copy in sync. */
  readonly coveredShards: number;
  /** Shards without one. */
  readonly degradedShards: number;
  /** Node id -> copies, of every node of the cluster. */
  readonly copiesByNode: ReadonlyMap<string, number>;
  readonly copiesByState: ReadonlyMap<CopyState, number>;
  /** Highest settings version in force; 0 if there is no index. */
  readonly settingsVersion: number;
}

/** Counts a view. */
export function figuresOf(view: ClusterView): ViewFigures {
  const copiesByNode = new Map<string, number>([...view.nodes.keys()].map((id) => [id, 0]));
  const copiesByState = new Map<CopyState, number>(COPY_STATES.map((state) => [state, 0]));
  let coveredShards = 0;
  let degradedShards = 0;
  let settingsVersion = 0n;
  for (const index of view.indexes.values()) {
    if (!index.isVisible) continue;
    if (index.settingsVersion > settingsVersion) settingsVersion = index.settingsVersion;
    for (const copies of index.owners) {
      if (copies.some(({ state }) => state === 'in-sync' || state === 'held')) coveredShards += 1;
      else degradedShards += 1;
      for (const { nodeId, state } of copies) {
        copiesByNode.set(nodeId, (copiesByNode.get(nodeId) ?? 0) + 1);
        copiesByState.set(state, (copiesByState.get(state) ?? 0) + 1);
      }
    }
  }
  return {
    ...{ coveredShards, degradedShards, copiesByNode, copiesByState },
    settingsVersion: Number(settingsVersion),
  };
}
