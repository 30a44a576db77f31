/**
 * Counting each document once, although several nodes count it. Three ways, the cheap ones first:
 *
 * 1. nodes that together hold every shard exactly once (one group, or one node with everything): their
 *    sum is exact;
 * 2. every shard has as many copies, all in sync and all counted: the sum divided by the copies is exact
 *    once nothing is being indexed;
 * 3. otherwise nodes are asked to count the documents of the shards they answer for. That is exact, too;
 *    fields are then taken to be spread in a node as its documents are.
 */
import { decodeObject, MalformedAnswer } from '../../core/json/slice.ts';
import type { CoveringSet } from '../../core/placement/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { outcomeError } from './ask.ts';
import type { RouteContext } from './context.ts';
import { coverFor } from './copies.ts';
import { fanOut } from './fan-out.ts';
import { indexPath } from './missing-index.ts';
import {
  addIndexStats,
  type CountedPart,
  type IndexStats,
  type NodeIndexStats,
} from './stats-sum.ts';

/** What the nodes said of one index; nodes that were not reached are absent. */
export type StatsByNode = ReadonlyMap<NodeId, NodeIndexStats>;

/** The figures of one index. Throws miroir_shard_unavailable if no reachable copy of a shard may be read. */
export async function countOnce(
  context: RouteContext,
  entry: IndexEntry,
  stats: StatsByNode,
): Promise<IndexStats> {
  const parts = [...stats.values()];
  const excluded = new Set(holdersOf(entry).filter((nodeId) => !stats.has(nodeId)));
  const covering = coverFor(context, entry, { excluded });
  if (covering.uncovered.length > 0) throw outcomeError(undefined);
  if (covering.reads.every(({ isWhole }) => isWhole)) {
    return addIndexStats(
      parts,
      shares(covering, stats, () => 1),
    );
  }
  const copies = evenCopies(entry);
  const stored = parts.reduce((sum, part) => sum + part.numberOfDocuments, 0);
  if (copies !== undefined && excluded.size === 0 && stored % copies === 0) {
    return addIndexStats(
      parts,
      parts.map((part) => ({ part, share: 1 / copies })),
    );
  }
  return countShards(context, { entry, covering, stats });
}

/** Nodes that hold a copy of some shard, whatever its state. */
export function holdersOf(entry: IndexEntry): NodeId[] {
  return [...new Set(entry.owners.flatMap((copies) => copies.map((copy) => copy.nodeId)))];
}

/** Copies of each shard, if all have as many, all in sync, and no node holds anything else. */
function evenCopies(entry: IndexEntry): number | undefined {
  if ((entry.foreignNodes?.size ?? 0) > 0) return undefined;
  const count = entry.owners[0]?.length ?? 0;
  const isEven = entry.owners.every(
    (copies) => copies.length === count && copies.every(({ state }) => state === 'in-sync'),
  );
  return isEven && count > 0 ? count : undefined;
}

function shares(
  covering: CoveringSet,
  stats: StatsByNode,
  shareOf: (nodeId: NodeId, part: NodeIndexStats) => number,
): CountedPart[] {
  return covering.reads.flatMap(({ nodeId }) => {
    const part = stats.get(nodeId);
    return part === undefined ? [] : [{ part, share: shareOf(nodeId, part) }];
  });
}

/** Asks the nodes to count. */
async function countShards(
  context: RouteContext,
  asked: {
    readonly entry: IndexEntry;
    readonly covering: CoveringSet;
    readonly stats: StatsByNode;
  },
): Promise<IndexStats> {
  const { entry, covering, stats } = asked;
  const plan = {
    entry,
    path: indexPath(entry.uid, 'documents', 'fetch'),
    requests: [{ purpose: 'count', body: { limit: 0 } }] as const,
    covering,
    token: context.view.internalKey,
  };
  const result = await fanOut(context, plan, (answers) =>
    (answers.get('count') ?? []).map(readTotal),
  );
  const isWhole = result.kind === 'answered' && result.missing.length === 0;
  if (!isWhole) throw outcomeError(undefined);
  const counts = new Map<NodeId, number>();
  for (const [place, nodeId] of result.nodeIds.entries()) {
    counts.set(nodeId, (counts.get(nodeId) ?? 0) + (result.merged[place] ?? 0));
  }
  const counted = [...counts].flatMap(([nodeId, count]) => {
    const part = stats.get(nodeId);
    if (part === undefined || part.numberOfDocuments === 0) return [];
    return [{ part, share: Math.min(1, count / part.numberOfDocuments) }];
  });
  const documentCount = result.merged.reduce((sum, count) => sum + count, 0);
  return addIndexStats([...stats.values()], counted, documentCount);
}

function readTotal(bytes: Uint8Array): number {
  const { total } = decodeObject(bytes) as { total?: unknown };
  if (typeof total !== 'number') throw new MalformedAnswer('no total');
  return total;
}
