/**
 * What may happen to recovery, and what it wants done; a part of the machine's events and effects. Every
 * effect names the worker it is for (`recovery`), and its answer brings that number back: an answer to a
 * worker that ended meanwhile is nobody's.
 */

import type { Now } from './now.ts';
import type { JsonObject } from './records.ts';

/** Documents of a shard on one node: xxh3-64 of the identifier -> version as one number. */
export type ShardVersions = ReadonlyMap<bigint, bigint>;

/** How the candidates of a copy are found: by versions since, by comparing ids, or all. */
export type RecoveryMethod = 'delta' | 'ids' | 'full';

/** One shard of one index as the nodes know it, and the two nodes. */
export interface RecoveryPlace {
  readonly indexUid: string;
  readonly primaryKey: string;
  readonly shard: number;
  readonly sourceId: string;
  readonly targetId: string;
}

/** Events of recovery. */
export type RecoveryEvent =
  /** What both nodes hold: everything, or (a delta) at least all from the asked place in the lane on. */
  | {
      readonly kind: 'recoveryListed';
      readonly recovery: number;
      readonly source: ShardVersions;
      readonly target: ShardVersions;
      readonly now: Now;
    }
  /** The documents asked for are read from the source. */
  | {
      readonly kind: 'recoveryRead';
      readonly recovery: number;
      /** Known on neither node: there is nothing to write and nothing to delete. */
      readonly nowhere: readonly bigint[];
      readonly documentCount: number;
      readonly documentBytes: number;
      readonly now: Now;
    }
  /** The contents of both nodes are compared. */
  | {
      readonly kind: 'recoveryCompared';
      readonly recovery: number;
      readonly different: readonly bigint[];
      readonly count: number;
      readonly now: Now;
    }
  /** A node did not do as asked: the worker ends. */
  | {
      readonly kind: 'recoveryFailed';
      readonly recovery: number;
      readonly reason: string;
      readonly now: Now;
    }
  /** An index on a node is what the catalog says, or could not be made so. */
  | {
      readonly kind: 'indexMended';
      readonly indexId: string;
      readonly nodeId: string;
      /** As the effect said them. */
      readonly indexUid: string;
      readonly settingsVersion: number;
      readonly isDone: boolean;
      readonly reason: string;
      /** The last task it took: from now on the node is known by it. */
      readonly lastTask: { readonly uid: number; readonly enqueuedAt: string } | null;
      readonly now: Now;
    }
  /** What the node holds besides our own; null if it did not say. */
  | {
      readonly kind: 'indexesListed';
      readonly nodeId: string;
      /** As the effect said it. */
      readonly call: number;
      readonly indexUids: readonly string[] | null;
      readonly now: Now;
    }
  /** An index was removed from a node, or could not be. */
  | {
      readonly kind: 'indexRemoved';
      readonly nodeId: string;
      /** As the effect said them. */
      readonly call: number;
      readonly indexUid: string;
      readonly isDone: boolean;
      /** The last task the node took for it. */
      readonly lastTask: { readonly uid: number; readonly enqueuedAt: string } | null;
      readonly now: Now;
    }
  /** A node was found without its marker, or with an older one: its tasks have to be looked at. */
  | { readonly kind: 'nodeDoubted'; readonly nodeId: string; readonly now: Now }
  /** The marker of a node says this place in the lane now. */
  | {
      readonly kind: 'markerWritten';
      readonly nodeId: string;
      readonly seq: number;
      readonly now: Now;
    };

/** Effects of recovery. */
export type RecoveryEffect =
  /** List a shard on both nodes, from a place in the lane on; all, if some wanted document would be unnamed. */
  | {
      readonly kind: 'recoveryList';
      readonly recovery: number;
      readonly place: RecoveryPlace;
      readonly fromSeq: number;
      readonly wanted: readonly bigint[];
    }
  /** Read these documents from the source and keep them for the next write. */
  | {
      readonly kind: 'recoveryRead';
      readonly recovery: number;
      readonly place: RecoveryPlace;
      readonly hashes: readonly bigint[];
      /** Forget the page kept so far; false: these replace some of it. */
      readonly isNewPage: boolean;
    }
  /** Send the page that was read to the target as this step; what became of it is an `internalReport`. */
  | {
      readonly kind: 'recoveryWrite';
      readonly recovery: number;
      readonly place: RecoveryPlace;
      readonly seq: number;
      readonly tag: string;
    }
  /** Compare contents; null: of the whole shard. */
  | {
      readonly kind: 'recoveryCompare';
      readonly recovery: number;
      readonly place: RecoveryPlace;
      readonly hashes: readonly bigint[] | null;
    }
  /** For the log and the metrics: how a copy is going to be filled, and why so. */
  | {
      readonly kind: 'recoveryPlanned';
      readonly recovery: number;
      readonly place: RecoveryPlace;
      readonly method: RecoveryMethod;
      readonly words: string;
    }
  /** The worker ended; nothing of it is needed any more. */
  | {
      readonly kind: 'recoveryEnded';
      readonly recovery: number;
      readonly place: RecoveryPlace;
      readonly isInSync: boolean;
      readonly reason: string;
      readonly documentCount: number;
      readonly documentBytes: number;
      readonly tookMs: number;
    }
  /** Make an index on a node what the catalog says: apply all settings, or delete it and make it anew. */
  | {
      readonly kind: 'mendIndex';
      readonly indexId: string;
      readonly nodeId: string;
      readonly need: 'settings' | 'rebuild';
      readonly indexUid: string;
      readonly primaryKey: string | null;
      readonly settings: JsonObject;
      readonly settingsVersion: number;
      readonly hasSeveralOwners: boolean;
    }
  /** List the indexes of a node besides our own. */
  | { readonly kind: 'listIndexes'; readonly nodeId: string; readonly call: number }
  /** Remove an index that a node should not hold. */
  | {
      readonly kind: 'removeIndex';
      readonly nodeId: string;
      readonly call: number;
      readonly indexUid: string;
    }
  /** Write a node's marker anew with this place in the lane. */
  | { readonly kind: 'writeMarker'; readonly nodeId: string; readonly seq: number };
