/**
 * The records of the state: what is durable, as plain data. They are changed only by the reducers (lane,
 * catalog, tasks), inside one event, and written together with everything else that event changed.
 *
 * Places in the lane (seq) are plain numbers here: a version holds ten hexadecimal digits of them, far
 * below 2^53.
 */

/** What a client's write does. The first six are sent by the sidecar, the others by control. */
export type WriteKind =
  | 'documentsReplace'
  | 'documentsUpdate'
  | 'documentsDeleteById'
  | 'documentsDeleteByFilter'
  | 'documentsDeleteAll'
  | 'documentsEdit'
  | 'indexCreate'
  | 'indexUpdate'
  | 'indexDelete'
  | 'indexSwap'
  | 'settingsUpdate'
  | 'indexCompact'
  | 'tasksCancel'
  | 'tasksDelete';

/**
 * Steps in the lane that no client asked for. `fix`: recovery writes documents to one copy. `look`: documents
 * are compared, later writes to them wait. `hold`: later writes to a shard wait, for a moment.
 */
export type InternalKind = 'fix' | 'look' | 'hold';

/** What an internal step is about. */
export interface InternalStep {
  /** Counts up over the cluster's life; its tag is `m1.<cluster>.<number>.<part>.rc`. */
  readonly number: number;
  /** Last client write that stands before it in the lane; -1 if none. */
  readonly after: number;
  readonly shard: number;
  /** The copy that is written; null for steps that write nothing. */
  readonly nodeId: string | null;
  /** The hold under which it is done, which is its place in the lane; null for none. */
  readonly under: number | null;
}

/**
 * What became of a write on one shard. `open`: its sends are not settled. `stands`: every in-sync copy has it
 * in its queue. `in`: applied for good. `out`: on no copy that counts.
 */
export type ShardOutcome = 'open' | 'stands' | 'in' | 'out';

/** Meilisearch's error object, as a task shows it. */
export interface TaskError {
  readonly message: string;
  readonly code: string;
  readonly type: string;
  readonly link: string;
}

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What a node says of one of its tasks that has begun. */
export interface NodeTask {
  readonly uid: number;
  readonly status: 'processing' | 'succeeded' | 'failed' | 'canceled';
  readonly batchUid: number | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly details: JsonObject | null;
  readonly error: TaskError | null;
}

/** One call that control itself makes for an intent. Steps of one node go out in their order. */
export interface Step {
  readonly nodeId: string;
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Place in the intent's bodies; -1 for none. */
  readonly body: number;
  /** Type and index of the node's task, to find it again when the answer was lost. */
  readonly taskType: string;
  readonly taskIndexUid: string | null;
  /** Whether it only makes the ground for the write (an index for its first documents). */
  readonly isGround: boolean;
  /** Error codes of the node's task that mean that it was done before. */
  readonly tolerates: readonly string[];
  /**
   * `refused`: the node answered with an error at once. `skipped`: the node is away, every shard has an
   * in-sync copy elsewhere, and the index on it is brought up to date before it is used again; or it is a
   * cancelation of what has ended by now.
   */
  state: 'unsent' | 'enqueued' | 'refused' | 'skipped';
  uid: number | null;
  task: NodeTask | null;
  refusal: TaskError | null;
}

/** A part of a write in a node's queue. */
export interface SentPart {
  readonly uid: number;
  task: NodeTask | null;
  /** Documents it brings, as the node counts them; null while that is not known, or nobody asked. */
  documentCount: number | null;
}

/** One node's share of a document write. */
export interface Target {
  /** Shards of the write whose copies on this node take it, ascending. */
  shards: readonly number[];
  /**
   * `none`: surely not there. `unknown`: to be looked up in the node's list of tasks. `partial`: some parts
   * are in its queue and the others surely are not.
   */
  state: 'pending' | 'enqueued' | 'refused' | 'unknown' | 'none' | 'partial';
  /** The node lost its data before the end of its tasks was known. */
  isLost: boolean;
  partCount: number | null;
  /** By part number. */
  parts: Record<string, SentPart>;
  /** Why it was refused, in words. */
  reason: string | null;
  refusal: TaskError | null;
}

/** The two indexes of one swap. */
export interface Swap {
  readonly left: string;
  readonly right: string;
  readonly leftId: string;
  /** Absent for a rename. */
  readonly rightId: string | null;
  readonly isRename: boolean;
}

/** The tasks that a cancelation or a deletion of tasks is about, chosen when it took its place. */
export interface TaskChoice {
  /** Tasks its filters named. */
  readonly matchedCount: number;
  /** Of those, the ones that may be cancelled or deleted. */
  readonly uids: readonly number[];
}

/** The durable record of a write that is not over. */
export interface Intent {
  /** Place in the lane and uid of the task; of an internal step minus its number. */
  readonly seq: number;
  readonly kind: WriteKind | InternalKind;
  /** Set exactly for the internal kinds. */
  readonly internal: InternalStep | null;
  readonly caller: { readonly sidecarId: string; readonly requestNumber: string };
  /** Index uids it orders itself by. */
  names: readonly string[];
  /** `index`: conflicts with everything on its names. `all`: with every document. `keys`: with its list. */
  readonly scope: 'index' | 'all' | 'keys' | 'none';
  readonly indexUid: string;
  readonly indexId: string | null;
  /** It makes the index; passed on to a later write where this one is cancelled. */
  createsIndex: boolean;
  readonly enqueuedAt: string;
  readonly documentCount: number;
  /** Documents that do not exist are left out. */
  readonly skipsCreation: boolean;
  /** Shards its documents are in, ascending. */
  readonly shards: readonly number[];
  /** By place in `shards`. */
  outcomes: ShardOutcome[];
  /** By place in `shards`: an in-sync copy was seen to have applied it. */
  applied: boolean[];
  /** The client's body for settings and index updates. */
  readonly change: JsonObject | null;
  readonly swaps: readonly Swap[];
  /** Index updates to another primary key: documents are counted first, and none may be there. */
  readonly mustBeEmpty: boolean;
  /** Of a cancelation or a deletion of tasks. */
  readonly tasks: TaskChoice | null;
  /** The cancelation that asked the nodes to cancel it. */
  canceledBy: number | null;
  bodies: readonly string[];
  steps: Step[];
  targets: Record<string, Target>;
  /** waiting -> (counting) -> preparing -> granted -> running. */
  phase: 'waiting' | 'counting' | 'preparing' | 'granted' | 'running';
  /** Decided already, whatever nodes say. */
  error: TaskError | null;
  /** What a half-done settings change or a cancelled creation left on nodes is being taken back. */
  isUndone: boolean;
  /** The sidecar's lease ran out, or it gave up. */
  isAbandoned: boolean;
  /** The sidecar said that its connections for this write are closed. */
  isReported: boolean;
  /** What its complete report was told, and any repeat of it will be; null before. */
  reply: ReportReply | null;
  /** Its task is final; the record stays while the end of some send is not known. */
  isFinal: boolean;
  /** Highest task uid known per node when the intent was set free: its own tasks are above. */
  floors: Readonly<Record<string, number>>;
}

/** What a node missed of a write that stands. */
export interface MissedCopies {
  readonly nodeId: string;
  readonly shardCount: number;
  readonly reason: 'timeout' | 'refused' | 'down' | 'behind';
}

/** Answer to a Report. */
export interface ReportReply {
  readonly stands: boolean;
  readonly refusal: { readonly code: string; readonly message: string } | null;
  /** Of a write that stands. */
  readonly missed: readonly MissedCopies[];
}

/** A task as clients see it. */
export interface TaskRecord {
  readonly uid: number;
  batchUid: number | null;
  /** Name group (tasks/names.ts); null where the task has no index. */
  readonly group: number | null;
  status: 'enqueued' | 'processing' | 'succeeded' | 'failed' | 'canceled';
  readonly type: string;
  canceledBy: number | null;
  details: JsonObject | null;
  /** Group of the new name of a rename: it is listed under that as well. */
  readonly newNameGroup: number | null;
  /** Name groups of the swaps' indexes, in the place of details.swaps. */
  readonly swapGroups: readonly { readonly groups: readonly number[]; readonly rename: boolean }[];
  error: TaskError | null;
  readonly enqueuedAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  readonly customMetadata: string | null;
}

/** An index. It is known under `headUid` to writes that begin now, and under `visibleUid` to readers. */
export interface IndexRecord {
  readonly id: string;
  headUid: string | null;
  visibleUid: string | null;
  primaryKey: string | null;
  readonly createdAt: string;
  updatedAt: string;
  readonly shardCount: number;
  readonly copiesPerShard: number;
  readonly nodeIds: readonly string[];
  /** shardCount * copiesPerShard places in nodeIds, two bytes little endian each, 0xffff for none. */
  readonly owners: Buffer;
  /** One byte per slot: place in COPY_STATES. Changed by copies/ only. */
  readonly copyStates: Buffer;
  /**
   * By node, what it missed of the index itself while it was away: `settings` are to be applied whole, or the
   * index is to be made anew (`rebuild`), before any copy on it is filled.
   */
  needs: Readonly<Record<string, 'settings' | 'rebuild'>>;
  /** Nodes that may hold documents of shards they own no copy of. */
  foreignNodeIds: readonly string[];
  /** In force: only keys that were set. */
  settings: JsonObject;
  settingsVersion: number;
  /** Changes that are on their way, in lane order. */
  pending: { readonly seq: number; readonly change: JsonObject }[];
}

/**
 * What is noted about one copy besides its state: what it may have missed, and why. Absent for a copy about
 * which there is nothing to say. `from`, `isKeyless`, `reread` and `again` are empty on an in-sync copy.
 */
export interface CopyNotes {
  /** Lowest place in the lane it may have missed; null for none. 0: everything. */
  from: number | null;
  /** A write it missed had no list of documents: all ids have to be compared. */
  isKeyless: boolean;
  /** xxh3-64 of primary keys to be written anew whatever their versions say. */
  readonly reread: Set<bigint>;
  /** Writes that failed here while it is open whether they count; it is not read meanwhile if others are. */
  readonly held: Set<number>;
  /** Lowest and highest place of writes without a list of documents since it began to be filled. */
  again: { readonly low: number; readonly high: number } | null;
  /** While it is filled: what was noted before, and the last place in the lane when that began. */
  fill: {
    readonly from: number | null;
    readonly isKeyless: boolean;
    readonly head: number;
  } | null;
  /** Last place in the lane when it became in-sync; -1 for a copy that was in-sync from the beginning. */
  since: number;
  /** Why it is not in-sync, in words for operators; empty on an in-sync copy. */
  reason: string;
}

/** Documents one write deleted by id, kept while a copy may have missed it. */
export interface Tombstones {
  readonly seq: number;
  readonly indexId: string;
  /** xxh3-64 of the primary keys, 8 bytes little endian each. */
  readonly hashes: Buffer;
}

/** A node of the cluster. */
export interface NodeRecord {
  readonly id: string;
  url: string;
  readonly group: number;
  weight: number;
  /** Absent: the configuration brought it. */
  readonly isAddedByCall?: true;
  /** What the configuration last said: a value that is changed there wins over one changed by a call. */
  configured?: { readonly url: string; readonly weight: number };
  /** The marker was written: the node belongs to this cluster. */
  isAdopted: boolean;
  /** It lost data, and was not found usable since. */
  isDoubted?: boolean;
  /**
   * It may hold indexes that it should not: those that are about to be removed, or `unlisted` while it is not
   * known which these are. `open`: none but some whose names are just being given or taken. Absent: none.
   */
  leftovers?: 'unlisted' | 'open' | readonly string[];
  /** Its tasks that came late and are not known to have ended; absent: none. */
  lateUids?: readonly number[];
  /** Highest task uid known; -1 before the first. */
  lastTaskUid: number;
  /** Of that task: its tag, or when it was enqueued; `*` if neither is known. */
  lastMark: string;
  /** Place in the lane that its marker says; -1 before the first that says one. */
  markerSeq: number;
  /** Highest task uid whose tag the tail has judged; -1 before the first. */
  seenUid: number;
}

/** A key as the table holds it. */
export interface KeyRecord {
  readonly hashHex: string;
  readonly uid: string;
  readonly actions: readonly string[];
  readonly indexes: readonly string[];
  readonly expiresAt: string | null;
}

/** Cluster-wide values. */
export interface ClusterRecord {
  /** 16 lowercase hexadecimal characters. */
  readonly clusterId: string;
  nodes: NodeRecord[];
  /** Ids of nodes that a call removed: a configuration that still names them does not bring them back. */
  removedNodeIds?: readonly string[];
  keys: KeyRecord[];
  masterKeyHashHex: string;
  versionJson: string;
  experimentalFeaturesJson: string;
}
