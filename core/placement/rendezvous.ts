/**
 * Weighted rendezvous hashing (highest random weight): every node gets a score for a thing, and the
 * highest wins, so a node that comes or goes moves only what it wins or held. Formulas and vectors:
 * docs/reference/placement.md. They are fixed for ever: a changed bit would misplace every document.
 */
import { xxh3 } from '@node-rs/xxhash';
import { assert } from '../assert.ts';
import type { IndexId, NodeId } from '../types.ts';

const INDEX_ID_BYTES = 16;
const SHARD_BYTES = 2;
const encoder = new TextEncoder();

/** What the hash of a node needs: its name, and its share (1 is normal, above 0). */
export interface WeightedNode {
  readonly id: NodeId;
  readonly weight: number;
}

/** A node with what it scored; the list of scoreNodes is sorted, best first. */
export interface NodeScore<Node extends WeightedNode> {
  readonly node: Node;
  readonly score: number;
}

/** xxh3-64 over the index id's 16 bytes, the shard as u16 LE (left out if undefined), the node id. */
export function rendezvousHash(
  indexId: IndexId,
  shardIndex: number | undefined,
  nodeId: NodeId,
): bigint {
  const prefix = hashPrefix(indexId, shardIndex !== undefined);
  return xxh3.xxh64(hashInput(prefix, shardIndex, encoder.encode(nodeId)));
}

/** Score of a hash under a weight: -weight / ln(((hash >> 11) + 0.5) / 2^53). Always above 0. */
export function weightedScore(hash: bigint, weight: number): number {
  return -weight / Math.log((Number(hash >> 11n) + 0.5) / 2 ** 53);
}

/** Scores the nodes for one shard of an index, or for the index itself; best first. */
export function scoreNodes<Node extends WeightedNode>(
  indexId: IndexId,
  shardIndex: number | undefined,
  nodes: readonly Node[],
): NodeScore<Node>[] {
  return makeScorer(indexId, nodes)(shardIndex);
}

/** As scoreNodes, for many shards of one index: what does not change is encoded once. */
export function makeScorer<Node extends WeightedNode>(
  indexId: IndexId,
  nodes: readonly Node[],
): (shardIndex: number | undefined) => NodeScore<Node>[] {
  const prefix = hashPrefix(indexId, true);
  const names = nodes.map((node) => encoder.encode(node.id));
  const order = nodes.map((_, at) => at);
  return (shardIndex) => {
    const scores = nodes.map((node, at) => {
      assert(node.weight > 0, `node ${node.id} has weight ${node.weight}`);
      const input = hashInput(prefix, shardIndex, names[at] as Uint8Array);
      return weightedScore(xxh3.xxh64(input), node.weight);
    });
    return [...order]
      .sort(
        (left, right) =>
          (scores[right] as number) - (scores[left] as number) ||
          Buffer.compare(names[left] as Uint8Array, names[right] as Uint8Array),
      )
      .map((at) => ({ node: nodes[at] as Node, score: scores[at] as number }));
  };
}

function hashPrefix(indexId: IndexId, withShard: boolean): Uint8Array {
  assert(
    /^[0-9a-f]{32}$/.test(indexId),
    `index id "${indexId}" is not 32 lowercase hex characters`,
  );
  const prefix = new Uint8Array(INDEX_ID_BYTES + (withShard ? SHARD_BYTES : 0));
  prefix.set(Buffer.from(indexId, 'hex'));
  return prefix;
}

function hashInput(
  prefix: Uint8Array,
  shardIndex: number | undefined,
  name: Uint8Array,
): Uint8Array {
  const start = shardIndex === undefined ? INDEX_ID_BYTES : INDEX_ID_BYTES + SHARD_BYTES;
  const input = Buffer.allocUnsafe(start + name.length);
  input.set(prefix.subarray(0, start));
  if (shardIndex !== undefined) input.writeUInt16LE(shardIndex, INDEX_ID_BYTES);
  input.set(name, start);
  return input;
}
