/**
 * Which in-sync copy answers each shard of one search. Fewest nodes first, since each node asked costs
 * a round trip; among equals the choice sticks to a key (index, query and filter without offset and
 * limit), so that pages and caches stay on the same copies. Chosen per shard over all groups: a hole in
 * one group never drops coverage.
 *
 * This runs on every search, so the sets are found once for each owner table and each of 64 buckets of
 * the key, and kept as long as the table itself (a new snapshot brings new tables).
 */
import type { OwnerTable } from '../topology.ts';
import type { NodeId } from '../types.ts';
import { shardOfKey } from './hash.ts';

const STICKY_BUCKETS = 64;

/** One node to ask, and for which shards. */
export interface ShardRead {
  readonly nodeId: NodeId;
  /** Ascending. */
  readonly shards: readonly number[];
  /**
   * True if the node holds no copy, whatever its state, of any shard that it is not asked for: then its
   * answer needs no internal filter.
   */
  readonly isWhole: boolean;
}

/** The nodes to ask and what nobody can answer. */
export interface CoveringSet {
  readonly reads: readonly ShardRead[];
  /** Shards without a readable copy, ascending. */
  readonly uncovered: readonly number[];
}

/** What narrows or steers the choice. */
export interface CoveringOptions {
  /** Stays the same over the pages of one search. */
  readonly stickyKey?: string;
  /** Only these shards are needed; all if absent. */
  readonly shards?: readonly number[];
  /** Nodes not to be asked at all (known to be down, already tried). */
  readonly excluded?: ReadonlySet<NodeId>;
  /** Nodes asked only for what no other node holds (slow, hot). */
  readonly avoided?: ReadonlySet<NodeId>;
}

/** Chooses the copies to read. Deterministic: same table, same options, same set. */
export function coveringSet(owners: OwnerTable, options: CoveringOptions = {}): CoveringSet {
  const bucket =
    options.stickyKey === undefined ? 0 : shardOfKey(options.stickyKey, STICKY_BUCKETS);
  const isPlain =
    options.shards === undefined &&
    (options.excluded?.size ?? 0) === 0 &&
    (options.avoided?.size ?? 0) === 0;
  if (!isPlain) return choose(owners, bucket, options);
  let kept = cache.get(owners);
  if (kept === undefined) {
    kept = new Array<CoveringSet | undefined>(STICKY_BUCKETS).fill(undefined);
    cache.set(owners, kept);
  }
  const known = kept[bucket];
  if (known !== undefined) return known;
  const chosen = choose(owners, bucket, options);
  kept[bucket] = chosen;
  return chosen;
}

const cache = new WeakMap<OwnerTable, (CoveringSet | undefined)[]>();

interface NodeHoldings {
  readonly nodeId: NodeId;
  readonly readable: Set<number>;
  readonly rank: number;
}

function choose(owners: OwnerTable, bucket: number, options: CoveringOptions): CoveringSet {
  const wanted = options.shards ?? owners.map((_, shardIndex) => shardIndex);
  const holdings = gather(owners, wanted, bucket, options);
  const preferred = holdings.filter((holding) => !options.avoided?.has(holding.nodeId));
  const open = new Set(wanted);
  const reads = pick(preferred, open);
  if (open.size > 0) reads.push(...pick(holdings, open));
  const heldTotals = countHeld(owners);
  return {
    reads: reads.map(({ nodeId, shards }) => ({
      nodeId,
      shards,
      isWhole: heldTotals.get(nodeId) === shards.length,
    })),
    uncovered: [...open].sort((left, right) => left - right),
  };
}

function gather(
  owners: OwnerTable,
  wanted: readonly number[],
  bucket: number,
  options: CoveringOptions,
): NodeHoldings[] {
  const byNode = new Map<NodeId, NodeHoldings>();
  for (const shardIndex of wanted) {
    for (const copy of owners[shardIndex] ?? []) {
      if (copy.state !== 'in-sync' || options.excluded?.has(copy.nodeId)) continue;
      let holding = byNode.get(copy.nodeId);
      if (holding === undefined) {
        const rank = shardOfKey(`${bucket} ${copy.nodeId}`, 4096);
        holding = { nodeId: copy.nodeId, readable: new Set(), rank };
        byNode.set(copy.nodeId, holding);
      }
      holding.readable.add(shardIndex);
    }
  }
  return [...byNode.values()].sort(
    (left, right) => right.rank - left.rank || (left.nodeId < right.nodeId ? -1 : 1),
  );
}

function countHeld(owners: OwnerTable): Map<NodeId, number> {
  const counts = new Map<NodeId, number>();
  for (const copies of owners) {
    for (const copy of copies) counts.set(copy.nodeId, (counts.get(copy.nodeId) ?? 0) + 1);
  }
  return counts;
}

/**
 * Greedy cover, tried once from each node as the first pick: the fewest nodes win, and among equals the
 * start that ranks highest for the sticky key, so different keys use different copies.
 * Takes what it covered out of `open`.
 */
function pick(
  holdings: readonly NodeHoldings[],
  open: Set<number>,
): { nodeId: NodeId; shards: number[] }[] {
  let best: { nodeId: NodeId; shards: number[] }[] | undefined;
  let bestLeft = Number.POSITIVE_INFINITY;
  for (const first of holdings) {
    const left = new Set(open);
    const cover = greedyCover(holdings, first, left);
    if (left.size < bestLeft || (left.size === bestLeft && cover.length < (best?.length ?? 0))) {
      best = cover;
      bestLeft = left.size;
    }
  }
  for (const { shards } of best ?? []) for (const shard of shards) open.delete(shard);
  return best ?? [];
}

function greedyCover(
  holdings: readonly NodeHoldings[],
  first: NodeHoldings,
  left: Set<number>,
): { nodeId: NodeId; shards: number[] }[] {
  const cover: { nodeId: NodeId; shards: number[] }[] = [];
  const rest = new Set(holdings);
  let next: NodeHoldings | undefined = first;
  while (next !== undefined && left.size > 0) {
    const shards = [...next.readable].filter((shard) => left.has(shard)).sort((a, b) => a - b);
    if (shards.length === 0) break;
    for (const shard of shards) left.delete(shard);
    cover.push({ nodeId: next.nodeId, shards });
    rest.delete(next);
    next = mostGain(rest, left);
  }
  return cover;
}

function mostGain(
  holdings: ReadonlySet<NodeHoldings>,
  left: ReadonlySet<number>,
): NodeHoldings | undefined {
  let best: NodeHoldings | undefined;
  let bestGain = 0;
  for (const holding of holdings) {
    let gain = 0;
    for (const shard of holding.readable) if (left.has(shard)) gain += 1;
    if (gain > bestGain) {
      best = holding;
      bestGain = gain;
    }
  }
  return best;
}
