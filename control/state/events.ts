/** What may happen to the state, and what follows from it. Events carry every clock value and random id. */
import type { CopyState } from '../../core/topology.ts';
import type { AdminEffect, AdminEvent } from './admin-events.ts';
import type { Now } from './now.ts';
import type {
  ClusterRecord,
  InternalKind,
  JsonObject,
  NodeTask,
  ReportReply,
  TaskError,
  WriteKind,
} from './records.ts';
import type { RecoveryEffect, RecoveryEvent } from './recovery-events.ts';

/** A Begin as the lane sees it. */
export interface BeginInput {
  readonly sidecarId: string;
  readonly requestNumber: string;
  readonly kind: WriteKind;
  readonly indexUid: string;
  /** xxh3-64 of the primary keys, 8 bytes little endian each. */
  readonly keyHashes: Buffer;
  readonly touchesAllShards: boolean;
  readonly customMetadata: string | null;
  readonly details: JsonObject | null;
  readonly primaryKey: string | null;
  readonly isPrimaryKeyExplicit: boolean;
  readonly mayCreateIndex: boolean;
  readonly failure: TaskError | null;
  readonly failureCreatesIndex: boolean;
  readonly body: unknown;
  readonly documentCount: number;
  readonly skipsCreation: boolean;
}

/** One task of a node as a reading of its list found it. */
export interface TailTask {
  readonly uid: number;
  readonly tag: string | null;
  /** As the node writes it: tells tasks without a tag apart. Null if that is not known. */
  readonly enqueuedAt: string | null;
  readonly indexUid: string | null;
  /** Documents it brings, as the node counts them; null for other tasks. */
  readonly documentCount: number | null;
  /** How far it is; null while it waits in the queue. */
  readonly task: NodeTask | null;
}

/**
 * One reading of a node: the marker if asked for, then the tasks that may be news, ascending: all from
 * `seenUid` of the node's record on, and the outstanding ones below.
 */
export interface NodeReading {
  readonly nodeId: string;
  /** When it began, on the steady clock: it proves nothing about what happened later. */
  readonly startedAtMs: number;
  /** `unread` if it was not asked for in this reading. */
  readonly marker: 'ours' | 'absent' | 'foreign' | 'older' | 'unread';
  /** The task that was last known (`lastTaskUid`): there with its mark, gone, or another one. */
  readonly lastKnown: 'present' | 'absent' | 'other';
  /** Highest task uid of the node; -1 if it has none. */
  readonly highestUid: number;
  readonly tasks: readonly TailTask[];
  /** Outstanding uids that were asked for and are not on the node. */
  readonly missingUids: readonly number[];
}

/** A step in the lane that recovery asks for. */
export interface InternalRequest {
  readonly kind: InternalKind;
  readonly indexId: string;
  readonly shard: number;
  /** xxh3-64 of the primary keys, 8 bytes little endian each; null for the whole shard. */
  readonly keyHashes: Buffer | null;
  /** The copy that is written; null for looks and holds. */
  readonly nodeId: string | null;
  /** Longest time it may stand in the lane, in milliseconds; null for no limit. */
  readonly limitMs: number | null;
  /** A hold that stands and under which this step is done: it stands where the hold does; null for none. */
  readonly under: number | null;
}

/** What one send of a sidecar came to. */
export interface SendReport {
  readonly nodeId: string;
  readonly part: number;
  readonly partCount: number;
  readonly outcome:
    | { readonly kind: 'enqueued'; readonly uid: number }
    | { readonly kind: 'refused'; readonly status: number; readonly body: string }
    | { readonly kind: 'unknown'; readonly reason: string };
}

/** Answer to a Begin. */
export type BeginReply =
  | {
      readonly kind: 'grant';
      readonly seq: number;
      readonly enqueuedAt: string;
      readonly indexId: string;
      readonly primaryKey: string | null;
      readonly shardCount: number;
      readonly nodeIds: readonly string[];
      readonly copiesPerShard: number;
      readonly targets: Buffer;
      readonly tag: string;
      /** Whether nothing is left to be judged once every target has taken all of it. */
      readonly standsWhenTaken: boolean;
    }
  | { readonly kind: 'settled'; readonly seq: number; readonly enqueuedAt: string }
  | { readonly kind: 'otherPrimaryKey'; readonly primaryKey: string }
  | { readonly kind: 'refusal'; readonly code: string; readonly message: string };

/** What a control step came to. */
export type StepOutcome =
  | { readonly kind: 'enqueued'; readonly uid: number; readonly enqueuedAt: string | null }
  | { readonly kind: 'refused'; readonly error: TaskError };

/** What may happen. */
export type MachineEvent =
  | {
      readonly kind: 'begin';
      readonly input: BeginInput;
      /** Names the caller that waits. */
      readonly ticket: number;
      readonly now: Now;
      /** 32 hexadecimal characters for an index that may have to be made. */
      readonly freshIndexId: string;
    }
  /** The caller of a Begin went away. */
  | { readonly kind: 'cancelBegin'; readonly ticket: number; readonly now: Now }
  | {
      readonly kind: 'report';
      readonly seq: number;
      readonly results: readonly SendReport[];
      readonly isComplete: boolean;
      readonly ticket: number;
      readonly now: Now;
    }
  | {
      readonly kind: 'renew';
      readonly seqs: readonly number[];
      readonly ticket: number;
      readonly now: Now;
    }
  | { readonly kind: 'tick'; readonly now: Now }
  | {
      readonly kind: 'stepDone';
      readonly seq: number;
      readonly step: number;
      readonly outcome: StepOutcome;
      readonly now: Now;
    }
  | {
      readonly kind: 'counted';
      readonly seq: number;
      readonly documentCount: number;
      readonly now: Now;
    }
  | { readonly kind: 'nodeTail'; readonly reading: NodeReading; readonly now: Now }
  /** A sidecar holds its topology lease with the view of this position (index in control's log). */
  | {
      readonly kind: 'confirm';
      readonly sidecarId: string;
      readonly index: number;
      readonly ticket: number;
      readonly now: Now;
    }
  /** A sidecar lost all its connections to a node: it wants a reading that begins now. */
  | {
      readonly kind: 'confirmNode';
      readonly nodeId: string;
      readonly ticket: number;
      readonly now: Now;
    }
  /** A sidecar began to follow the view: from now on it may read from it. */
  | { readonly kind: 'watchOpened'; readonly sidecarId: string; readonly now: Now }
  /** What became of an internal step's send. As a sidecar's report; `isComplete`: connections are closed. */
  | {
      readonly kind: 'internalReport';
      readonly seq: number;
      readonly results: readonly SendReport[];
      readonly isComplete: boolean;
      readonly now: Now;
    }
  /** An internal step is given up, or a look or hold is over. */
  | { readonly kind: 'internalEnd'; readonly seq: number; readonly now: Now }
  | {
      readonly kind: 'nodeHealth';
      readonly nodeId: string;
      readonly isUp: boolean;
      readonly now: Now;
    }
  /** Topology, keys or node versions changed. */
  | { readonly kind: 'cluster'; readonly change: Partial<ClusterRecord> }
  | { readonly kind: 'nodeAdopted'; readonly nodeId: string; readonly lastTaskUid: number }
  | AdminEvent
  | RecoveryEvent;

/** What is to be done once the changes are on disk. */
export type Effect =
  | { readonly kind: 'beginReply'; readonly ticket: number; readonly reply: BeginReply }
  | { readonly kind: 'reportReply'; readonly ticket: number; readonly reply: ReportReply }
  | { readonly kind: 'renewReply'; readonly ticket: number; readonly lost: readonly number[] }
  /** Send the next unsent step of this node. */
  | { readonly kind: 'runStep'; readonly seq: number; readonly nodeId: string }
  | { readonly kind: 'countDocuments'; readonly seq: number }
  /** Read a node at once, with its marker: a sidecar, an unknown send or recovery waits for it. */
  | { readonly kind: 'readNode'; readonly nodeId: string }
  | { readonly kind: 'confirmReply'; readonly ticket: number; readonly leaseMs: number }
  /** The caller may use the node from the view that holds everything committed until now. */
  | { readonly kind: 'confirmNodeReply'; readonly ticket: number; readonly isConfirmed: boolean }
  /** Let time pass (`tick`) at this moment at the latest. */
  | { readonly kind: 'wakeAt'; readonly steadyMs: number }
  /** An internal step may be sent, or what it looks at stands still. */
  | { readonly kind: 'internalGranted'; readonly seq: number; readonly tag: string }
  /** An internal step is over: `applied` only if the node's task succeeded. */
  | {
      readonly kind: 'internalEnded';
      readonly seq: number;
      readonly outcome: 'applied' | 'failed' | 'notSent' | 'unknown' | 'ended';
    }
  /** For the log, the metrics and recovery: a copy is in another state now. */
  | {
      readonly kind: 'copyChanged';
      readonly indexId: string;
      readonly shard: number;
      readonly nodeId: string;
      readonly from: CopyState;
      readonly to: CopyState;
      readonly reason: string;
    }
  /** A node was wiped or rolled back. */
  | { readonly kind: 'nodeLostData'; readonly nodeId: string; readonly reason: string }
  /** For the metrics: how long a write waited for its permission. */
  | { readonly kind: 'granted'; readonly waitedMs: number }
  | { readonly kind: 'taskFinished'; readonly seq: number; readonly status: string }
  /** Something that should not happen on healthy nodes; for the log. */
  | { readonly kind: 'alarm'; readonly words: string; readonly seq: number }
  | AdminEffect
  | RecoveryEffect;
