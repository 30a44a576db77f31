/** The state as Watch sends it. */

import type { Position } from '../../core/topology.ts';
import type {
  Cluster,
  Index,
  Position as PositionMessage,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import type { IndexRecord, State } from '../state/index.ts';

/** What is sent besides the state: derived from the master key and never stored. */
export interface Secrets {
  readonly masterKeyHashHex: string;
  readonly internalKey: string;
}

/** What of the state is shown: of all of it, or of what a replica that does not lead knows. */
export type ShownState = Pick<State, 'cluster' | 'visible' | 'head' | 'entryOf'>;

/** A position. */
export function toPosition(position: Position): PositionMessage {
  return { epoch: position.epoch, index: position.index };
}

/** Cluster-wide values. */
export function toCluster(state: Pick<ShownState, 'cluster'>, secrets: Secrets): Cluster {
  const { cluster } = state;
  return {
    clusterId: cluster.clusterId,
    nodes: cluster.nodes.map(({ id, url, group, weight }) => ({ id, url, group, weight })),
    keys: cluster.keys.map((key) => ({
      hash: Buffer.from(key.hashHex, 'hex'),
      uid: key.uid,
      actions: [...key.actions],
      indexes: [...key.indexes],
      ...(key.expiresAt === null ? {} : { expiresAt: key.expiresAt }),
    })),
    masterKeyHash: Buffer.from(secrets.masterKeyHashHex, 'hex'),
    internalKey: secrets.internalKey,
    versionJson: Buffer.from(cluster.versionJson),
    experimentalFeaturesJson: Buffer.from(cluster.experimentalFeaturesJson),
  };
}

/** The entry of a name; undefined if nothing is called so. */
export function toIndex(state: Pick<ShownState, 'entryOf'>, uid: string): Index | undefined {
  const entry = state.entryOf(uid);
  return entry === undefined ? undefined : indexMessage(entry.index, uid, entry.isVisible);
}

/** All names with an entry. */
export function allUids(state: Pick<ShownState, 'visible' | 'head'>): Set<string> {
  return new Set([...state.visible.keys(), ...state.head.keys()]);
}

function indexMessage(index: IndexRecord, uid: string, isVisible: boolean): Index {
  return {
    id: index.id,
    uid,
    ...(index.primaryKey === null ? {} : { primaryKey: index.primaryKey }),
    createdAt: index.createdAt,
    updatedAt: index.updatedAt,
    shardCount: index.shardCount,
    nodeIds: [...index.nodeIds],
    copiesPerShard: index.copiesPerShard,
    owners: index.owners,
    copyStates: index.copyStates,
    settingsJson: Buffer.from(JSON.stringify(index.settings)),
    settingsVersion: BigInt(index.settingsVersion),
    visible: isVisible,
    foreignNodeIds: [...index.foreignNodeIds],
  };
}
