/**
 * The stand-in itself, without HTTP: indexes, the task queue and its order of work, keys, features.
 * One batch at a time, as on a node: tasks of one index that go together are done together.
 */
import { EventEmitter } from 'node:events';
import { EngineError } from './errors.ts';
import { Features } from './features.ts';
import { KeyStore } from './keys.ts';
import { runBatch } from './run-batch.ts';
import { IndexStore } from './store.ts';
import { type Batch, firstDetails, type Task, type TaskWork } from './tasks.ts';

/** Something that happened and must be found again after a restart. */
export type EngineEvent =
  | { readonly kind: 'task'; readonly task: Task }
  | { readonly kind: 'batch'; readonly batch: Batch };

/** Where an engine gets the time from and what it is kept by. */
export interface EngineOptions {
  readonly masterKey: string | undefined;
  readonly now: () => string;
  /** Told before the change is answered. */
  readonly onEvent: (event: EngineEvent) => void;
}

/** State of one node. */
export class Engine {
  readonly indexes = new Map<string, IndexStore>();
  readonly tasks = new Map<number, Task>();
  readonly batches = new Map<number, Batch>();
  readonly keys: KeyStore;
  readonly features = new Features();
  readonly now: () => string;
  readonly masterKey: string | undefined;
  /** While true no batch begins. */
  isPaused = false;
  /** How long every batch takes at least. */
  batchDelayMs = 0;
  private nextTaskUid = 0;
  private nextBatchUid = 0;
  private readonly waiting = new Set<number>();
  private isWorking = false;
  private isStopped = false;
  private readonly onEvent: (event: EngineEvent) => void;
  private readonly bell = new EventEmitter();

  constructor(options: EngineOptions) {
    this.masterKey = options.masterKey;
    this.now = options.now;
    this.onEvent = options.onEvent;
    this.keys = new KeyStore(options.masterKey, options.now);
  }

  /** The index, or the complaint that there is none. */
  index(uid: string): IndexStore {
    const index = this.indexes.get(uid);
    if (index === undefined)
      throw new EngineError('index_not_found', `Index \`${uid}\` not found.`);
    return index;
  }

  /** Makes an index where there is none. */
  ensureIndex(uid: string): IndexStore {
    let index = this.indexes.get(uid);
    if (index === undefined) {
      index = new IndexStore(uid, undefined, this.now());
      this.indexes.set(uid, index);
    }
    return index;
  }

  /** Puts work at the end of the queue. */
  enqueue(work: TaskWork, indexUid: string | null, customMetadata?: string): Task {
    const task: Task = {
      uid: this.nextTaskUid,
      indexUid,
      work,
      status: 'enqueued',
      batchUid: null,
      canceledBy: null,
      details: {
        ...(work.type === 'indexUpdate' && work.newUid !== undefined
          ? { primaryKey: work.primaryKey, oldIndexUid: indexUid }
          : {}),
        ...firstDetails(work),
      },
      error: null,
      enqueuedAt: this.now(),
      startedAt: null,
      finishedAt: null,
      customMetadata,
    };
    this.onEvent({ kind: 'task', task });
    this.admit(task);
    this.wake();
    return task;
  }

  /** Takes a task into the queue without telling anyone (restart). */
  admit(task: Task): void {
    this.nextTaskUid = Math.max(this.nextTaskUid, task.uid + 1);
    this.tasks.set(task.uid, task);
    this.waiting.add(task.uid);
  }

  /** Lets the queue look for work, e.g. after a pause. */
  wake(): void {
    if (this.isWorking || this.isStopped) return;
    this.isWorking = true;
    setImmediate(() => this.work());
  }

  /** No further batch begins; a running one is at its end. */
  stop(): void {
    this.isStopped = true;
    this.bell.emit('stop');
  }

  private work(): void {
    const batch = this.isPaused || this.isStopped ? undefined : this.nextBatch();
    if (batch === undefined) {
      this.isWorking = false;
      return;
    }
    this.begin(batch);
    const timer = setTimeout(() => {
      this.bell.removeAllListeners('stop');
      this.finish(batch);
      setImmediate(() => this.work());
    }, this.batchDelayMs);
    this.bell.once('stop', () => clearTimeout(timer));
  }

  private begin(batch: Batch): void {
    for (const uid of batch.taskUids) {
      const task = this.tasks.get(uid);
      if (task === undefined) continue;
      task.status = 'processing';
      task.batchUid = batch.uid;
      task.startedAt = batch.startedAt;
    }
    this.batches.set(batch.uid, batch);
  }

  private finish(batch: Batch): void {
    batch.finishedAt = this.now();
    this.apply(batch);
    this.onEvent({ kind: 'batch', batch });
  }

  /** Does the work of a batch whose time is known: now, or again after a restart. */
  replay(batch: Batch): void {
    this.begin(batch);
    this.apply(batch);
  }

  private apply(batch: Batch): void {
    this.nextBatchUid = Math.max(this.nextBatchUid, batch.uid + 1);
    const tasks = batch.taskUids.flatMap((uid) => this.tasks.get(uid) ?? []);
    for (const task of tasks) this.waiting.delete(task.uid);
    runBatch(this, batch, tasks);
    for (const uid of batch.taskUids) {
      const task = this.tasks.get(uid);
      if (task === undefined) continue;
      batch.indexUids.set(uid, task.indexUid);
      batch.details.set(uid, task.details);
    }
    for (const task of tasks) {
      this.waiting.delete(task.uid);
      task.finishedAt = batch.finishedAt;
      dropPayload(task);
    }
  }

  /** A canceled task does not wait any more. */
  forget(uid: number): void {
    this.waiting.delete(uid);
  }

  private nextBatch(): Batch | undefined {
    const uids = this.chooseTasks();
    if (uids.length === 0) return undefined;
    const batch: Batch = {
      uid: this.nextBatchUid,
      taskUids: uids,
      indexUids: new Map(),
      details: new Map(),
      startedAt: this.now(),
      finishedAt: null,
    };
    this.nextBatchUid += 1;
    return batch;
  }

  private chooseTasks(): number[] {
    const tasks = [...this.waiting]
      .sort((a, b) => a - b)
      .flatMap((uid) => this.tasks.get(uid) ?? []);
    const ofType = (type: string) => tasks.filter((task) => task.work.type === type);
    const cancelation = ofType('taskCancelation').at(-1);
    if (cancelation !== undefined) return [cancelation.uid];
    const deletions = ofType('taskDeletion');
    if (deletions.length > 0) return deletions.map((task) => task.uid);
    const first = tasks[0];
    if (first === undefined) return [];
    if (first.indexUid === null) return [first.uid];
    const uid = first.indexUid;
    const index = this.indexes.get(uid);
    return takeTogether(
      tasks.filter((task) => task.indexUid === uid || task.work.type === 'indexSwap'),
      index,
    );
  }
}

/** The first tasks of an index that a node does in one batch. */
function takeTogether(tasks: readonly Task[], index: IndexStore | undefined): number[] {
  const taken: number[] = [];
  let mode: string | undefined;
  let primaryKey: string | undefined;
  for (const task of tasks) {
    const { work } = task;
    const kind = batchKind(work);
    if (mode === undefined) {
      mode = kind;
    } else if (kind === 'drop' && mode !== 'alone') {
      taken.push(task.uid);
      return taken;
    } else {
      const next = combine(mode, kind);
      if (next === undefined) return taken;
      mode = next;
    }
    if (work.type === 'documentAdditionOrUpdate' && work.primaryKey !== undefined) {
      const known = index?.primaryKey ?? primaryKey;
      const isOther = known === undefined ? taken.length > 0 : known !== work.primaryKey;
      if (isOther) return taken.length > 0 ? taken : [task.uid];
      primaryKey = work.primaryKey;
    }
    taken.push(task.uid);
    if (mode === 'alone' || mode === 'drop') return taken;
  }
  return taken;
}

function batchKind(work: TaskWork): string {
  switch (work.type) {
    case 'documentAdditionOrUpdate':
      return 'add';
    case 'documentDeletion':
      if (work.filter !== undefined) return 'deleteByFilter';
      return work.ids === undefined ? 'clear' : 'delete';
    case 'settingsUpdate':
      return 'settings';
    case 'indexDeletion':
      return 'drop';
    default:
      return 'alone';
  }
}

/** What a batch of one mode becomes with one more task, or undefined if they do not go together. */
function combine(mode: string, kind: string): string | undefined {
  const pair = `${mode}+${kind}`;
  if (mode === kind && mode !== 'alone') return mode;
  if (pair === 'add+delete' || pair === 'delete+add') return 'add';
  if (pair === 'delete+deleteByFilter' || pair === 'deleteByFilter+delete') return 'deleteByFilter';
  if (kind === 'clear' && (mode === 'add' || mode.startsWith('delete'))) return 'clear';
  if (mode === 'clear' && kind.startsWith('delete')) return 'clear';
  return undefined;
}

/** A finished task keeps its details only. */
function dropPayload(task: Task): void {
  if (task.work.type === 'documentAdditionOrUpdate') task.work = { ...task.work, documents: [] };
}
