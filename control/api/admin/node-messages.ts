/** Nodes and groups as the public API shows them. Pure. */
import type { CopyCounts } from '../../../proto/gen/miroir/admin/v1/common.ts';
import {
  type GroupStatus,
  type NodeSpec,
  NodeState,
  type NodeStatus,
} from '../../../proto/gen/miroir/admin/v1/nodes.ts';
import type { KnownHealth } from '../../health-book.ts';
import type { NodeRecord, State } from '../../state/index.ts';
import { addCounts, type Figures, noCopies } from './figures.ts';
import { named } from './verdict.ts';

/** What nodes are described from. */
export interface NodeSources {
  readonly state: State;
  readonly figures: Pick<Figures, 'of'>;
  readonly healthOf: (nodeId: string) => KnownHealth;
}

/** A node as it is registered. */
export function toNodeSpec({ id, url, group, weight }: NodeSpec): NodeSpec {
  return { id, url, group, weight };
}

/** All nodes, in the order in which they joined. */
export function nodeStatuses(sources: NodeSources): NodeStatus[] {
  const { state, figures } = sources;
  const copies = new Map<string, { counts: CopyCounts; indexCount: number }>();
  for (const { index } of named(state)) {
    for (const [nodeId, counts] of figures.of(index).byNode) {
      const known = copies.get(nodeId) ?? { counts: noCopies(), indexCount: 0 };
      addCounts(known.counts, counts);
      known.indexCount += 1;
      copies.set(nodeId, known);
    }
  }
  const openWrites = openWritesByNode(state);
  return state.cluster.nodes.map((node) => {
    const held = copies.get(node.id);
    return {
      node: toNodeSpec(node),
      ...healthMessage(sources, node),
      copies: held?.counts ?? noCopies(),
      indexCount: held?.indexCount ?? 0,
      pendingTaskCount: BigInt(state.outstanding.get(node.id)?.size ?? 0),
      openWriteCount: BigInt(openWrites.get(node.id) ?? 0),
      adopted: node.isAdopted,
    };
  });
}

/** All groups, ascending. */
export function groupStatuses({
  state,
  figures,
}: Pick<NodeSources, 'state' | 'figures'>): GroupStatus[] {
  const groups = new Map<number, GroupStatus>();
  for (const { id, group } of state.cluster.nodes) {
    const known = groups.get(group) ?? emptyGroup(group);
    known.nodeIds.push(id);
    if (!state.downNodes.has(id)) known.upNodeCount += 1;
    groups.set(group, known);
  }
  const groupOf = new Map(state.cluster.nodes.map(({ id, group }) => [id, group]));
  let shardCount = 0n;
  for (const { index } of named(state)) {
    shardCount += BigInt(index.shardCount);
    const { byNode, readableByGroup } = figures.of(index);
    for (const [nodeId, counts] of byNode) {
      const copies = groups.get(groupOf.get(nodeId) ?? -1)?.copies;
      if (copies !== undefined) addCounts(copies, counts);
    }
    for (const [group, count] of readableByGroup) {
      const known = groups.get(group);
      if (known !== undefined) known.coveredShardCount += BigInt(count);
    }
  }
  return [...groups.values()]
    .map((group) => ({ ...group, shardCount }))
    .sort((left, right) => left.group - right.group);
}

function emptyGroup(group: number): GroupStatus {
  return {
    group,
    nodeIds: [],
    upNodeCount: 0,
    copies: noCopies(),
    coveredShardCount: 0n,
    shardCount: 0n,
  };
}

function healthMessage(
  { state, healthOf }: NodeSources,
  { id }: NodeRecord,
): Pick<NodeStatus, 'state' | 'reason' | 'since'> {
  const { state: health, reason, since } = healthOf(id);
  if (health === 'refused') return { state: NodeState.REFUSED, reason, since };
  if (state.recovery.doubted.has(id)) {
    return { state: NodeState.DOUBTED, reason: reason || 'it lost data', since };
  }
  if (health === 'unknown') return { state: NodeState.UNKNOWN, reason: '', since };
  if (state.downNodes.has(id)) return { state: NodeState.DOWN, reason, since };
  return { state: NodeState.UP, reason: '', since };
}

function openWritesByNode(state: State): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { intent } of state.open.values()) {
    if (intent.internal !== null) continue;
    const nodeIds = new Set([
      ...Object.keys(intent.targets),
      ...intent.steps.map((step) => step.nodeId),
    ]);
    for (const id of nodeIds) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}
