/**
 * The cluster as every part sees it: nodes, indexes with their recorded owners, keys.
 * Plain immutable values; the sidecar gets them by Watch, control builds them from its store.
 */
import type { IndexId, IndexUid, NodeId } from './types.ts';

/**
 * States of a copy (architecture section 1). Only in-sync copies are read; `held` is in-sync too, and read
 * only while no other in-sync copy of its shard is free of it.
 */
export const COPY_STATES = ['in-sync', 'behind', 'suspect', 'filling', 'leaving', 'held'] as const;
export type CopyState = (typeof COPY_STATES)[number];

/** One stock Meilisearch process. */
export interface ClusterNode {
  readonly id: NodeId;
  /** Base address without trailing slash. */
  readonly url: string;
  /** Replica group, from 0. */
  readonly group: number;
  /** Relative share of documents; 1 is normal. */
  readonly weight: number;
}

/** One shard on one node. */
export interface Copy {
  readonly nodeId: NodeId;
  readonly state: CopyState;
}

/** Copies of each shard of one index; position in the array is the shard. */
export type OwnerTable = readonly (readonly Copy[])[];

/** An index of the catalog. */
export interface IndexEntry {
  readonly id: IndexId;
  readonly uid: IndexUid;
  readonly primaryKey: string | null;
  /** RFC 3339 with nanoseconds. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** A power of two, at most 4096. */
  readonly shardCount: number;
  readonly owners: OwnerTable;
  /**
   * Nodes that may hold documents of shards they own no copy of: always asked with the internal filter.
   * Absent: none.
   */
  readonly foreignNodes?: ReadonlySet<NodeId>;
  /** Settings as the user set them and as they are in force: only the keys that were set. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly settingsVersion: bigint;
  /** False until the task that creates the index succeeded: reads answer index_not_found. */
  readonly isVisible: boolean;
}

/** A key of the key table; the key itself is not held, only its SHA-256. */
export interface KeyEntry {
  /** Lowercase hex SHA-256 of the key's text. */
  readonly hashHex: string;
  readonly uid: string;
  readonly actions: readonly string[];
  readonly indexes: readonly string[];
  /** RFC 3339 or null. */
  readonly expiresAt: string | null;
}

/** A place in control's log. Ordered by epoch, then index. */
export interface Position {
  readonly epoch: bigint;
  readonly index: bigint;
}

/** The whole view that sidecars follow. */
export interface ClusterView {
  readonly position: Position;
  readonly clusterId: string;
  readonly nodes: ReadonlyMap<NodeId, ClusterNode>;
  readonly indexes: ReadonlyMap<IndexUid, IndexEntry>;
  /** By hashHex. */
  readonly keys: ReadonlyMap<string, KeyEntry>;
  readonly masterKeyHashHex: string;
  /** Node key with search + documents.get, for calls the caller's key could not make. */
  readonly internalKey: string;
  /** GET /version of the nodes as JSON text; empty while unknown. */
  readonly versionJson: string;
  /** GET /experimental-features of the nodes as JSON text; empty while unknown. */
  readonly experimentalFeaturesJson: string;
}
