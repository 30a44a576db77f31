/**
 * A model of a stock node: one queue of tasks, worked off one by one, each whole or not at all, later than
 * it was taken in. It neither fences nor orders anything. It can fail a task alone, be wiped, or come back
 * as it was some time ago.
 */
import { applyWrite, type ClientWrite, type Doc } from './documents.ts';
import type { TouchedShard } from './touched.ts';

/** An index on a node. */
export interface NodeIndex {
  /** Id of the catalog's index it was made for: for the checks only, it moves with swaps. */
  identity: string;
  /** Version of the settings: the lane places of the changes it saw. */
  settings: string[];
  readonly docs: Map<string, Doc>;
}

/** What a task does. */
export type TaskWork =
  /** Part of a client's write: these keys, or for writes without keys the documents of these shards. */
  | {
      readonly kind: 'write';
      readonly write: ClientWrite;
      readonly seq: number;
      readonly keys: readonly string[];
    }
  /** Documents put and removed whole. */
  | {
      readonly kind: 'fix';
      readonly puts: ReadonlyMap<string, Doc>;
      readonly deletes: readonly string[];
    }
  /** Control writes its marker. */
  | { readonly kind: 'marker'; readonly marker: string }
  /** A call of control on the index itself. */
  | {
      readonly kind: 'step';
      readonly type: string;
      readonly body: unknown;
      /** For the checks: id of the index it makes. */
      readonly identity: string;
      readonly label: string;
    };

/** A task in a node's queue. */
export interface ModelTask {
  readonly uid: number;
  readonly type: string;
  readonly indexUid: string;
  readonly tag: string | null;
  /** When it was taken in, as the node writes it. */
  readonly enqueuedAt: string;
  /** Place in the lane of the write it belongs to; for the checks only. */
  readonly seq: number;
  readonly work: TaskWork;
  /** It arrived after its send was accounted for, or after the reading by which it was, or again. */
  isLate: boolean;
  status: 'enqueued' | 'processing' | 'succeeded' | 'failed' | 'canceled';
  errorCode: string | null;
  /** When it ended. */
  endedAtMs: number;
  /** What it changed, on the index that had its name when it was worked on. */
  touched: readonly TouchedShard[];
}

/** What a node is asked to put into its queue. */
export type TaskRequest = Pick<ModelTask, 'type' | 'indexUid' | 'tag' | 'seq' | 'work' | 'isLate'>;

/** What of a node is kept in a snapshot. */
interface Snapshot {
  readonly tasks: readonly ModelTask[];
  readonly applied: number;
  readonly indexes: ReadonlyMap<string, NodeIndex>;
  readonly marker: string | null;
}

/** The node. */
export class ModelNode {
  readonly id: string;
  readonly group: number;
  isUp = true;
  /** Rises whenever the process begins anew: all connections to it are lost then. */
  incarnation = 1;
  /** It answers nothing and works on nothing until then, without losing a connection. */
  stalledUntilMs = 0;
  /** Requests that came while it was stalled, in order: what takes them once it goes on. */
  readonly waiting: (() => void)[] = [];
  /** The marker document that control keeps there, as text. */
  marker: string | null = null;
  tasks: ModelTask[] = [];
  applied = 0;
  indexes = new Map<string, NodeIndex>();
  /** A task was cancelled here. */
  onCancel: (task: ModelTask) => void = () => {};
  #snapshot: Snapshot | undefined;

  constructor(id: string, group: number) {
    this.id = id;
    this.group = group;
  }

  /** Puts a task at the end of the queue. */
  enqueue(request: TaskRequest, nowMs: number): ModelTask {
    const uid = this.tasks.length;
    const task: ModelTask = {
      ...request,
      uid,
      enqueuedAt: String(nowMs),
      status: 'enqueued',
      errorCode: null,
      endedAtMs: 0,
      touched: [],
    };
    this.tasks.push(task);
    return task;
  }

  get hasWork(): boolean {
    return this.next !== undefined;
  }

  /** What it works on next: cancelations come before all else. */
  get next(): ModelTask | undefined {
    while (isEnded(this.tasks[this.applied])) this.applied += 1;
    const waiting = this.tasks.slice(this.applied);
    const cancelation = waiting.find((task) => task.type === CANCELATION && !isEnded(task));
    return cancelation ?? waiting[0];
  }

  /** Works off one task; `failure` makes it fail for the node's own reasons. */
  work(nowMs: number, failure: string | null): ModelTask | undefined {
    const task = this.next;
    if (task === undefined) return undefined;
    task.endedAtMs = nowMs;
    task.errorCode = failure ?? this.#apply(task);
    task.status = task.errorCode === null ? 'succeeded' : 'failed';
    return task;
  }

  keepSnapshot(): void {
    this.#snapshot = this.#copy();
  }

  /** Whether a rollback would lose anything. */
  get isBehindSnapshot(): boolean {
    return this.#snapshot !== undefined && this.#snapshot.tasks.length < this.tasks.length;
  }

  /** Comes back as it was when the snapshot was made. */
  rollBack(): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return;
    const { tasks, applied, indexes, marker } = snapshot;
    this.tasks = tasks.map((task) => ({ ...task }));
    this.applied = applied;
    this.indexes = copyIndexes(indexes);
    this.marker = marker;
    this.incarnation += 1;
  }

  /** Comes back with nothing. */
  wipe(): void {
    this.tasks = [];
    this.applied = 0;
    this.indexes = new Map();
    this.marker = null;
    this.#snapshot = undefined;
    this.incarnation += 1;
  }

  #copy(): Snapshot {
    return {
      tasks: this.tasks.map((task) => ({ ...task })),
      applied: this.applied,
      indexes: copyIndexes(this.indexes),
      marker: this.marker,
    };
  }

  #apply(task: ModelTask): string | null {
    const { work, indexUid } = task;
    if (work.kind === 'step') return this.#applyStep(task, work);
    if (work.kind === 'marker') {
      this.marker = work.marker;
      return null;
    }
    const index = this.indexes.get(indexUid) ?? this.#makeFor(task);
    if (index === undefined) return 'index_not_found';
    if (work.kind === 'fix') {
      for (const [key, doc] of work.puts) index.docs.set(key, doc);
      for (const key of work.deletes) index.docs.delete(key);
      return null;
    }
    if (work.write.isBad) return 'invalid_document_geo_field';
    for (const key of work.keys) {
      const doc = applyWrite(work.write, work.seq, key, index.docs.get(key));
      if (doc === undefined) index.docs.delete(key);
      else index.docs.set(key, doc);
    }
    return null;
  }

  /** Documents make their index on a node; deletions and edits need it. */
  #makeFor({ work, indexUid }: ModelTask): NodeIndex | undefined {
    const isAddition =
      work.kind === 'fix'
        ? work.puts.size > 0
        : work.kind === 'write' && ADDITIONS.includes(work.write.kind);
    if (!isAddition) return undefined;
    const index = { identity: '', settings: [], docs: new Map<string, Doc>() };
    this.indexes.set(indexUid, index);
    return index;
  }

  #cancel(uids: readonly number[], nowMs: number): void {
    for (const uid of uids) {
      const task = this.tasks[uid];
      if (task?.status !== 'enqueued') continue;
      task.status = 'canceled';
      task.endedAtMs = nowMs;
      this.onCancel(task);
    }
  }

  #applyStep(task: ModelTask, work: Extract<TaskWork, { kind: 'step' }>): string | null {
    const uid = task.indexUid;
    const index = this.indexes.get(uid);
    switch (work.type) {
      case 'indexCreation':
        if (index !== undefined) {
          // An empty one is as good as a new one: whoever finds it goes on with it.
          if (index.docs.size === 0) index.identity = work.identity;
          return 'index_already_exists';
        }
        this.indexes.set(uid, { identity: work.identity, settings: [], docs: new Map() });
        return null;
      case 'settingsUpdate':
        if (index === undefined) {
          // Settings make their index as well.
          const { identity, label } = work;
          this.indexes.set(uid, { identity, settings: [label], docs: new Map() });
        } else index.settings.push(work.label);
        return null;
      case 'indexDeletion':
        if (index === undefined) return 'index_not_found';
        this.indexes.delete(uid);
        return null;
      case 'snapshotCreation':
        return null;
      case CANCELATION:
        this.#cancel((work.body as { uids: number[] }).uids, task.endedAtMs);
        return null;
      case 'indexUpdate':
        return this.#rename(uid, (work.body as { uid?: string } | null)?.uid ?? uid);
      case 'indexSwap':
        return this.#swap(work.body as { indexes: [string, string]; rename?: boolean }[]);
      default:
        throw new Error(`the model knows no task ${work.type}`);
    }
  }

  #rename(from: string, to: string): string | null {
    const index = this.indexes.get(from);
    if (index === undefined) return 'index_not_found';
    if (from !== to && this.indexes.has(to)) return 'index_already_exists';
    this.indexes.delete(from);
    this.indexes.set(to, index);
    return null;
  }

  #swap(
    pairs: readonly { readonly indexes: readonly [string, string]; readonly rename?: boolean }[],
  ): string | null {
    for (const { indexes, rename } of pairs) {
      const [left, right] = indexes;
      if (!this.indexes.has(left)) return 'index_not_found';
      if (rename === true && this.indexes.has(right)) return 'index_already_exists';
      if (rename !== true && !this.indexes.has(right)) return 'index_not_found';
    }
    for (const { indexes, rename } of pairs) {
      if (rename === true) {
        this.#rename(...indexes);
        continue;
      }
      const [left, right] = indexes.map((uid) => this.indexes.get(uid) as NodeIndex);
      this.indexes.set(indexes[0], right as NodeIndex);
      this.indexes.set(indexes[1], left as NodeIndex);
    }
    return null;
  }
}

const CANCELATION = 'taskCancelation';
const ADDITIONS: readonly string[] = ['documentsReplace', 'documentsUpdate'];

function isEnded(task: ModelTask | undefined): boolean {
  return task !== undefined && task.status !== 'enqueued';
}

function copyIndexes(indexes: ReadonlyMap<string, NodeIndex>): Map<string, NodeIndex> {
  return new Map(
    [...indexes].map(([uid, index]) => [
      uid,
      { identity: index.identity, settings: [...index.settings], docs: new Map(index.docs) },
    ]),
  );
}
