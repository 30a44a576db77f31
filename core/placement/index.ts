/** Placement: hash of a primary key, owners of the shards, copies to read. Pure. */
export {
  type CoveringOptions,
  type CoveringSet,
  coveringSet,
  type ShardRead,
} from './covering-set.ts';
export {
  type HashHalves,
  hashContent,
  hashPrimaryKey,
  hashPrimaryKeyInto,
  shardOf,
  shardOfKey,
} from './hash.ts';
export { type JoinRequest, planJoin, type ShardMove } from './join-node.ts';
export {
  type OwnersRequest,
  type PlacementNode,
  planOwners,
  type Spread,
  shardLimits,
} from './plan-owners.ts';
export { heldCountOf, readableCopies } from './readable.ts';
export {
  type NodeScore,
  rendezvousHash,
  scoreNodes,
  type WeightedNode,
  weightedScore,
} from './rendezvous.ts';
