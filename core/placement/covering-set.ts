/**
 * Which in-sync copy answers each shard of one search. Fewest nodes first, since each node asked costs
 * a round trip; among equals the fewest groups, and then the choice sticks to a key (index, query and
 * filter without offset and limit), so that pages and caches stay on the same copies. Chosen per shard
 * over all groups: a hole in one group never drops coverage.
 *
 * This runs on every search, so the sets are found once for each owner table, each of 64 buckets of the
 * key and each set of nodes to spare, and kept as long as the table itself (a new snapshot brings new
 * tables where owners changed).
 */
import type { OwnerTable } from '../topology.ts';
import type { NodeId } from '../types.ts';
import { shardOfKey } from './hash.ts';
import {
  bitsOf,
  countBoth,
  holdingsOf,
  isEmpty,
  type NodeHolding,
  type ShardBits,
  shardsOf,
  takeOut,
} from './readable.ts';

const STICKY_BUCKETS = 64;
/** Sets kept per owner table; which nodes are spared changes slowly. */
const KEPT_MAX = 512;

/** One node to ask, and for which shards. */
export interface ShardRead {
  readonly nodeId: NodeId;
  /** Ascending. */
  readonly shards: readonly number[];
  /**
   * True if the node holds no copy, whatever its state, of any shard that it is not asked for, and is not
   * known to hold other documents: then its answer needs no internal filter.
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
  /** Nodes not to be asked at all (already tried). */
  readonly excluded?: ReadonlySet<NodeId>;
  /** Nodes asked only for what no other node holds (slow, hot). */
  readonly avoided?: ReadonlySet<NodeId>;
  /** Nodes asked only for what neither another nor an avoided node holds (in doubt, failing). */
  readonly doubted?: ReadonlySet<NodeId>;
  /** Nodes that may hold documents beside their copies. The same for one table. */
  readonly foreign?: ReadonlySet<NodeId>;
  /** Replica group of a node; absent: all are in one. The same for one table. */
  readonly groupOf?: (nodeId: NodeId) => number | undefined;
}

/** Chooses the copies to read. Deterministic: same table, same options, same set. */
export function coveringSet(owners: OwnerTable, options: CoveringOptions = {}): CoveringSet {
  const bucket =
    options.stickyKey === undefined ? 0 : shardOfKey(options.stickyKey, STICKY_BUCKETS);
  if (options.shards !== undefined || (options.excluded?.size ?? 0) > 0) {
    return choose(owners, bucket, options);
  }
  let kept = cache.get(owners);
  if (kept === undefined || kept.size >= KEPT_MAX) {
    kept = new Map();
    cache.set(owners, kept);
  }
  const place = cacheKey(bucket, options);
  const known = kept.get(place);
  if (known !== undefined) return known;
  const chosen = choose(owners, bucket, options);
  kept.set(place, chosen);
  return chosen;
}

const cache = new WeakMap<OwnerTable, Map<number | string, CoveringSet>>();

function cacheKey(bucket: number, { avoided, doubted }: CoveringOptions): number | string {
  const hasNone = (avoided?.size ?? 0) === 0 && (doubted?.size ?? 0) === 0;
  if (hasNone) return bucket;
  return `${bucket} ${[...(avoided ?? [])].sort().join()} ${[...(doubted ?? [])].sort().join()}`;
}

interface Candidate extends NodeHolding {
  readonly group: number;
  readonly rank: number;
}

interface Pick {
  readonly node: Candidate;
  readonly shards: ShardBits;
}

function choose(owners: OwnerTable, bucket: number, options: CoveringOptions): CoveringSet {
  const { excluded, avoided, doubted, foreign } = options;
  const { nodes, shardCount } = holdingsOf(owners);
  const open = bitsOf(shardCount, options.shards);
  const candidates = nodes
    .filter(({ nodeId }) => excluded?.has(nodeId) !== true)
    .map((holding): Candidate => {
      const group = options.groupOf?.(holding.nodeId) ?? 0;
      return { ...holding, group, rank: shardOfKey(`${bucket} ${holding.nodeId}`, 4096) };
    })
    .sort((left, right) => right.rank - left.rank || (left.nodeId < right.nodeId ? -1 : 1));
  const sure = candidates.filter(({ nodeId }) => doubted?.has(nodeId) !== true);
  const preferred = sure.filter(({ nodeId }) => avoided?.has(nodeId) !== true);
  const picks = cover(preferred, open);
  if (!isEmpty(open) && sure.length > preferred.length) picks.push(...cover(sure, open));
  if (!isEmpty(open) && candidates.length > sure.length) picks.push(...cover(candidates, open));
  return {
    reads: toReads(picks).map(({ node, bits }) => {
      const shards = shardsOf(bits);
      const { nodeId, heldCount } = node;
      const isWhole = heldCount === shards.length && foreign?.has(nodeId) !== true;
      return { nodeId, shards, isWhole };
    }),
    uncovered: shardsOf(open),
  };
}

/** One read per node, though it may have been picked for several reasons. */
function toReads(picks: readonly Pick[]): { node: Candidate; bits: ShardBits }[] {
  const byNode = new Map<NodeId, { node: Candidate; bits: ShardBits }>();
  for (const { node, shards } of picks) {
    const known = byNode.get(node.nodeId);
    const bits =
      known === undefined ? shards : known.bits.map((word, at) => word | (shards[at] ?? 0));
    byNode.set(node.nodeId, { node, bits });
  }
  return [...byNode.values()];
}

/**
 * Greedy cover, tried once from each node as the first pick: the fewest nodes win, then the fewest
 * groups, and among equals the start that ranks highest for the sticky key, so different keys use
 * different copies. Takes what it covered out of `open`.
 */
function cover(candidates: readonly Candidate[], open: ShardBits): Pick[] {
  let best: Pick[] = [];
  let bestCost = Number.POSITIVE_INFINITY;
  for (const first of candidates) {
    const left = open.slice();
    const picks = greedyCover(candidates, first, left);
    const groups = new Set(picks.map(({ node }) => node.group)).size;
    const cost = countBoth(left, left) * 1e6 + picks.length * 1e3 + groups;
    if (cost >= bestCost) continue;
    best = picks;
    bestCost = cost;
  }
  for (const { shards } of best) takeOut(open, shards);
  return best;
}

function greedyCover(candidates: readonly Candidate[], first: Candidate, left: ShardBits): Pick[] {
  const picks: Pick[] = [];
  const rest = new Set(candidates);
  let next: Candidate | undefined = countBoth(first.readable, left) > 0 ? first : undefined;
  while (next !== undefined) {
    picks.push({ node: next, shards: takeOut(left, next.readable) });
    if (isEmpty(left)) break;
    rest.delete(next);
    next = mostGain(rest, left, first.group);
  }
  return picks;
}

/** Who covers most of what is left; among equals one of the same group. */
function mostGain(
  candidates: ReadonlySet<Candidate>,
  left: ShardBits,
  group: number,
): Candidate | undefined {
  let best: Candidate | undefined;
  let bestGain = 0;
  for (const candidate of candidates) {
    const gain = countBoth(candidate.readable, left) * 2;
    const ranked = gain > 0 && candidate.group === group ? gain + 1 : gain;
    if (ranked <= bestGain) continue;
    best = candidate;
    bestGain = ranked;
  }
  return best;
}
