/**
 * Figures of an index and of all of them: copies by state, node and group, and shards that can be read. Made
 * in one pass over an owner table, and kept until the index or the health of some node changes. Pure but for
 * that memory.
 */
import { COPY_STATES, type CopyState } from '../../../core/topology.ts';
import type { CopyCounts } from '../../../proto/gen/miroir/admin/v1/common.ts';
import { NO_COPY } from '../../copies/index.ts';
import type { IndexRecord, State } from '../../state/index.ts';

/** Figures of one index. */
export interface IndexFigures {
  readonly copies: CopyCounts;
  readonly byNode: ReadonlyMap<string, CopyCounts>;
  /** Shards with an in-sync copy, whether its node answers or not. */
  readonly coveredCount: number;
  /** Shards with an in-sync copy on a node that answers, over all groups and by group. */
  readonly readableCount: number;
  readonly readableByGroup: ReadonlyMap<number, number>;
  /** The fewest in-sync copies that some shard has. */
  readonly fewestInSync: number;
  /** Nodes that do not answer and hold an in-sync copy of a shard that cannot be read elsewhere. */
  readonly missedNodeIds: readonly string[];
}

const FIELD_OF: Readonly<Record<CopyState, keyof CopyCounts>> = {
  'in-sync': 'inSync',
  behind: 'behind',
  suspect: 'suspect',
  filling: 'filling',
  leaving: 'leaving',
  held: 'held',
};

/** No copies. */
export function noCopies(): CopyCounts {
  return { inSync: 0n, behind: 0n, suspect: 0n, filling: 0n, leaving: 0n, held: 0n };
}

/** Adds counts to others. */
export function addCounts(to: CopyCounts, more: CopyCounts): void {
  for (const field of Object.values(FIELD_OF)) to[field] += more[field];
}

/** Copies that ought to be in-sync and are not. */
export function unwellCount(counts: CopyCounts): bigint {
  return counts.behind + counts.suspect + counts.filling;
}

interface OwnerNode {
  readonly id: string;
  readonly group: number;
  readonly isUp: boolean;
  readonly counts: Map<CopyState, number>;
}

/** Counts one index. */
export function figuresOf(state: State, index: IndexRecord): IndexFigures {
  const groups = new Map(state.cluster.nodes.map(({ id, group }) => [id, group]));
  const nodes = index.nodeIds.map((id): OwnerNode => {
    const isUp = !state.downNodes.has(id);
    return { id, group: groups.get(id) ?? 0, isUp, counts: new Map() };
  });
  const readableByGroup = new Map(nodes.map(({ group }) => [group, 0]));
  const missed = new Set<string>();
  let coveredCount = 0;
  let readableCount = 0;
  let fewestInSync = Number.POSITIVE_INFINITY;
  for (let shard = 0; shard < index.shardCount; shard += 1) {
    const owners = countShard(index, shard, nodes);
    fewestInSync = Math.min(fewestInSync, owners.length);
    if (owners.length > 0) coveredCount += 1;
    const readable = new Set(owners.filter(({ isUp }) => isUp).map(({ group }) => group));
    if (readable.size > 0) readableCount += 1;
    else for (const { id } of owners) missed.add(id);
    for (const group of readable) readableByGroup.set(group, (readableByGroup.get(group) ?? 0) + 1);
  }
  const byNode = new Map(nodes.map(({ id, counts }) => [id, toCounts(counts)]));
  const copies = noCopies();
  for (const counts of byNode.values()) addCounts(copies, counts);
  const missedNodeIds = [...missed];
  return {
    copies,
    byNode,
    coveredCount,
    readableCount,
    readableByGroup,
    fewestInSync,
    missedNodeIds,
  };
}

/** Counts the copies of a shard where they are; the nodes whose copy is in-sync. */
function countShard(index: IndexRecord, shard: number, nodes: readonly OwnerNode[]): OwnerNode[] {
  const inSync: OwnerNode[] = [];
  const first = shard * index.copiesPerShard;
  for (let slot = first; slot < first + index.copiesPerShard; slot += 1) {
    const place = index.owners.readUInt16LE(slot * 2);
    const node = place === NO_COPY ? undefined : nodes[place];
    const copyState = COPY_STATES[index.copyStates[slot] ?? 0];
    if (node === undefined || copyState === undefined) continue;
    node.counts.set(copyState, (node.counts.get(copyState) ?? 0) + 1);
    if (copyState === 'in-sync' || copyState === 'held') inSync.push(node);
  }
  return inSync;
}

function toCounts(counts: ReadonlyMap<CopyState, number>): CopyCounts {
  const message = noCopies();
  for (const [state, count] of counts) message[FIELD_OF[state]] = BigInt(count);
  return message;
}

/** Figures of all indexes, counted again only where something changed. */
export class Figures {
  readonly #state: State;
  readonly #known = new Map<IndexRecord, IndexFigures>();
  #health = '';

  constructor(state: State) {
    this.#state = state;
  }

  /** An index of this name is other than it was. */
  changed(uids: Iterable<string>): void {
    for (const uid of uids) {
      const index = this.#state.entryOf(uid)?.index;
      if (index !== undefined) this.#known.delete(index);
    }
    for (const index of this.#known.keys()) {
      if (this.#state.indexes.get(index.id) !== index) this.#known.delete(index);
    }
  }

  /** The nodes are others than they were. */
  clear(): void {
    this.#known.clear();
  }

  /** Figures of an index as it is now. */
  of(index: IndexRecord): IndexFigures {
    const health = [...this.#state.downNodes.keys()].sort().join(' ');
    if (health !== this.#health) this.#known.clear();
    this.#health = health;
    const known = this.#known.get(index);
    if (known !== undefined) return known;
    const made = figuresOf(this.#state, index);
    this.#known.set(index, made);
    return made;
  }
}
