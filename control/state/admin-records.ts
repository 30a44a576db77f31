/** What operators see and do, as records: long operations (jobs) and who changed what (audit). */
import type { JsonObject } from './records.ts';

/** What a job does. Each kind but `recovery`, which the machine drives, has a driver in jobs/. */
export type JobKind = 'recovery' | 'backup' | 'move';

/**
 * How far a job is, as far as that must survive a restart. Whether an active one runs or waits is seen in
 * the rest of the state.
 */
export type JobPhase = 'active' | 'paused' | 'succeeded' | 'failed' | 'cancelled';

/** A long operation. */
export interface JobRecord {
  /** Counts up over the cluster's life; part of its id. */
  readonly number: number;
  readonly kind: JobKind;
  phase: JobPhase;
  /** Of an index, if it is about one; the index may be renamed meanwhile. */
  readonly indexId: string | null;
  /** The index's name when the job began. */
  readonly indexUid: string | null;
  readonly nodeId: string | null;
  /** Why it became necessary, or why it ended so. */
  reason: string;
  /** RFC 3339. */
  readonly createdAt: string;
  finishedAt: string | null;
  /** Name of the caller's token or certificate; `control` for one that control began by itself. */
  readonly requestedBy: string;
  /** Of a recovery: copies that became in-sync. */
  copiesDone: number;
  /** Of a recovery: by workers that ended. */
  documentsWritten: number;
  bytesWritten: number;
  /** What it was asked to do, for its driver. */
  readonly spec: JsonObject;
}

/** One change, or one that was refused. */
export interface AuditRecord {
  /** Counts up from 1 over the cluster's life. */
  readonly number: number;
  /** RFC 3339. */
  readonly at: string;
  readonly actor: string;
  readonly peer: string;
  readonly action: string;
  readonly target: string;
  readonly requestJson: string;
  readonly requestId: string;
  /** `ok` or the code of an error. */
  readonly outcome: string;
}

/** What is told of a call before its outcome is known. */
export type AuditInput = Omit<AuditRecord, 'number' | 'at' | 'outcome'>;
