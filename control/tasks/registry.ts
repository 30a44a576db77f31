/** The list of all tasks: making one, and keeping its summary in step with its record. */
import { assert } from '../../core/assert.ts';
import type { State, TaskRecord, TaskSummary } from '../state/index.ts';
import { timeMs } from './time.ts';

const BATCHES_KEPT = 4_096;

/** Adds a task; its uid is the next place. */
export function addTask(state: State, task: TaskRecord): void {
  assert(task.uid === state.summaries.length, 'task uids have no gaps');
  state.tasks.set(task.uid, task);
  state.summaries.push(summarize(task));
  state.touchTask(task);
}

/** Takes the changes of a record over into its summary and marks it to be written. */
export function updateTask(state: State, task: TaskRecord): void {
  const summary = state.summaries[task.uid];
  assert(summary !== undefined, 'a task that changes was added');
  summary.status = task.status;
  summary.batchUid = task.batchUid;
  summary.canceledBy = task.canceledBy;
  summary.startedMs = timeMs(task.startedAt);
  summary.finishedMs = timeMs(task.finishedAt);
  state.touchTask(task);
}

/** The summary of a record. */
export function summarize(task: TaskRecord): TaskSummary {
  return {
    uid: task.uid,
    type: task.type,
    status: task.status,
    group: task.group,
    otherGroups: [
      ...(task.newNameGroup === null ? [] : [task.newNameGroup]),
      ...task.swapGroups.flatMap(({ groups }) => groups),
    ],
    batchUid: task.batchUid,
    canceledBy: task.canceledBy,
    enqueuedMs: timeMs(task.enqueuedAt),
    startedMs: timeMs(task.startedAt),
    finishedMs: timeMs(task.finishedAt),
    isDeleted: false,
  };
}

/**
 * The batch uid of a task whose first node put it into one of its batches: tasks that share a node's
 * batch share ours. Without a node (nothing was sent) a batch of its own.
 */
export function batchFor(
  state: State,
  nodeId: string | undefined,
  nodeBatch: number | null,
): number {
  if (nodeId === undefined || nodeBatch === null) return nextBatch(state);
  const name = `${nodeId} ${nodeBatch}`;
  const known = state.batches.get(name);
  if (known !== undefined) return known;
  const batch = nextBatch(state);
  state.batches.set(name, batch);
  if (state.batches.size > BATCHES_KEPT) {
    for (const oldest of state.batches.keys()) {
      state.batches.delete(oldest);
      break;
    }
  }
  return batch;
}

function nextBatch(state: State): number {
  const batch = state.nextBatchUid;
  state.nextBatchUid += 1;
  return batch;
}
