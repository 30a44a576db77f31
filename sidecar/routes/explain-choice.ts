/** Why a read asks the copies it asks, in words, for one index. */
import type { CoveringSet, ShardRead } from '../../core/placement/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { ranges } from './coverage.ts';

/** What is said of one node that holds copies of the index. */
export interface CopyChoice {
  readonly node: NodeId;
  readonly is_asked: boolean;
  /** Shards it answers: `0-84,90`. Absent if it is not asked. */
  readonly shards?: string;
  readonly why: string;
  /** Why its answer is limited to those shards by a filter; absent if it is not. */
  readonly filter?: string;
}

/** Every node that holds a copy, those asked first. */
export function explainChoice(
  entry: IndexEntry,
  covering: CoveringSet,
  isFollowing: boolean,
): CopyChoice[] {
  const holdings = countHoldings(entry);
  const asked = covering.reads.map((read): CopyChoice => {
    const filter = filterReason(read, isFollowing);
    return {
      node: read.nodeId,
      is_asked: true,
      shards: ranges(read.shards),
      why: whyAsked(entry, read),
      ...(filter === undefined ? {} : { filter }),
    };
  });
  const names = new Set(covering.reads.map(({ nodeId }) => nodeId));
  const others = [...holdings].filter(([nodeId]) => !names.has(nodeId));
  const wanted = [...covering.reads.flatMap(({ shards }) => shards), ...covering.uncovered];
  const concerned = new Set(
    wanted.flatMap((shard) => (entry.owners[shard] ?? []).map(({ nodeId }) => nodeId)),
  );
  return [
    ...asked,
    ...others.map(([node, inSyncCount]): CopyChoice => {
      return { node, is_asked: false, why: whyNotAsked(inSyncCount, concerned.has(node)) };
    }),
  ];
}

/** In-sync copies per node. */
function countHoldings(entry: IndexEntry): Map<NodeId, number> {
  const counts = new Map<NodeId, number>();
  for (const copies of entry.owners) {
    for (const { nodeId, state } of copies) {
      counts.set(nodeId, (counts.get(nodeId) ?? 0) + (state === 'in-sync' ? 1 : 0));
    }
  }
  return counts;
}

function whyNotAsked(inSyncCount: number, isConcerned: boolean): string {
  if (inSyncCount === 0) return 'no copy here is in-sync';
  return isConcerned
    ? 'what is asked of its shards is answered by nodes that are asked anyway'
    : 'ids, or a filter on the primary key, let through no document of its shards';
}

function whyAsked(entry: IndexEntry, read: ShardRead): string {
  const isElsewhere = (shard: number): boolean =>
    (entry.owners[shard] ?? []).some(
      ({ nodeId, state }) => nodeId !== read.nodeId && state === 'in-sync',
    );
  const elsewhere = read.shards.filter(isElsewhere).length;
  if (elsewhere === 0) return 'holds the only in-sync copy of these shards';
  return `${elsewhere} of these ${read.shards.length} shards have another in-sync copy: fewest nodes are asked, and among equals the choice sticks to index, q and filter`;
}

function filterReason(read: ShardRead, isFollowing: boolean): string | undefined {
  if (!read.isWhole) return 'it holds shards that others answer';
  return isFollowing ? undefined : 'the worker does not follow control right now';
}
