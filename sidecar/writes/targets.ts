/** Which nodes a granted write goes to, shard by shard. */
import { assert } from '../../core/assert.ts';
import type { NodeId } from '../../core/types.ts';
import type { Grant } from '../../proto/gen/miroir/write/v1/write.ts';

/** No copy in this slot. */
const NO_COPY = 0xffff;
const SLOT_BYTES = 2;

/** The table of a grant, ready for hot loops. */
export interface TargetTable {
  readonly nodeIds: readonly NodeId[];
  readonly shardCount: number;
  readonly copiesPerShard: number;
  /** shardCount x copiesPerShard places in nodeIds, or 0xffff. */
  readonly slots: Uint16Array;
}

/** Reads the table that a grant carries. */
export function readTargets(grant: Grant): TargetTable {
  const { shardCount, copiesPerShard, targets } = grant;
  const count = shardCount * copiesPerShard;
  assert(targets.length === count * SLOT_BYTES, 'a grant names targets for every shard');
  const slots = new Uint16Array(count);
  for (let slot = 0; slot < count; slot += 1) {
    slots[slot] = targets.readUInt16LE(slot * SLOT_BYTES);
    const place = slots[slot] as number;
    assert(place === NO_COPY || place < grant.nodeIds.length, 'a target is one of the nodes');
  }
  return { nodeIds: grant.nodeIds as NodeId[], shardCount, copiesPerShard, slots };
}

/** How many nodes a grant names as targets. */
export function countTargets({ targets }: Pick<Grant, 'targets'>): number {
  const places = new Set<number>();
  for (let at = 0; at < targets.length; at += SLOT_BYTES) places.add(targets.readUInt16LE(at));
  places.delete(NO_COPY);
  return places.size;
}

/**
 * Rows for each node (by place in nodeIds), in their order: a row goes to every copy of its shard.
 * `hashLows` are the low halves of the primary keys' hashes.
 */
export function rowsByNode(
  table: TargetTable,
  hashLows: Uint32Array,
  rowCount: number,
): Uint32Array[] {
  const { slots, copiesPerShard } = table;
  const mask = table.shardCount - 1;
  const counts = new Uint32Array(table.nodeIds.length);
  forEachTarget((node) => {
    counts[node] = (counts[node] as number) + 1;
  });
  const rows = Array.from(counts, (count) => new Uint32Array(count));
  const used = new Uint32Array(rows.length);
  forEachTarget((node, row) => {
    const at = used[node] as number;
    (rows[node] as Uint32Array)[at] = row;
    used[node] = at + 1;
  });
  return rows;

  function forEachTarget(take: (node: number, row: number) => void): void {
    for (let row = 0; row < rowCount; row += 1) {
      const first = ((hashLows[row] as number) & mask) * copiesPerShard;
      for (let slot = first; slot < first + copiesPerShard; slot += 1) {
        const node = slots[slot] as number;
        if (node !== NO_COPY) take(node, row);
      }
    }
  }
}

/** Shards of the rows, ascending; `rows` is not empty. */
export function shardsOfRows(
  rows: Uint32Array,
  hashLows: Uint32Array,
  shardCount: number,
): readonly number[] {
  if (rows.length === 1) return [(hashLows[rows[0] as number] as number) & (shardCount - 1)];
  const isTouched = new Uint8Array(shardCount);
  for (const row of rows) isTouched[(hashLows[row] as number) & (shardCount - 1)] = 1;
  return [...isTouched.keys()].filter((shard) => isTouched[shard] === 1);
}

/** Shards of which each node (by place in nodeIds) is a target, ascending. */
export function shardsByNode(table: TargetTable): readonly (readonly number[])[] {
  const shards: number[][] = table.nodeIds.map(() => []);
  for (const [slot, place] of table.slots.entries()) {
    if (place !== NO_COPY) shards[place]?.push(Math.floor(slot / table.copiesPerShard));
  }
  return shards;
}
