/** A node reduced to what order matters for: one queue of tasks, worked off one by one, whole or not at all. */

/** A task in a node's queue. */
export interface QueuedTask {
  readonly uid: number;
  readonly type: string;
  readonly indexUid: string | null;
  /** Tag of a document write. */
  readonly tag: string | null;
  /** Place in the lane of the write it belongs to, for the checks only. */
  readonly seq: number;
  readonly body: unknown;
  status: 'enqueued' | 'succeeded' | 'failed';
  error: string | null;
}

/** The node. */
export class ModelNode {
  readonly id: string;
  readonly tasks: QueuedTask[] = [];
  /** Index uid -> the writes its documents saw, in order. */
  indexes = new Map<string, number[]>();
  #applied = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** Puts a task at the end of the queue. */
  enqueue(task: Omit<QueuedTask, 'uid' | 'status' | 'error'>): number {
    const uid = this.tasks.length;
    this.tasks.push({ ...task, uid, status: 'enqueued', error: null });
    return uid;
  }

  /** Works off one task; false if there is none. */
  work(): boolean {
    const task = this.tasks[this.#applied];
    if (task === undefined) return false;
    this.#applied += 1;
    task.error = this.#apply(task);
    task.status = task.error === null ? 'succeeded' : 'failed';
    return true;
  }

  #apply(task: QueuedTask): string | null {
    const uid = task.indexUid ?? '';
    const has = this.indexes.has(uid);
    switch (task.type) {
      case 'indexCreation':
        if (has) return 'index_already_exists';
        this.indexes.set(uid, []);
        return null;
      case 'indexDeletion':
        if (!has) return 'index_not_found';
        this.indexes.delete(uid);
        return null;
      case 'indexUpdate':
        return this.#rename(uid, (task.body as { uid?: string }).uid ?? uid);
      case 'indexSwap':
        return this.#swap(task.body as NameSwap[]);
      default:
        if (!has) return 'index_not_found';
        if (task.tag !== null) this.indexes.get(uid)?.push(task.seq);
        return null;
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

  #swap(pairs: readonly NameSwap[]): string | null {
    for (const { indexes, rename } of pairs) {
      const [left, right] = indexes;
      if (!this.indexes.has(left)) return 'index_not_found';
      if (this.indexes.has(right) === (rename === true)) {
        return rename === true ? 'index_already_exists' : 'index_not_found';
      }
    }
    for (const { indexes, rename } of pairs) {
      if (rename === true) {
        this.#rename(...indexes);
        continue;
      }
      const [left, right] = indexes.map((uid) => this.indexes.get(uid) as number[]);
      this.indexes.set(indexes[0], right as number[]);
      this.indexes.set(indexes[1], left as number[]);
    }
    return null;
  }
}

/** One exchange of names; with `rename` the second must be free. */
interface NameSwap {
  readonly indexes: readonly [string, string];
  readonly rename?: boolean;
}
