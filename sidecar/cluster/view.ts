/**
 * From control's messages to the immutable view the routes read. The raw messages are kept beside it,
 * so that a change of one index decodes that index only and the whole can be written to a file as it
 * came.
 */
import { assert } from '../../core/assert.ts';
import {
  type ClusterNode,
  type ClusterView,
  COPY_STATES,
  type Copy,
  type CopyState,
  type IndexEntry,
  type KeyEntry,
  type OwnerTable,
  type Position,
} from '../../core/topology.ts';
import type { IndexId, IndexUid, NodeId } from '../../core/types.ts';
import type {
  Cluster as ClusterMessage,
  Delta as DeltaMessage,
  Index as IndexMessage,
  View as ViewMessage,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';

const NO_COPY = 0xffff;

/** What is held of the cluster: the newest view and the messages it was made of. */
export interface HeldView {
  readonly view: ClusterView;
  readonly cluster: ClusterMessage;
  readonly indexes: ReadonlyMap<string, IndexMessage>;
}

/** Builds everything anew from a whole view. Throws if the message is not what the contract says. */
export function fromView(position: Position, message: ViewMessage): HeldView {
  const { cluster } = message;
  assert(cluster !== undefined, 'a whole view names the cluster');
  const indexes = new Map(message.indexes.map((index) => [index.uid, index]));
  const entries = message.indexes.map((index) => [index.uid as IndexUid, toEntry(index)] as const);
  return { view: assemble(position, cluster, new Map(entries)), cluster, indexes };
}

/** Applies a change to what is held; what did not change is shared, not copied. */
export function applyDelta(held: HeldView, position: Position, delta: DeltaMessage): HeldView {
  const cluster = delta.cluster ?? held.cluster;
  if (delta.indexes.length === 0 && delta.removedIndexUids.length === 0) {
    const view = assemble(position, cluster, held.view.indexes, held);
    return { view, cluster, indexes: held.indexes };
  }
  const indexes = new Map(held.indexes);
  const entries = new Map(held.view.indexes);
  for (const uid of delta.removedIndexUids) {
    indexes.delete(uid);
    entries.delete(uid as IndexUid);
  }
  for (const index of delta.indexes) {
    const uid = index.uid as IndexUid;
    entries.set(uid, toEntry(index, known(held, uid)));
    indexes.set(index.uid, index);
  }
  return { view: assemble(position, cluster, entries, held), cluster, indexes };
}

/** Negative, zero or positive, as `left` is before, at or after `right`. */
export function comparePositions(left: Position, right: Position): number {
  if (left.epoch !== right.epoch) return left.epoch < right.epoch ? -1 : 1;
  if (left.index !== right.index) return left.index < right.index ? -1 : 1;
  return 0;
}

function assemble(
  position: Position,
  cluster: ClusterMessage,
  indexes: ReadonlyMap<IndexUid, IndexEntry>,
  held?: HeldView,
): ClusterView {
  if (held !== undefined && held.cluster === cluster) return { ...held.view, position, indexes };
  return {
    position,
    indexes,
    clusterId: cluster.clusterId,
    nodes: new Map(cluster.nodes.map((node) => [node.id as NodeId, toNode(node)])),
    keys: new Map(cluster.keys.map((key) => [key.hash.toString('hex'), toKey(key)])),
    masterKeyHashHex: cluster.masterKeyHash.toString('hex'),
    internalKey: cluster.internalKey,
    versionJson: cluster.versionJson.toString('utf8'),
    experimentalFeaturesJson: cluster.experimentalFeaturesJson.toString('utf8'),
  };
}

function toNode(node: ClusterMessage['nodes'][number]): ClusterNode {
  return { id: node.id as NodeId, url: node.url, group: node.group, weight: node.weight };
}

function toKey(key: ClusterMessage['keys'][number]): KeyEntry {
  return {
    hashHex: key.hash.toString('hex'),
    uid: key.uid,
    actions: key.actions,
    indexes: key.indexes,
    expiresAt: key.expiresAt ?? null,
  };
}

/** An index as it was before a change. */
interface KnownIndex {
  readonly message: IndexMessage;
  readonly entry: IndexEntry;
}

function known(held: HeldView, uid: IndexUid): KnownIndex | undefined {
  const message = held.indexes.get(uid);
  const entry = held.view.indexes.get(uid);
  return message === undefined || entry === undefined ? undefined : { message, entry };
}

/** An owner table that did not change stays the same object: what was found out about it is kept. */
function toEntry(index: IndexMessage, before?: KnownIndex): IndexEntry {
  const isSame = before !== undefined && hasSameOwners(before.message, index);
  return {
    id: index.id as IndexId,
    uid: index.uid as IndexUid,
    primaryKey: index.primaryKey ?? null,
    createdAt: index.createdAt,
    updatedAt: index.updatedAt,
    shardCount: index.shardCount,
    owners: isSame ? before.entry.owners : decodeOwners(index),
    foreignNodes: new Set(index.foreignNodeIds as NodeId[]),
    settings:
      index.settingsJson.length === 0 ? {} : JSON.parse(index.settingsJson.toString('utf8')),
    settingsVersion: index.settingsVersion,
    isVisible: index.visible,
  };
}

function hasSameOwners(left: IndexMessage, right: IndexMessage): boolean {
  return (
    left.shardCount === right.shardCount &&
    left.copiesPerShard === right.copiesPerShard &&
    left.owners.equals(right.owners) &&
    left.copyStates.equals(right.copyStates) &&
    left.nodeIds.join() === right.nodeIds.join()
  );
}

/** The owner table; equal copies share one object, for there are shards times copies of them. */
function decodeOwners(index: IndexMessage): OwnerTable {
  const { shardCount, copiesPerShard, owners, copyStates, nodeIds } = index;
  const slotCount = shardCount * copiesPerShard;
  assert(owners.length === slotCount * 2, 'two bytes of owner per slot');
  assert(copyStates.length === slotCount, 'one byte of state per slot');
  const known = new Map<number, Copy>();
  const table: Copy[][] = [];
  for (let shard = 0; shard < shardCount; shard += 1) {
    const copies: Copy[] = [];
    for (let slot = shard * copiesPerShard; slot < (shard + 1) * copiesPerShard; slot += 1) {
      const place = owners.readUInt16LE(slot * 2);
      if (place === NO_COPY) continue;
      copies.push(copyOf(known, nodeIds, place, copyStates.readUInt8(slot)));
    }
    table.push(copies);
  }
  return table;
}

function copyOf(
  known: Map<number, Copy>,
  nodeIds: readonly string[],
  place: number,
  stateByte: number,
): Copy {
  const name = place * COPY_STATES.length + stateByte;
  const held = known.get(name);
  if (held !== undefined) return held;
  const nodeId = nodeIds[place];
  const state: CopyState | undefined = COPY_STATES[stateByte];
  assert(nodeId !== undefined && state !== undefined, 'a slot names a node and a state');
  const copy: Copy = { nodeId: nodeId as NodeId, state };
  known.set(name, copy);
  return copy;
}
