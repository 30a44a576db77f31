/** Jobs and audit entries in memory. Entries are read from the store; only their numbers are kept here. */
import type { AuditRecord, JobRecord } from './admin-records.ts';

/** All of it. */
export class JobState {
  /** By number, ascending: those that are not over, and the newest of the others. */
  readonly records = new Map<number, JobRecord>();
  nextJob = 1;
  /**
   * By pairKey: the recovery that is not over, or the cancelled one that keeps copies from being filled. A
   * pair that is not here has all its copies in-sync.
   */
  readonly ofPair = new Map<string, number>();
  /** Of recoveries that are not over: copies that were not in-sync at the last look. */
  readonly left = new Map<number, number>();
  /** Numbers of the oldest entry that is kept and of the next one. */
  firstAudit = 1;
  nextAudit = 1;
  /** Wall clock of the newest event, in nanoseconds since 1970. */
  wallNs = 0n;

  // What the current batch changed.
  readonly touchedJobs = new Set<number>();
  newAudits: AuditRecord[] = [];
  /** Numbers of entries that are kept no longer. */
  droppedAudits: number[] = [];
}

/** Name of an index on a node. */
export function pairKey(indexId: string, nodeId: string): string {
  return `${indexId} ${nodeId}`;
}
