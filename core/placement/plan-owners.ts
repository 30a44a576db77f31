/**
 * Chooses the owners of an index: which nodes hold which shard. Called when an index is made and when
 * the topology changes; the result is recorded and never computed again by readers.
 *
 * Per group: the candidates are the best min(nodes, spread x RF) nodes for the index id. Each shard
 * then takes its RF best candidates by weighted rendezvous that are not full. A node is full at its
 * fair share (by weight) rounded up; that stays below 1.05 x the fair share wherever whole shards
 * allow it. Plain rendezvous would be off by 22 to 47 %.
 */
import { assert } from '../assert.ts';
import type { IndexId, NodeId } from '../types.ts';
import { assertShardCount } from './hash.ts';
import { makeScorer, type NodeScore, scoreNodes, type WeightedNode } from './rendezvous.ts';

/** Into how many node-sized pieces a group cuts an index. `auto` is `all` until moves exist. */
export type Spread = number | 'all' | 'auto';

/** A node that may own shards. */
export interface PlacementNode extends WeightedNode {
  /** Replica group, from 0. Each group holds every shard. */
  readonly group: number;
}

/** What planOwners works from. */
export interface OwnersRequest {
  readonly indexId: IndexId;
  /** A power of two, at most 4096. */
  readonly shardCount: number;
  readonly nodes: readonly PlacementNode[];
  /** Copies of each shard inside a group, at least 1; a group with fewer nodes holds fewer copies. */
  readonly rf: number;
  readonly spread: Spread;
}

/** Owners of each shard: groups in ascending order, inside a group the best score first. */
export function planOwners(request: OwnersRequest): NodeId[][] {
  assertShardCount(request.shardCount);
  assert(request.rf >= 1 && request.nodes.length > 0, 'owners need a node and at least one copy');
  const groups = [...new Set(request.nodes.map((node) => node.group))].sort((a, b) => a - b);
  const owners: NodeId[][] = Array.from({ length: request.shardCount }, () => []);
  for (const group of groups) {
    const inGroup = planGroup(
      request,
      request.nodes.filter((node) => node.group === group),
    );
    for (const [shardIndex, ids] of inGroup.entries()) owners[shardIndex]?.push(...ids);
  }
  return owners;
}

/** The nodes of one group that may hold shards of the index, best first. */
export function candidateNodes<Node extends WeightedNode>(
  indexId: IndexId,
  nodes: readonly Node[],
  options: { readonly rf: number; readonly spread: Spread },
): Node[] {
  const { rf, spread } = options;
  const wanted = typeof spread === 'number' ? spread * rf : nodes.length;
  assert(wanted >= 1, `spread ${spread} leaves no node`);
  return scoreNodes(indexId, undefined, nodes)
    .slice(0, Math.min(nodes.length, wanted))
    .map((entry) => entry.node);
}

/**
 * Most shards each node may hold: its share of `copyCount` copies by weight, rounded up, and never more
 * than one copy of each shard; what a heavy node cannot take is shared among the others.
 */
export function shardLimits(
  nodes: readonly WeightedNode[],
  shardCount: number,
  copiesPerShard: number,
): Map<NodeId, number> {
  const limits = new Map<NodeId, number>();
  let open = [...nodes];
  let copiesLeft = shardCount * copiesPerShard;
  for (;;) {
    const weightSum = open.reduce((sum, node) => sum + node.weight, 0);
    const share = (node: WeightedNode) => (copiesLeft * node.weight) / weightSum;
    const overfull = open.filter((node) => share(node) >= shardCount);
    if (overfull.length === 0) {
      // Shares that are whole numbers must not be rounded up by a rounding error of the division.
      for (const node of open) limits.set(node.id, Math.ceil(share(node) - 1e-9));
      return limits;
    }
    for (const node of overfull) limits.set(node.id, shardCount);
    copiesLeft -= overfull.length * shardCount;
    open = open.filter((node) => !overfull.includes(node));
    if (open.length === 0) return limits;
  }
}

function planGroup(request: OwnersRequest, nodes: readonly PlacementNode[]): NodeId[][] {
  const candidates = candidateNodes(request.indexId, nodes, request);
  const copyCount = Math.min(request.rf, candidates.length);
  const limits = shardLimits(candidates, request.shardCount, copyCount);
  const loads = new Map(candidates.map((node) => [node.id, 0]));
  const scoresOf = makeScorer(request.indexId, candidates);
  const owners: NodeId[][] = [];
  for (let shardIndex = 0; shardIndex < request.shardCount; shardIndex += 1) {
    const ranked = scoresOf(shardIndex);
    const chosen = new Set<NodeId>();
    for (const { node } of ranked) {
      if (chosen.size === copyCount) break;
      if ((loads.get(node.id) as number) < (limits.get(node.id) as number)) chosen.add(node.id);
    }
    while (chosen.size < copyCount) chosen.add(freeOneNode(owners, chosen, ranked, loads, limits));
    for (const id of chosen) loads.set(id, (loads.get(id) as number) + 1);
    owners.push(ranked.map((entry) => entry.node.id).filter((id) => chosen.has(id)));
  }
  return owners;
}

/**
 * All nodes that could take one more copy of a shard are full, the free room being on nodes that have
 * it already. Moves an earlier shard from a full node into that room and returns the node so freed.
 */
function freeOneNode(
  owners: NodeId[][],
  chosen: ReadonlySet<NodeId>,
  ranked: readonly NodeScore<PlacementNode>[],
  loads: Map<NodeId, number>,
  limits: ReadonlyMap<NodeId, number>,
): NodeId {
  const others = ranked.map((entry) => entry.node.id).filter((id) => !chosen.has(id));
  const room = [...chosen].filter(
    (id) => (loads.get(id) as number) + 1 < (limits.get(id) as number),
  );
  for (const full of others) {
    for (const roomy of room) {
      const held = owners.find((ids) => ids.includes(full) && !ids.includes(roomy));
      if (held === undefined) continue;
      held[held.indexOf(full)] = roomy;
      loads.set(roomy, (loads.get(roomy) as number) + 1);
      loads.set(full, (loads.get(full) as number) - 1);
      return full;
    }
  }
  // No swap helps (few shards, odd weights): the best node goes one over its limit.
  return others[0] as NodeId;
}
