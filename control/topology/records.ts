/** The cluster's record: made at the first start from the configuration, compared with it at later ones. */
import type { MiroirConfig } from '../../core/config/index.ts';
import { ANY_MARK, type ClusterRecord } from '../state/index.ts';

/** The configuration does not fit the recorded cluster. `message` is one clear line. */
export class TopologyError extends Error {
  override name = 'TopologyError';
}

/** A new cluster. Throws TopologyError without nodes. */
export function newCluster(config: MiroirConfig, clusterId: string): ClusterRecord {
  if (config.nodes.length === 0) throw new TopologyError('nodes: at least one node is needed');
  return {
    clusterId,
    nodes: config.nodes.map((node) => ({
      id: node.id,
      url: baseUrl(node.url),
      group: node.group,
      weight: node.weight,
      isAdopted: false,
      lastTaskUid: -1,
      lastMark: ANY_MARK,
      markerSeq: -1,
      seenUid: -1,
    })),
    keys: [],
    masterKeyHashHex: '',
    versionJson: '',
    experimentalFeaturesJson: '',
  };
}

/** Without a slash at its end. */
function baseUrl(url: string): string {
  return url.replace(/\/+$/, '');
}

/**
 * The recorded cluster with the addresses of the configuration. Ids are fixed: adding and removing nodes
 * moves documents, which a changed file must not do by itself.
 */
export function withConfig(cluster: ClusterRecord, config: MiroirConfig): ClusterRecord {
  const wanted = new Map(config.nodes.map((node) => [node.id, node]));
  const known = new Set(cluster.nodes.map((node) => node.id));
  const added = config.nodes.filter((node) => !known.has(node.id)).map((node) => node.id);
  const removed = cluster.nodes.filter((node) => !wanted.has(node.id)).map((node) => node.id);
  if (added.length > 0 || removed.length > 0) {
    const words = [
      ...(added.length > 0 ? [`new: ${added.join(', ')}`] : []),
      ...(removed.length > 0 ? [`missing: ${removed.join(', ')}`] : []),
    ];
    throw new TopologyError(
      `nodes: the configuration names other nodes than the cluster has (${words.join('; ')}); adding and removing nodes is not available yet`,
    );
  }
  return {
    ...cluster,
    nodes: cluster.nodes.map((node) => ({
      ...node,
      url: baseUrl(wanted.get(node.id)?.url ?? node.url),
    })),
  };
}
