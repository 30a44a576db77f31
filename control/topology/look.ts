/** A look at an address before a node is registered or moved there. Changes nothing on it. */
import type { ControlNode } from '../nodes/index.ts';
import type { ClusterRecord } from '../state/index.ts';
import { checkNode } from './check-node.ts';
import { otherIndexes } from './marker.ts';

/** What was found: a member or a node that may become one, an empty one, nobody, or a wrong one. */
export type NodeLook =
  | { readonly kind: 'usable' | 'empty' }
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Looks. `node` has the id under which it is (to be) known. */
export async function lookAtNode(
  node: ControlNode,
  options: { readonly cluster: ClusterRecord; readonly signal: AbortSignal },
): Promise<NodeLook> {
  const { cluster, signal } = options;
  const check = await checkNode(node, {
    cluster,
    claimVersion: (found) => cluster.versionJson || found,
    isLookOnly: true,
    signal,
  });
  switch (check.kind) {
    case 'usable':
      return { kind: 'usable' };
    case 'refused':
      return { kind: 'refused', reason: check.words };
    case 'unreachable':
      return check;
    default: {
      const others = await otherIndexes(node, signal);
      if (others === undefined) return { kind: 'unreachable', reason: check.reason };
      if (others.length === 0) return { kind: 'empty' };
      const words = `node ${node.id} (${node.url}) already holds indexes (${others.join(', ')}): only an empty node can take its place`;
      return { kind: 'refused', reason: words };
    }
  }
}
