/** Documents of one shard on one node: listing, reading, writing, comparing with another node's. */
export {
  compareDocuments,
  compareShards,
  type ShardDifference,
  type ShardPair,
} from './compare.ts';
export { countShard } from './count.ts';
export { listShard, type ShardList } from './list.ts';
export type { ShardFault, ShardPlace } from './place.ts';
export { readDocuments, type ShardDocuments } from './read.ts';
export { type PartOutcome, partsOf, type ShardPage, writePage } from './write.ts';
