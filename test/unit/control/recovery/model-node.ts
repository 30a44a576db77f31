/** A model node of the recovery tests: documents in a map, tasks in a queue that is worked off when told to. */
import type { NodeTask, TailTask } from '../../../../control/state/index.ts';

/** A document of a model node. */
export interface Document {
  readonly version: bigint;
  readonly color: string;
}

/** What a task does to the documents. */
export type Change = (documents: Map<string, Document>) => void;

/** A task in a node's queue. */
export interface QueuedTask {
  readonly uid: number;
  readonly tag: string | null;
  readonly change: Change;
  readonly mayFail: boolean;
  status: 'enqueued' | 'succeeded' | 'failed';
}

/** A model node. */
export class ModelNode {
  readonly documents = new Map<string, Document>();
  tasks: QueuedTask[] = [];
  isUp = true;
  /** The next client's task fails. */
  failsNext = false;
  marker: 'ours' | 'absent' | 'older' = 'ours';

  enqueue(tag: string | null, change: Change, mayFail = false): number {
    const uid = (this.tasks.at(-1)?.uid ?? -1) + 1;
    this.tasks.push({ uid, tag, change, mayFail, status: 'enqueued' });
    return uid;
  }

  /** Works off its queue. */
  work(): void {
    for (const task of this.tasks) {
      if (task.status !== 'enqueued') continue;
      if (task.mayFail && this.failsNext) {
        this.failsNext = false;
        task.status = 'failed';
        continue;
      }
      task.change(this.documents);
      task.status = 'succeeded';
    }
  }
}

/** A task as control's reading of the node shows it. */
export function toTailTask(task: QueuedTask): TailTask {
  const { uid, tag, status } = task;
  const base = { uid, tag, enqueuedAt: null, indexUid: 'cars', documentCount: null };
  if (status === 'enqueued') return { ...base, task: null };
  const ended: NodeTask = {
    uid,
    status,
    batchUid: uid,
    startedAt: '2026-11-23T20:00:00Z',
    finishedAt: '2026-11-23T20:00:01Z',
    details: {},
    error:
      status === 'failed' ? { message: 'no', code: 'internal', type: 'internal', link: '' } : null,
  };
  return { ...base, task: ended };
}
