/** The cluster's record: made at the first start from the configuration, compared with it at later ones. */
import type { MiroirConfig } from '../../core/config/index.ts';
import { ANY_MARK, type ClusterRecord, type NodeRecord } from '../state/index.ts';

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
      configured: { url: baseUrl(node.url), weight: node.weight },
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
 * The recorded cluster with what changed in the configuration. Which nodes there are is recorded: a changed
 * file adds and removes none, for that concerns documents. An address or a weight that is another in the file
 * than it was at the last start wins; otherwise what calls made of it stays. Nodes that a call added need not
 * be in the file, and one that a call removed is not brought back by it.
 */
export function withConfig(cluster: ClusterRecord, config: MiroirConfig): ClusterRecord {
  const removedByCall = new Set(cluster.removedNodeIds);
  const wanted = new Map(config.nodes.map((node) => [node.id, node]));
  const known = new Set(cluster.nodes.map((node) => node.id));
  const added = config.nodes
    .filter(({ id }) => !known.has(id) && !removedByCall.has(id))
    .map(({ id }) => id);
  const missing = cluster.nodes
    .filter(({ id, isAddedByCall }) => !wanted.has(id) && isAddedByCall !== true)
    .map(({ id }) => id);
  if (added.length > 0 || missing.length > 0) {
    const words = [
      ...(added.length > 0 ? [`new: ${added.join(', ')}`] : []),
      ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ];
    throw new TopologyError(
      `nodes: the configuration names other nodes than the cluster has (${words.join('; ')}); start with those it has, and add or remove nodes with miroirctl`,
    );
  }
  return { ...cluster, nodes: cluster.nodes.map((node) => withEntry(node, wanted.get(node.id))) };
}

function withEntry(node: NodeRecord, entry: MiroirConfig['nodes'][number] | undefined): NodeRecord {
  if (entry === undefined) return node;
  const configured = { url: baseUrl(entry.url), weight: entry.weight };
  // Data of before calls could change nodes took the address from the file at each start.
  const last = node.configured ?? { url: node.url, weight: configured.weight };
  return {
    ...node,
    url: configured.url === last.url ? node.url : configured.url,
    weight: configured.weight === last.weight ? node.weight : configured.weight,
    configured,
  };
}
