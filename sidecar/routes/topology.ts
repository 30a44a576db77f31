/**
 * GET /_miroir/topology: the cluster as this worker sees it. Nodes by group and what this worker knows of
 * them; of each index the copies per node and state; and where copies are not in-sync, why, in the words
 * control noted.
 */
import { COPY_STATES, type IndexEntry } from '../../core/topology.ts';
import type {
  CopyGroup,
  DescribeCopiesResponse,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { RouteContext } from './context.ts';
import { ranges } from './coverage.ts';
import { jsonReply } from './reply.ts';

/** Answers the route. */
export async function getTopology(context: RouteContext): Promise<GatewayReply> {
  const { view, services } = context;
  const described = services.isFollowing() ? await services.describeCopies() : undefined;
  const nodes = [...view.nodes.values()].map((node) => ({
    ...node,
    is_confirmed: services.nodes.isConfirmed(node.id),
  }));
  const groups = new Map<number, string[]>();
  for (const { id, group } of nodes) groups.set(group, [...(groups.get(group) ?? []), id]);
  return jsonReply(context.template, 200, {
    cluster_id: view.clusterId,
    position: { epoch: String(view.position.epoch), index: String(view.position.index) },
    following_control: services.isFollowing(),
    is_current: services.isCurrent(),
    nodes,
    groups: [...groups].map(([group, ids]) => ({ group, nodes: ids })),
    indexes: [...view.indexes.values()].map((entry) => indexTopology(entry, described)),
    ...(described === undefined ? {} : { copies_left_out: described.leftOut }),
  });
}

function indexTopology(entry: IndexEntry, described: DescribeCopiesResponse | undefined): unknown {
  const copies = new Map<string, Map<string, number>>();
  let covered = 0;
  for (const shard of entry.owners) {
    if (shard.some(({ state }) => state === 'in-sync' || state === 'held')) covered += 1;
    for (const { nodeId, state } of shard) {
      const states = copies.get(nodeId) ?? new Map<string, number>();
      copies.set(nodeId, states.set(state, (states.get(state) ?? 0) + 1));
    }
  }
  const notes = described?.groups.filter(({ indexUid }) => indexUid === entry.uid);
  return {
    uid: entry.uid,
    id: entry.id,
    primary_key: entry.primaryKey,
    is_visible: entry.isVisible,
    shards: entry.shardCount,
    covered_shards: covered,
    settings_version: String(entry.settingsVersion),
    copies: Object.fromEntries([...copies].map(([id, states]) => [id, Object.fromEntries(states)])),
    foreign_nodes: [...(entry.foreignNodes ?? [])],
    ...(notes === undefined ? {} : { not_in_sync: notes.map(describeGroup) }),
  };
}

function describeGroup({ nodeId, state, reason, shards, from }: CopyGroup): unknown {
  return {
    node: nodeId,
    state: COPY_STATES[state] ?? 'unknown',
    shards: ranges(shards),
    why: reason,
    ...(from === undefined ? {} : { missing_from: String(from) }),
  };
}
