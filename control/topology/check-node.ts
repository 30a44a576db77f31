/**
 * Whether a node may be used: it answers, speaks the same version as the others, knows the master key, and
 * its marker says that it is this node of this cluster. A fresh node is adopted by writing the marker. One
 * that lost its data, or brought older data back, is `lost`: its copies have to be taken out first.
 */
import type { ControlNode } from '../nodes/index.ts';
import type { ClusterRecord } from '../state/index.ts';
import { adoptedTaskUid, otherIndexes, readMarker, writeMarker } from './marker.ts';

/** What the check came to. `refused` words are one clear line and need a person. */
export type NodeCheck =
  | {
      readonly kind: 'usable';
      readonly versionJson: string;
      /** Set if it was adopted just now. */
      readonly adoptedTaskUid: number | null;
    }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'refused'; readonly words: string };

/** What a node is checked against. */
export interface CheckOptions {
  readonly cluster: ClusterRecord;
  /** Version of the nodes in use; the first to be used sets it. Returns what holds from now on. */
  readonly claimVersion: (versionJson: string) => string;
  /** Only looks: a fresh node is `usable` and stays unmarked. */
  readonly isLookOnly?: boolean;
  readonly signal: AbortSignal;
}

/** Checks a node, adopting it if it is fresh. */
export async function checkNode(node: ControlNode, options: CheckOptions): Promise<NodeCheck> {
  const { cluster, claimVersion, signal } = options;
  const version = await node.call({ method: 'GET', path: '/version', signal });
  if (version.kind !== 'answer') return { kind: 'unreachable', reason: version.reason };
  if (version.status === 401 || version.status === 403) {
    return refused(
      node,
      'does not accept the master key: all nodes must be started with the same one',
    );
  }
  if (version.status !== 200) {
    return { kind: 'unreachable', reason: `GET /version answered ${version.status}` };
  }
  const mixed = versionFault(version.text, claimVersion(version.text));
  if (mixed !== undefined) return refused(node, mixed);
  const record = cluster.nodes.find((item) => item.id === node.id);
  const marker = await readMarker(node, signal);
  if (marker === 'unreachable') return { kind: 'unreachable', reason: 'its marker cannot be read' };
  if (marker === 'absent') {
    // One that lost data may have been written to before that was known: it is ours, though not empty.
    return record?.isAdopted === true || record?.isDoubted === true
      ? { kind: 'lost', reason: 'has lost its data: the marker written at adoption is gone' }
      : adopt(node, version.text, options);
  }
  if (marker.cluster !== cluster.clusterId) {
    return refused(node, `belongs to another Miroir cluster (${marker.cluster})`);
  }
  if (marker.node !== node.id) {
    return refused(node, `says that it is node ${marker.node}: have addresses been exchanged?`);
  }
  if (record !== undefined && marker.seq < record.markerSeq) {
    const words = `has older data than it had: its marker says ${marker.seq} and not ${record.markerSeq}`;
    return { kind: 'lost', reason: words };
  }
  const isNew = record?.isAdopted !== true;
  const adoptedUid = isNew ? await adoptedTaskUid(node, signal) : null;
  return { kind: 'usable', versionJson: version.text, adoptedTaskUid: adoptedUid };
}

async function adopt(
  node: ControlNode,
  versionJson: string,
  { cluster, signal, isLookOnly = false }: CheckOptions,
): Promise<NodeCheck> {
  const others = await otherIndexes(node, signal);
  if (others === undefined) return { kind: 'unreachable', reason: 'its indexes cannot be listed' };
  if (others.length > 0) {
    return refused(
      node,
      `already holds indexes (${others.join(', ')}): only empty nodes can join a cluster`,
    );
  }
  if (isLookOnly) return { kind: 'usable', versionJson, adoptedTaskUid: null };
  const marker = { cluster: cluster.clusterId, node: node.id, seq: 0 };
  const isWritten = await writeMarker(node, marker, signal);
  if (!isWritten) return { kind: 'unreachable', reason: 'its marker cannot be written' };
  return {
    kind: 'usable',
    versionJson,
    adoptedTaskUid: await adoptedTaskUid(node, signal),
  };
}

function refused(node: ControlNode, words: string): NodeCheck {
  return { kind: 'refused', words: `node ${node.id} (${node.url}) ${words}` };
}

/** Words if a node's version is another than the cluster's. */
function versionFault(own: string, known: string): string | undefined {
  const version = (text: string): string => {
    try {
      return String((JSON.parse(text) as Record<string, unknown>)['pkgVersion']);
    } catch {
      return 'unknown';
    }
  };
  return version(own) === version(known)
    ? undefined
    : `runs Meilisearch ${version(own)}, the other nodes ${version(known)}: versions cannot be mixed`;
}
