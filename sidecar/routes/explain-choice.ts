/** Why a read asks the copies it asks, and not others, in words, for one index. */
import type { CoveringSet, ShardRead } from '../../core/placement/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import type { CopyHealth } from '../copies/chooser.ts';
import type { RouteContext } from './context.ts';
import { healthOf } from './copies.ts';
import { isCurrent, ranges } from './coverage.ts';
import { roundMs } from './round-ms.ts';

/** What is said of one node that holds copies of the index. */
export interface CopyChoice {
  readonly node: NodeId;
  readonly is_asked: boolean;
  /** Shards it answers: `0-84,90`. Absent if it is not asked. */
  readonly shards?: string;
  readonly why: string;
  readonly group: number;
  /** Its copies of the index by state. */
  readonly states: Readonly<Record<string, number>>;
  /** How it answered lately. Absent where no shard has a second copy to choose. */
  readonly health?: Readonly<Record<string, unknown>>;
  /** Why its answer is limited to those shards by a filter; absent if it is not. */
  readonly filter?: string;
}

/** Every node that holds a copy, those asked first. */
export function explainChoice(
  context: RouteContext,
  entry: IndexEntry,
  covering: CoveringSet,
): CopyChoice[] {
  const holdings = countHoldings(entry);
  const facts = (node: NodeId) => ({
    group: context.view.nodes.get(node)?.group ?? 0,
    states: Object.fromEntries(holdings.get(node) ?? []),
    ...describeHealth(healthOf(context, entry, node)),
  });
  const asked = covering.reads.map((read): CopyChoice => {
    const filter = filterReason(entry, read, isCurrent(context));
    return {
      node: read.nodeId,
      is_asked: true,
      shards: ranges(read.shards),
      why: whyAsked(entry, read),
      ...(filter === undefined ? {} : { filter }),
      ...facts(read.nodeId),
    };
  });
  const names = new Set(covering.reads.map(({ nodeId }) => nodeId));
  const others = [...holdings.keys()].filter((nodeId) => !names.has(nodeId));
  const wanted = [...covering.reads.flatMap(({ shards }) => shards), ...covering.uncovered];
  const concerned = new Set(
    wanted.flatMap((shard) => (entry.owners[shard] ?? []).map(({ nodeId }) => nodeId)),
  );
  return [
    ...asked,
    ...others.map((node): CopyChoice => {
      const isConcerned = concerned.has(node);
      const spared = healthOf(context, entry, node)?.spared;
      const why = whyNotAsked(holdings.get(node) ?? new Map(), { isConcerned, spared });
      return { node, is_asked: false, why, ...facts(node) };
    }),
  ];
}

function describeHealth(health: CopyHealth | undefined): Pick<CopyChoice, 'health'> {
  if (health === undefined) return {};
  const { ewmaMs, outstanding, circuit, spared } = health;
  return {
    health: {
      ewma_ms: ewmaMs === undefined ? null : roundMs(ewmaMs),
      outstanding,
      circuit,
      ...(spared === undefined ? {} : { spared }),
    },
  };
}

/** Copies per node and state. */
function countHoldings(entry: IndexEntry): Map<NodeId, Map<string, number>> {
  const counts = new Map<NodeId, Map<string, number>>();
  for (const copies of entry.owners) {
    for (const { nodeId, state } of copies) {
      const states = counts.get(nodeId) ?? new Map<string, number>();
      counts.set(nodeId, states.set(state, (states.get(state) ?? 0) + 1));
    }
  }
  return counts;
}

const SPARED: Readonly<Record<NonNullable<CopyHealth['spared']>, string>> = {
  slow: 'it answered slower than others of late',
  hot: 'it has more calls under way than others',
  circuit: 'calls to it failed again and again',
  unconfirmed: 'control has not looked at it since its connection was lost',
};

function whyNotAsked(
  states: ReadonlyMap<string, number>,
  { isConcerned, spared }: { isConcerned: boolean; spared: CopyHealth['spared'] },
): string {
  if (!states.has('in-sync')) {
    return states.has('held')
      ? 'its copies are held: a write that failed there is not decided yet'
      : 'no copy here is in-sync';
  }
  if (!isConcerned) {
    return 'ids, or a filter on the primary key, let through no document of its shards';
  }
  if (spared !== undefined) return SPARED[spared];
  return 'what is asked of its shards is answered by nodes that are asked anyway';
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

function filterReason(
  entry: IndexEntry,
  read: ShardRead,
  isCurrently: boolean,
): string | undefined {
  if (entry.foreignNodes?.has(read.nodeId) === true) {
    return 'it may hold documents of shards that it has no copy of';
  }
  if (!read.isWhole) return 'it holds shards that it is not asked for';
  return isCurrently ? undefined : 'the worker cannot know whether its view is current';
}
