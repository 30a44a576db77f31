/** Making an index's record with its owners, and reading targets from it. Pure. */
import { type PlacementNode, planOwners } from '../../core/placement/index.ts';
import { COPY_STATES } from '../../core/topology.ts';
import type { IndexId, NodeId } from '../../core/types.ts';
import { NO_COPY } from '../copies/index.ts';
import type { IndexRecord, State } from '../state/index.ts';

const IN_SYNC = COPY_STATES.indexOf('in-sync');

/** A new index under `uid`, owned by the nodes that placement chooses. Not yet in the catalog. */
export function makeIndex(
  state: State,
  fresh: { readonly id: string; readonly uid: string; readonly at: string },
): IndexRecord {
  const { shardCount, spread, replicationFactor } = state.placement;
  const nodes: PlacementNode[] = state.memberNodes().map((node) => ({
    id: node.id as NodeId,
    weight: node.weight,
    group: node.group,
  }));
  const owners = planOwners({
    indexId: fresh.id as IndexId,
    shardCount,
    nodes,
    rf: replicationFactor,
    spread,
  });
  const nodeIds = [...new Set(owners.flat())].sort();
  const places = new Map(nodeIds.map((id, place) => [id, place]));
  const copiesPerShard = owners.reduce((most, ids) => Math.max(most, ids.length), 0);
  const table = Buffer.alloc(shardCount * copiesPerShard * 2, 0xff);
  for (const [shard, ids] of owners.entries()) {
    for (const [copy, id] of ids.entries()) {
      table.writeUInt16LE(places.get(id) ?? NO_COPY, (shard * copiesPerShard + copy) * 2);
    }
  }
  return {
    id: fresh.id,
    headUid: fresh.uid,
    visibleUid: null,
    primaryKey: null,
    createdAt: fresh.at,
    updatedAt: fresh.at,
    shardCount,
    copiesPerShard,
    nodeIds,
    owners: table,
    copyStates: Buffer.alloc(shardCount * copiesPerShard, IN_SYNC),
    settings: {},
    settingsVersion: 0,
    pending: [],
    needs: {},
    foreignNodeIds: [],
  };
}

/** Shards of the documents with these hashes, ascending; `hashes` undefined touches all. */
export function touchedShards(index: IndexRecord, hashes: Buffer | undefined): number[] {
  if (hashes === undefined) return Array.from({ length: index.shardCount }, (_, shard) => shard);
  const mask = index.shardCount - 1;
  const found = new Set<number>();
  for (let at = 0; at + 8 <= hashes.length; at += 8) found.add(hashes.readUInt32LE(at) & mask);
  return [...found].sort((left, right) => left - right);
}

/** Ties need one order everywhere as soon as a second node holds part of the index. */
export function hasSeveralOwners(index: IndexRecord): boolean {
  return index.nodeIds.length > 1;
}
