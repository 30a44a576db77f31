/** The nodes control talks to, kept in step with the cluster's record: some join, move and leave at run time. */
import type { ControlNode } from './node.ts';

/** Makes the client of a node. */
export type NodeMaker = (id: string, url: string) => ControlNode;

/** What keeping them needs. */
export interface NodeSetOptions {
  readonly make: NodeMaker;
  /** A node, or a node at a new address, is there. Not called for those of the first sync. */
  readonly onAdded: (node: ControlNode) => void;
  /** It is not to be used any more; its connections are closed next. */
  readonly onRemoved: (nodeId: string) => void;
}

/** Keeps one client per node. */
export class NodeSet {
  readonly #options: NodeSetOptions;
  readonly #nodes = new Map<string, ControlNode>();
  #isFirst = true;

  constructor(options: NodeSetOptions) {
    this.#options = options;
  }

  /** By id, in the order in which they came. The same map for ever. */
  get nodes(): ReadonlyMap<string, ControlNode> {
    return this.#nodes;
  }

  /** Takes over what the record says. */
  sync(records: readonly { readonly id: string; readonly url: string }[]): void {
    const wanted = new Map(records.map(({ id, url }) => [id, url]));
    for (const [id, node] of this.#nodes) {
      if (wanted.get(id) === node.url) continue;
      this.#nodes.delete(id);
      this.#options.onRemoved(id);
      void node.close();
    }
    for (const [id, url] of wanted) {
      if (this.#nodes.has(id)) continue;
      const node = this.#options.make(id, url);
      this.#nodes.set(id, node);
      if (!this.#isFirst) this.#options.onAdded(node);
    }
    this.#isFirst = false;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.close()));
  }
}
