/** What lives under /_miroir/: whether this worker serves, its metrics, and the cluster as it sees it. */
import { METRICS_CONTENT_TYPE, metricsText } from '../../core/telemetry/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { RouteContext } from './context.ts';
import { jsonReply } from './reply.ts';

/** GET /_miroir/livez: the process answers. */
export async function getLivez(context: RouteContext): Promise<GatewayReply> {
  return jsonReply(context.template, 200, { status: 'alive' });
}

/** GET /_miroir/readyz: a view is held. Without one the app answers 503 before this is reached. */
export async function getReadyz(context: RouteContext): Promise<GatewayReply> {
  return jsonReply(context.template, 200, {
    status: 'ready',
    following_control: context.services.isFollowing(),
  });
}

/** GET /_miroir/metrics: this worker's part; the metrics port has all workers added up. */
export async function getMetrics(context: RouteContext): Promise<GatewayReply> {
  return {
    status: 200,
    headers: [['content-type', METRICS_CONTENT_TYPE]],
    body: [Buffer.from(await metricsText(context.services.metrics.registry))],
    route: context.template,
  };
}

/** GET /_miroir/topology: nodes, indexes, and how many shards each node holds in which state. */
export async function getTopology(context: RouteContext): Promise<GatewayReply> {
  const { view, services } = context;
  return jsonReply(context.template, 200, {
    cluster_id: view.clusterId,
    position: { epoch: String(view.position.epoch), index: String(view.position.index) },
    following_control: services.isFollowing(),
    nodes: [...view.nodes.values()],
    indexes: [...view.indexes.values()].map(indexTopology),
  });
}

function indexTopology(entry: IndexEntry): unknown {
  const copies = new Map<string, Map<string, number>>();
  for (const shard of entry.owners) {
    for (const { nodeId, state } of shard) {
      const states = copies.get(nodeId) ?? new Map<string, number>();
      copies.set(nodeId, states.set(state, (states.get(state) ?? 0) + 1));
    }
  }
  return {
    uid: entry.uid,
    id: entry.id,
    primary_key: entry.primaryKey,
    is_visible: entry.isVisible,
    shards: entry.shardCount,
    settings_version: String(entry.settingsVersion),
    copies: Object.fromEntries([...copies].map(([id, states]) => [id, Object.fromEntries(states)])),
  };
}
