/** One client per node of the newest view. A node that leaves the view loses its connections. */
import { NodeClient } from '../../core/meilisearch/client.ts';
import type { NodeCall, NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { ClusterNode } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';

/** Calls nodes by their id. */
export interface NodeCaller {
  /** `refused` if the view holds no such node. */
  call(nodeId: NodeId, call: NodeCall): Promise<NodeOutcome>;
}

/** NodeCaller with one connection pool per node. */
export class NodePools implements NodeCaller {
  readonly #clients = new Map<NodeId, NodeClient>();

  call(nodeId: NodeId, call: NodeCall): Promise<NodeOutcome> {
    const client = this.#clients.get(nodeId);
    if (client === undefined) {
      return Promise.resolve({ kind: 'refused', reason: 'not a node of the cluster' });
    }
    return client.call(call);
  }

  /** Makes the pools match the view: new nodes and changed addresses get a pool, gone ones lose theirs. */
  update(nodes: ReadonlyMap<NodeId, ClusterNode>): void {
    for (const [id, client] of this.#clients) {
      if (nodes.get(id)?.url === client.url) continue;
      this.#clients.delete(id);
      void client.close();
    }
    for (const [id, node] of nodes) {
      if (!this.#clients.has(id)) this.#clients.set(id, new NodeClient(node.url));
    }
  }

  async close(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(clients.map((client) => client.close()));
  }
}
