/** Words of the domain as branded types, so that one kind of text or number is never taken for another. */

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Stable name of one Meilisearch node in the cluster. */
export type NodeId = Branded<string, 'NodeId'>;
/** Name of an index as clients see it: `[A-Za-z0-9_-]`, 1 to 400 bytes. */
export type IndexUid = Branded<string, 'IndexUid'>;
/** Identity of an index for placement: 32 lowercase hex characters; survives rename and swap. */
export type IndexId = Branded<string, 'IndexId'>;
/** 0-based number of a shard within its index, below the index's shard count (at most 4096). */
export type ShardIndex = Branded<number, 'ShardIndex'>;
/** Place of a client write in the lane; the integer taskUid clients see. */
export type TaskUid = Branded<bigint, 'TaskUid'>;
