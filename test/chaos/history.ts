/** What clients saw: writes with their answers, reads with what they showed. Times from one steady clock. */
import type { Operation } from './operation.ts';

/** A write as its client saw it. */
export interface WriteEvent {
  readonly operation: Operation;
  readonly begunAtMs: number;
  answeredAtMs: number | undefined;
  /** From a 202. */
  taskUid: number | undefined;
  /** Any other answer, or why there was none. */
  failure: string | undefined;
  isDegraded: boolean;
  /** When a client was first shown that its task had ended. */
  finishedAtMs: number | undefined;
  /** How the task ended, once the list was read. */
  end: { readonly uid: number; readonly status: string; readonly error: string } | undefined;
}

/** A read of one document as its client saw it. */
export interface ReadEvent {
  readonly index: string;
  readonly id: string;
  readonly begunAtMs: number;
  /** Name of the write whose document was shown; null if there was none. */
  readonly op: string | null;
  /** The answer said that something may be missing. */
  readonly isLabelled: boolean;
}

/** Everything of one cycle, and what later cycles need of it. */
export class History {
  readonly writes = new Map<string, WriteEvent>();
  readonly reads: ReadEvent[] = [];
  /** By index and id: the writes that touched it, in lane order. */
  readonly lanes = new Map<
    string,
    { readonly uid: number; readonly op: string; readonly event: WriteEvent }[]
  >();
  searchCount = 0;
  failedReads = 0;
  /** Answers of reads that no fault explains. */
  readonly badReads: string[] = [];

  begin(operation: Operation): WriteEvent {
    const event: WriteEvent = {
      operation,
      begunAtMs: performance.now(),
      answeredAtMs: undefined,
      taskUid: undefined,
      failure: undefined,
      isDegraded: false,
      finishedAtMs: undefined,
      end: undefined,
    };
    this.writes.set(operation.name, event);
    return event;
  }
}
