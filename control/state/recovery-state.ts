/**
 * What recovery keeps in memory: its workers, one per copy that is being filled. None of it is durable. What
 * a copy missed stays in its notes (set aside while it is filled), so a worker that is gone with its process
 * leaves the copy as it was before, and another begins anew.
 */
import type { RecoveryMethod, RecoveryPlace } from './recovery-events.ts';

/** Documents that clients' writes may have changed since a moment: from then on, every write is added. */
export interface WriteWatch {
  readonly hashes: Set<bigint>;
  /** A write without a list of documents was among them. */
  isAll: boolean;
  /** Highest place in the lane of a write that touched something; -1 for none. */
  highest: number;
  /** Places up to here are looked at. */
  scannedTo: number;
}

/** Documents that are written to the copy together. */
export interface RecoveryPage {
  readonly hashes: Set<bigint>;
  /** What was written to them since the reading began. */
  watch: WriteWatch;
  /** Readings before its step began. */
  readings: number;
  /** Of its documents those that the target was still to work on when the reading began. */
  coming: ReadonlySet<bigint>;
}

/** What a worker is doing. Each ends by an event, by a change of the state, or by its time limit. */
export type RecoveryPhase =
  /** Both nodes work off what was sent before the copy began to be filled. */
  | { readonly kind: 'settling' }
  | { readonly kind: 'listing' }
  /** Between pages. */
  | { readonly kind: 'choosing' }
  | { readonly kind: 'reading'; readonly page: RecoveryPage }
  /** The source has not yet applied what was written to the page meanwhile; it is read again then. */
  | { readonly kind: 'cooling'; readonly page: RecoveryPage }
  /** The page has its step in the lane and waits for its permission. */
  | { readonly kind: 'queued'; readonly page: RecoveryPage; readonly seq: number }
  /** The documents that earlier steps of the lane touched since are read again, under the step. */
  | { readonly kind: 'rereading'; readonly page: RecoveryPage; readonly seq: number }
  /** The source's tasks are read once more: was what was read what it should be? */
  | {
      readonly kind: 'checking';
      readonly page: RecoveryPage;
      readonly seq: number;
      readonly sinceMs: number;
    }
  | { readonly kind: 'sending'; readonly page: RecoveryPage; readonly seq: number }
  /** All documents of both copies are compared, while clients go on writing. */
  | { readonly kind: 'comparing' }
  /** Everything is equal but what was written meanwhile; waits for a quiet moment. */
  | { readonly kind: 'ready' }
  /** Asked the lane for a moment in which no write to the shard begins. */
  | { readonly kind: 'holding' }
  /** What was written meanwhile is compared; everything up to a place in the lane is applied. */
  | { readonly kind: 'judging'; readonly after: number }
  /** Both nodes' tasks are read once more. */
  | { readonly kind: 'confirming'; readonly after: number; readonly sinceMs: number };

/** A hold of the shard in the lane: writes to it that begin after a place wait. */
export interface RecoveryHold {
  readonly seq: number;
  readonly after: number;
  /** The last documents were written under it. */
  isWritten: boolean;
}

/** One worker. */
export interface Recovery {
  readonly id: number;
  readonly indexId: string;
  readonly place: RecoveryPlace;
  readonly startedMs: number;
  /** Highest task uid of the target when the copy began to be filled. */
  readonly drainUid: number;
  /** Head of the lane then. */
  readonly head: number;
  from: number;
  isKeyless: boolean;
  method: RecoveryMethod;
  phase: RecoveryPhase;
  /** Steady clock when the phase began. */
  phaseMs: number;
  /** Candidates that are still to be written. */
  readonly todo: Set<bigint>;
  /** Its steps in the lane whose end is not known. */
  readonly steps: Set<number>;
  /** What has to be compared again before the end; null while the whole was not compared. */
  recheck: Set<bigint> | null;
  /** Writes since the comparison of the whole began. */
  watch: WriteWatch | null;
  comparisons: number;
  /** The target works off its queue up to this place in the lane before the next page; -1 for no wait. */
  drainSeq: number;
  /** Times both nodes were listed. */
  lists: number;
  /** Pages since all candidates were written: what clients wrote meanwhile. */
  laterPages: number;
  hold: RecoveryHold | null;
  /** Holds that did not last long enough. */
  failedHolds: number;
  /** Holds at whose end the copies still differed, with a page written under them that may have failed. */
  doubts: number;
  holdAgainMs: number;
  documentCount: number;
  documentBytes: number;
}

/** When a copy may be tried again. */
export interface RecoveryPause {
  readonly untilMs: number;
  readonly failures: number;
}

/** All of it. */
export class RecoveryState {
  /** By copyKey. */
  readonly workers = new Map<string, Recovery>();
  readonly pauses = new Map<string, RecoveryPause>();
  nextId = 1;
  /** Node id -> when the newest reading of its tasks began, on the steady clock. */
  readonly readings = new Map<string, number>();
  /** Node id -> when it was last seen to come up, on the steady clock. */
  readonly upSince = new Map<string, number>();
  /** `index node` -> its mending. */
  readonly mending = new Map<string, { readonly sinceMs: number; floor: number }>();
  /** Node id -> the call that is made to rid it of indexes it should not hold, and when to go on without it. */
  readonly clearing = new Map<
    string,
    { readonly call: number; readonly againMs: number; floor: number }
  >();
  nextClearing = 1;
  /** Node id -> last place in the lane its marker was written with, and when. */
  readonly markers = new Map<string, { readonly seq: number; readonly atMs: number }>();
  /** Nodes whose marker is to be written before its time. */
  readonly markersDue = new Set<string>();
  /** Index id -> bytes of a document as it was last seen, to size pages by. */
  readonly documentBytes = new Map<string, number>();
  /** Nodes that lost data and were not checked since: they are not used before that. */
  readonly doubted = new Set<string>();
  /** Steady clock of the last look for copies to fill. */
  lookedMs = Number.NEGATIVE_INFINITY;
}
