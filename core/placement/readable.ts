/**
 * Which copies of an owner table may be read, as bits: one row of shards per node. Made once for each
 * table, since every search asks. A copy is readable if it is in sync and not held; where all in-sync
 * copies of a shard are held, these are.
 */
import type { Copy, OwnerTable } from '../topology.ts';
import type { NodeId } from '../types.ts';

/** Shards as bits, 32 to a word. */
export type ShardBits = Uint32Array;

/** What one node holds of an index. */
export interface NodeHolding {
  readonly nodeId: NodeId;
  /** Shards of which its copy may be read. */
  readonly readable: ShardBits;
  /** Shards of which it holds a copy, whatever its state. */
  readonly heldCount: number;
}

/** An owner table by node. */
export interface Holdings {
  readonly shardCount: number;
  readonly nodes: readonly NodeHolding[];
}

/** Holdings of a table; the same object for the same table. */
export function holdingsOf(owners: OwnerTable): Holdings {
  const known = cache.get(owners);
  if (known !== undefined) return known;
  const made = makeHoldings(owners);
  cache.set(owners, made);
  return made;
}

const cache = new WeakMap<OwnerTable, Holdings>();

/** Shards of which a node holds a copy, whatever its state. */
export function heldCountOf(owners: OwnerTable, nodeId: NodeId): number {
  return holdingsOf(owners).nodes.find((node) => node.nodeId === nodeId)?.heldCount ?? 0;
}

/** The copies of one shard that may be read. */
export function readableCopies(copies: readonly Copy[]): readonly Copy[] {
  const free = copies.filter(({ state }) => state === 'in-sync');
  return free.length > 0 ? free : copies.filter(({ state }) => state === 'held');
}

function makeHoldings(owners: OwnerTable): Holdings {
  const words = Math.ceil(owners.length / 32);
  const byNode = new Map<NodeId, { nodeId: NodeId; readable: ShardBits; heldCount: number }>();
  for (const [shard, copies] of owners.entries()) {
    for (const { nodeId } of copies) {
      const holding = byNode.get(nodeId);
      if (holding !== undefined) holding.heldCount += 1;
      else byNode.set(nodeId, { nodeId, readable: new Uint32Array(words), heldCount: 1 });
    }
    for (const { nodeId } of readableCopies(copies)) {
      const holding = byNode.get(nodeId);
      if (holding !== undefined) setBit(holding.readable, shard);
    }
  }
  return { shardCount: owners.length, nodes: [...byNode.values()] };
}

/** Bits of all shards, or of these. */
export function bitsOf(shardCount: number, shards?: readonly number[]): ShardBits {
  const bits = new Uint32Array(Math.ceil(shardCount / 32));
  if (shards !== undefined) {
    for (const shard of shards) setBit(bits, shard);
    return bits;
  }
  bits.fill(0xffff_ffff);
  const rest = shardCount % 32;
  if (rest > 0) bits[bits.length - 1] = 2 ** rest - 1;
  return bits;
}

/** The shards of bits, ascending. */
export function shardsOf(bits: ShardBits): number[] {
  const shards: number[] = [];
  for (const [place, word] of bits.entries()) {
    for (let left = word; left !== 0; left &= left - 1) {
      shards.push(place * 32 + 31 - Math.clz32(left & -left));
    }
  }
  return shards;
}

/** How many shards are in both. */
export function countBoth(left: ShardBits, right: ShardBits): number {
  let count = 0;
  for (let place = 0; place < left.length; place += 1) {
    count += countBits((left[place] as number) & (right[place] as number));
  }
  return count;
}

/** Takes the shards of `taken` out of `bits`; returns those that were in both. */
export function takeOut(bits: ShardBits, taken: ShardBits): ShardBits {
  const both = new Uint32Array(bits.length);
  for (let place = 0; place < bits.length; place += 1) {
    const common = (bits[place] as number) & (taken[place] as number);
    both[place] = common;
    bits[place] = (bits[place] as number) ^ common;
  }
  return both;
}

/** Whether no shard is left. */
export function isEmpty(bits: ShardBits): boolean {
  return bits.every((word) => word === 0);
}

function setBit(bits: ShardBits, shard: number): void {
  bits[shard >>> 5] = (bits[shard >>> 5] as number) | (1 << (shard & 31));
}

/** Bits of one word, counted in parallel. */
function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return (((bits + (bits >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
}
