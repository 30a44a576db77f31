/**
 * What a node that joins takes over: floor(fair share) shards, each time from the node that is fullest
 * for its weight, and of that node's shards the one on which the newcomer scores highest. So moves stay
 * below 1/(N+1) of the copies and none goes between old nodes.
 */
import { assert } from '../assert.ts';
import type { IndexId, NodeId } from '../types.ts';
import { makeScorer, type WeightedNode } from './rendezvous.ts';

/** What planJoin works from: one group's copies of one index. */
export interface JoinRequest {
  readonly indexId: IndexId;
  /** Owners of each shard inside the group. */
  readonly owners: readonly (readonly NodeId[])[];
  /** All nodes that hold shards now. */
  readonly nodes: readonly WeightedNode[];
  readonly newcomer: WeightedNode;
}

/** One shard that changes hands. */
export interface ShardMove {
  readonly shardIndex: number;
  readonly from: NodeId;
  readonly to: NodeId;
}

/** The moves that give the newcomer its share. The owners given are not changed. */
export function planJoin(request: JoinRequest): ShardMove[] {
  const { owners, nodes, newcomer } = request;
  assert(
    nodes.every((node) => node.id !== newcomer.id),
    `node ${newcomer.id} holds shards already`,
  );
  const copyCount = owners.reduce((sum, ids) => sum + ids.length, 0);
  const weightSum = nodes.reduce((sum, node) => sum + node.weight, newcomer.weight);
  const share = Math.min(
    owners.length,
    Math.floor((copyCount * newcomer.weight) / weightSum + 1e-9),
  );
  const holdings = holdingsByScore(request);
  const moves: ShardMove[] = [];
  const taken = new Set<number>();
  while (moves.length < share) {
    const from = fullestNode(nodes, holdings, taken);
    if (from === undefined) break;
    const list = holdings.get(from) as number[];
    const shardIndex = list.splice(
      list.findIndex((shard) => !taken.has(shard)),
      1,
    )[0] as number;
    taken.add(shardIndex);
    moves.push({ shardIndex, from, to: newcomer.id });
  }
  return moves;
}

/** Shards of each node, those on which the newcomer scores highest first. */
function holdingsByScore(request: JoinRequest): Map<NodeId, number[]> {
  const scorer = makeScorer(request.indexId, [request.newcomer]);
  const scores = request.owners.map((_, shardIndex) => scorer(shardIndex)[0]?.score ?? 0);
  const holdings = new Map<NodeId, number[]>();
  for (const [shardIndex, ids] of request.owners.entries()) {
    for (const id of ids) {
      const list = holdings.get(id);
      if (list === undefined) holdings.set(id, [shardIndex]);
      else list.push(shardIndex);
    }
  }
  for (const list of holdings.values()) {
    list.sort(
      (left, right) => (scores[right] as number) - (scores[left] as number) || left - right,
    );
  }
  return holdings;
}

function fullestNode(
  nodes: readonly WeightedNode[],
  holdings: ReadonlyMap<NodeId, readonly number[]>,
  taken: ReadonlySet<number>,
): NodeId | undefined {
  let fullest: NodeId | undefined;
  let most = 0;
  for (const node of nodes) {
    const list = holdings.get(node.id) ?? [];
    const load = list.length / node.weight;
    if (load <= most || list.every((shard) => taken.has(shard))) continue;
    most = load;
    fullest = node.id;
  }
  return fullest;
}
