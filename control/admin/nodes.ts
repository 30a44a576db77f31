/**
 * Nodes that join, change and leave by a call. Registering one moves nothing: indexes that are made from then
 * on use it. One leaves only when nothing is on it and nothing is on its way to it.
 */
import {
  type AdminCommand,
  type AdminRefusal,
  ANY_MARK,
  type NodeRecord,
  type Now,
  type State,
} from '../state/index.ts';

/** Most nodes of a cluster, and most removed ones that are remembered. */
const NODES_MAX = 1_024;
const NODE_ID = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
const NODE_URL = /^https?:\/\/[^\s/@?#]+$/;
const GROUP_MAX = 15;
const WEIGHT_MAX = 1_000;

type NodeCommand = Extract<AdminCommand, { kind: 'addNode' | 'updateNode' | 'removeNode' }>;

/** What keeps a node in the cluster. */
export interface NodeUse {
  /** Indexes of which it owns copies, by the name readers know. */
  readonly ownedUids: readonly string[];
  /** Indexes of whose documents it may hold leftovers. */
  readonly foreignUids: readonly string[];
  /** Writes in the lane that are meant for it. */
  readonly openWriteCount: number;
  /** Tasks in its queue whose end is not known. */
  readonly pendingTaskCount: number;
}

/** What of the cluster is on a node or on its way to it. */
export function nodeUse(state: State, nodeId: string): NodeUse {
  const ownedUids: string[] = [];
  const foreignUids: string[] = [];
  for (const index of state.indexes.values()) {
    const uid = index.visibleUid ?? index.headUid ?? index.id;
    if (index.nodeIds.includes(nodeId)) ownedUids.push(uid);
    if (index.foreignNodeIds.includes(nodeId)) foreignUids.push(uid);
  }
  let openWriteCount = 0;
  for (const { intent } of state.open.values()) {
    const isMeant =
      intent.targets[nodeId] !== undefined || intent.steps.some((step) => step.nodeId === nodeId);
    if (isMeant) openWriteCount += 1;
  }
  return {
    ownedUids: ownedUids.sort(),
    foreignUids: foreignUids.sort(),
    openWriteCount,
    pendingTaskCount: state.outstanding.get(nodeId)?.size ?? 0,
  };
}

/** Why a change of nodes is refused; undefined if it is not. */
export function refuseNodeChange(state: State, command: NodeCommand): AdminRefusal | undefined {
  const { nodes } = state.cluster;
  if (command.kind === 'addNode') return refuseNew(nodes, command.node);
  const node = nodes.find(({ id }) => id === command.nodeId);
  if (node === undefined) {
    const message = `There is no node ${command.nodeId}. The nodes are ${nodes.map(({ id }) => id).join(', ')}.`;
    return { status: 'notFound', code: 'miroir_node_not_found', message };
  }
  if (command.kind === 'removeNode') return refuseRemoval(state, node);
  const { url, weight } = command;
  if (url === null && weight === null) return invalid('Nothing to change: give `url` or `weight`.');
  return (
    (weight === null ? undefined : refuseWeight(weight)) ??
    (url === null ? undefined : refuseUrl(nodes, { id: node.id, url }))
  );
}

/** Registers a node. It counts as away until it was looked at. */
export function addNode(
  state: State,
  node: Extract<NodeCommand, { kind: 'addNode' }>['node'],
  now: Now,
): void {
  const record: NodeRecord = {
    ...node,
    isAddedByCall: true,
    isAdopted: false,
    lastTaskUid: -1,
    lastMark: ANY_MARK,
    markerSeq: -1,
    seenUid: -1,
  };
  const removed = (state.cluster.removedNodeIds ?? []).filter((id) => id !== node.id);
  state.cluster = {
    ...state.cluster,
    nodes: [...state.cluster.nodes, record],
    removedNodeIds: removed,
  };
  state.downNodes.set(node.id, now.steadyMs);
  changed(state);
}

/** Changes a node's address or weight. */
export function updateNode(
  state: State,
  { nodeId, url, weight }: Extract<NodeCommand, { kind: 'updateNode' }>,
): void {
  const node = state.cluster.nodes.find(({ id }) => id === nodeId);
  if (node === undefined) return;
  if (url !== null) node.url = url;
  if (weight !== null) node.weight = weight;
  changed(state);
}

/** Forgets a node. */
export function removeNode(state: State, nodeId: string): void {
  const removed = [...(state.cluster.removedNodeIds ?? []), nodeId].slice(-NODES_MAX);
  state.cluster = {
    ...state.cluster,
    nodes: state.cluster.nodes.filter(({ id }) => id !== nodeId),
    removedNodeIds: removed,
  };
  state.touchedNodes.add(nodeId);
  state.outstanding.delete(nodeId);
  state.downNodes.delete(nodeId);
  state.markerless.delete(nodeId);
  const { readings, upSince, markers, doubted } = state.recovery;
  for (const known of [readings, upSince, markers, doubted]) known.delete(nodeId);
  changed(state);
}

function changed(state: State): void {
  state.touchCluster();
  state.isClusterViewChanged = true;
  state.emit({ kind: 'nodesChanged' });
}

function refuseNew(
  nodes: readonly NodeRecord[],
  node: Extract<NodeCommand, { kind: 'addNode' }>['node'],
): AdminRefusal | undefined {
  if (!NODE_ID.test(node.id)) {
    return invalid(
      `"${node.id}" is not a node id: lower-case letters, digits, ".", "_", "-", at most 63, and a letter or digit at both ends.`,
    );
  }
  if (!Number.isInteger(node.group) || node.group < 0 || node.group > GROUP_MAX) {
    return invalid(`Group ${node.group} is not a number from 0 to ${GROUP_MAX}.`);
  }
  if (nodes.some(({ id }) => id === node.id)) return exists(`Node ${node.id} is known already.`);
  if (nodes.length >= NODES_MAX) return invalid(`A cluster has at most ${NODES_MAX} nodes.`);
  return refuseWeight(node.weight) ?? refuseUrl(nodes, node);
}

function refuseWeight(weight: number): AdminRefusal | undefined {
  if (weight > 0 && weight <= WEIGHT_MAX) return undefined;
  return invalid(`Weight ${weight} is not above 0 and at most ${WEIGHT_MAX}.`);
}

function refuseUrl(
  nodes: readonly NodeRecord[],
  { id, url }: { readonly id: string; readonly url: string },
): AdminRefusal | undefined {
  if (!NODE_URL.test(url) || url.length > 1_024) {
    return invalid(`"${url}" is not the address of a node, such as http://10.0.0.3:7700.`);
  }
  const other = nodes.find((node) => node.url === url && node.id !== id);
  return other === undefined ? undefined : exists(`Node ${other.id} has the address ${url}.`);
}

function refuseRemoval(state: State, node: NodeRecord): AdminRefusal | undefined {
  if (state.cluster.nodes.length === 1) return inUse('It is the only node of the cluster.');
  const use = nodeUse(state, node.id);
  if (use.ownedUids.length > 0) {
    const named = some(use.ownedUids);
    return inUse(
      `Node ${node.id} owns copies of ${named}, and copies cannot be moved to other nodes yet. To replace the machine, start an empty Meilisearch and give the node its address (update): recovery fills it. To be rid of the node, delete these indexes first.`,
    );
  }
  if (use.foreignUids.length > 0) {
    return inUse(
      `Node ${node.id} may hold documents of ${some(use.foreignUids)} that are not cleaned away yet.`,
    );
  }
  if (use.openWriteCount > 0 || use.pendingTaskCount > 0) {
    return inUse(
      `Node ${node.id} has ${use.openWriteCount} writes under way and ${use.pendingTaskCount} tasks in its queue. Try again when they are over.`,
    );
  }
  return undefined;
}

function some(uids: readonly string[]): string {
  const named = uids.slice(0, 5).join(', ');
  return uids.length > 5 ? `${named} and ${uids.length - 5} more indexes` : named;
}

function invalid(message: string): AdminRefusal {
  return { status: 'invalid', code: 'miroir_invalid_request', message };
}

function exists(message: string): AdminRefusal {
  return { status: 'alreadyExists', code: 'miroir_node_exists', message };
}

function inUse(message: string): AdminRefusal {
  return { status: 'precondition', code: 'miroir_node_in_use', message };
}
