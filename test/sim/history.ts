/**
 * What happened, as the checks need it: every write a client asked for, its place in the lane, the answer,
 * what became of it shard by shard, and everything that was read. Only what was committed counts.
 */
import type { Intent } from '../../control/state/index.ts';
import type { ClientWrite, Doc } from './documents.ts';

/** One write of a client. */
export interface WriteRecord {
  readonly write: ClientWrite;
  /** Highest place of a write that was acknowledged before this one was asked for. */
  readonly floorSeq: number;
  seq: number | null;
  /** The newest object of its intent; outcomes are read from it. Null for one that failed at once. */
  intent: Intent | null;
  /** The client was told 202. */
  isAcknowledged: boolean;
  /** Status of its task once that is final. */
  finalStatus: string | null;
  /** Which of all final tasks it was. */
  finalOrder: number;
  /** Shards, by outcome, when the task became final. */
  readonly outcomes: Map<number, string>;
  /** Keys of parts that stay applied although the write as a whole failed: parts are tasks of their own. */
  readonly keptKeys: Set<string>;
  /** Shards where some node failed it for reasons of its own. */
  readonly failedShards: Set<number>;
  /** Copies that applied it, in whatever state they were: `shard node`. */
  readonly appliedOn: Set<string>;
}

/** What one copy answered for one shard. */
export interface ReadRecord {
  readonly atMs: number;
  readonly sidecarId: string;
  readonly indexId: string;
  readonly uid: string;
  readonly shard: number;
  readonly nodeId: string;
  /** Tasks that were final when it was asked. */
  readonly finalCount: number;
  readonly viewIndex: number;
  readonly docs: ReadonlyMap<string, Doc>;
  /** The copy met a stated exception that the reader could not know of yet. */
  readonly isExcused: boolean;
}

/** The history of one seed. */
export class History {
  readonly writes = new Map<number, WriteRecord>();
  readonly bySeq = new Map<number, WriteRecord>();
  readonly reads: ReadRecord[] = [];
  finalCount = 0;
  #ackedSeq = -1;

  /** A client asks for a write. */
  invoke(write: ClientWrite): void {
    this.writes.set(write.id, {
      write,
      floorSeq: this.#ackedSeq,
      seq: null,
      intent: null,
      isAcknowledged: false,
      finalStatus: null,
      finalOrder: Number.POSITIVE_INFINITY,
      outcomes: new Map(),
      keptKeys: new Set(),
      failedShards: new Set(),
      appliedOn: new Set(),
    });
  }

  /** The client got its answer; `ackedSeq` is null unless it was 202. */
  reply(write: ClientWrite, ackedSeq: number | null): void {
    if (ackedSeq === null) return;
    const record = this.writes.get(write.id);
    if (record === undefined) return;
    record.isAcknowledged = true;
    this.#ackedSeq = Math.max(this.#ackedSeq, ackedSeq);
  }

  /** Its place was committed. Words if that breaks the order of what clients saw. */
  begun(writeId: number, seq: number, intent: Intent | null): string | undefined {
    const record = this.writes.get(writeId);
    if (record === undefined) return `write ${writeId} was never asked for`;
    if (record.seq !== null) return `write ${writeId} has two places: ${record.seq}, ${seq}`;
    if (this.bySeq.has(seq)) return `place ${seq} was given twice`;
    record.seq = seq;
    record.intent = intent;
    this.bySeq.set(seq, record);
    if (seq <= record.floorSeq) {
      return `write ${writeId} got place ${seq} after ${record.floorSeq} was acknowledged`;
    }
    return undefined;
  }

  /** Its task is final, and that is committed. */
  final(seq: number, status: string): string | undefined {
    const record = this.bySeq.get(seq);
    if (record === undefined) return `task ${seq} ended and was never begun`;
    if (record.finalStatus !== null) return `task ${seq} ended twice`;
    record.finalStatus = status;
    record.finalOrder = this.finalCount;
    this.finalCount += 1;
    const { intent } = record;
    for (const [place, shard] of (intent?.shards ?? []).entries()) {
      record.outcomes.set(shard, intent?.outcomes[place] ?? 'out');
    }
    return undefined;
  }
}
