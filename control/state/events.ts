/** What may happen to the state, and what follows from it. Events carry every clock value and random id. */
import type { ClusterRecord, JsonObject, NodeTask, TaskError, WriteKind } from './records.ts';

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
    }
  | { readonly kind: 'settled'; readonly seq: number; readonly enqueuedAt: string }
  | { readonly kind: 'otherPrimaryKey'; readonly primaryKey: string }
  | { readonly kind: 'refusal'; readonly code: string; readonly message: string };

/** Answer to a Report. */
export interface ReportReply {
  readonly stands: boolean;
  readonly refusal: { readonly code: string; readonly message: string } | null;
}

/** What a control step came to. */
export type StepOutcome =
  | { readonly kind: 'enqueued'; readonly uid: number }
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
  /** All tasks of a node that carry the intent's tag, read after its connections were closed. */
  | {
      readonly kind: 'tagsFound';
      readonly seq: number;
      readonly nodeId: string;
      readonly parts: readonly { readonly part: number; readonly uid: number }[];
      readonly now: Now;
    }
  | {
      readonly kind: 'nodeTasks';
      readonly nodeId: string;
      readonly tasks: readonly NodeTask[];
      readonly now: Now;
    }
  | {
      readonly kind: 'nodeHealth';
      readonly nodeId: string;
      readonly isUp: boolean;
      readonly now: Now;
    }
  /** Topology, keys or node versions changed. */
  | { readonly kind: 'cluster'; readonly change: Partial<ClusterRecord> }
  | { readonly kind: 'nodeAdopted'; readonly nodeId: string; readonly lastTaskUid: number };

/** A moment: the wall clock in nanoseconds since 1970, and a clock in milliseconds that never jumps. */
export interface Now {
  readonly wallNs: bigint;
  readonly steadyMs: number;
}

/** What is to be done once the changes are on disk. */
export type Effect =
  | { readonly kind: 'beginReply'; readonly ticket: number; readonly reply: BeginReply }
  | { readonly kind: 'reportReply'; readonly ticket: number; readonly reply: ReportReply }
  | { readonly kind: 'renewReply'; readonly ticket: number; readonly lost: readonly number[] }
  /** Send the next unsent step of this node. */
  | { readonly kind: 'runStep'; readonly seq: number; readonly nodeId: string }
  | { readonly kind: 'countDocuments'; readonly seq: number }
  | { readonly kind: 'findTags'; readonly seq: number; readonly nodeId: string }
  /** For the metrics: how long a write waited for its permission. */
  | { readonly kind: 'granted'; readonly waitedMs: number }
  | { readonly kind: 'taskFinished'; readonly seq: number; readonly status: string }
  /** Something that should not happen on healthy nodes; for the log. */
  | { readonly kind: 'alarm'; readonly words: string; readonly seq: number };
