/** What control knows when a seed's world begins: its nodes, adopted and empty, and where copies go. */
import type { ClusterRecord, PlacementRules } from '../../control/state/index.ts';
import type { ModelNode } from './node.ts';
import type { Profile } from './profile.ts';

const CLUSTER_ID = '0123456789abcdef';

/** The beginning of the state of control's machine. */
export function newCluster(
  nodes: readonly ModelNode[],
  profile: Profile,
): { readonly cluster: ClusterRecord; readonly placement: PlacementRules } {
  return {
    cluster: {
      clusterId: CLUSTER_ID,
      nodes: nodes.map((node) => ({
        id: node.id,
        url: `http://${node.id}`,
        group: node.group,
        weight: 1,
        isAdopted: true,
        lastTaskUid: -1,
        lastMark: '*',
        markerSeq: -1,
        seenUid: -1,
      })),
      keys: [],
      masterKeyHashHex: '',
      versionJson: '',
      experimentalFeaturesJson: '',
    },
    placement: {
      shardCount: profile.shardCount,
      spread: 'all',
      replicationFactor: profile.replicationFactor,
      minCopies: profile.minCopies,
      quorum: profile.quorum === 'fixed' ? 'fixed' : 'in_sync',
    },
  };
}
