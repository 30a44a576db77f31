/** The end of a write: its task is final and the catalog says so; later the intent itself is over. */
import { applyToCatalog } from '../catalog/index.ts';
import { isUnfinished, shardsOn } from '../copies/index.ts';
import type { Intent, Now, OpenIntent, State, TaskRecord } from '../state/index.ts';
import {
  batchFor,
  countCancelled,
  deleteTasks,
  endOf,
  finalDetails,
  formatTime,
  isCancelled,
  mainTasks,
  startOf,
  swapGroupNames,
  updateTask,
} from '../tasks/index.ts';
import { errorOf } from './outcome.ts';
import { isIndexMade } from './uncreate.ts';

/** Makes the task final. */
export function finishTask(state: State, open: OpenIntent, now: Now): void {
  const { intent } = open;
  intent.isFinal = true;
  state.touchIntent(intent);
  const task = state.tasks.get(intent.seq);
  if (task === undefined) return;
  const providedIds = task.details?.['providedIds'];
  const isCanceled = isCancelled(intent);
  const error = isCanceled
    ? null
    : errorOf(intent, typeof providedIds === 'number' ? providedIds : 0);
  const isSuccess = error === null && !isCanceled;
  const finishedAt = endOf(intent) ?? formatTime(now.wallNs);
  task.details = detailsOf(state, task, intent);
  task.error = error;
  task.status = error === null ? 'succeeded' : 'failed';
  if (isCanceled) noteCanceled(state, task, intent);
  task.startedAt = startOf(intent) ?? finishedAt;
  task.finishedAt = finishedAt;
  if (task.batchUid === null) task.batchUid = batchOf(state, intent);
  updateTask(state, task);
  const outcome = { isSuccess, isIndexMade: isIndexMade(state, intent), finishedAt };
  applyToCatalog(state, intent, outcome);
  if (isSuccess) {
    for (const swap of intent.swaps) swapGroupNames(state, swap.left, swap.right, intent.seq);
  }
  state.emit({ kind: 'taskFinished', seq: intent.seq, status: task.status });
}

/**
 * Whether nothing of a final intent is under way any more: no send is unknown and no node works on it. One
 * whose index is gone has nothing left to be told.
 */
export function isOver(state: State, intent: Intent): boolean {
  if (!intent.isFinal) return false;
  if (intent.indexId !== null && !state.indexes.has(intent.indexId)) return true;
  return !Object.values(intent.targets).some(isUnfinished);
}

/** A cancelled task is of the batch of its cancelation, as on a node. */
function noteCanceled(state: State, task: TaskRecord, intent: Intent): void {
  task.status = 'canceled';
  task.canceledBy = intent.canceledBy;
  const cancelation = state.tasks.get(intent.canceledBy ?? -1);
  if (cancelation === undefined) return;
  if (cancelation.batchUid === null) {
    cancelation.batchUid = batchFor(state, undefined, null);
    updateTask(state, cancelation);
  }
  task.batchUid = cancelation.batchUid;
}

function detailsOf(state: State, task: TaskRecord, intent: Intent): TaskRecord['details'] {
  if (intent.kind === 'tasksCancel') {
    return { ...task.details, canceledTasks: countCancelled(state, intent) };
  }
  if (intent.kind === 'tasksDelete') {
    return { ...task.details, deletedTasks: deleteTasks(state, intent) };
  }
  const index = state.indexes.get(intent.indexId ?? '');
  return finalDetails(task, intent, (nodeId) => (index ? shardsOn(index, nodeId) : []));
}

/** Our batch of the first node's task that does the write itself. */
export function batchOf(state: State, intent: Intent): number {
  const [first] = mainTasks(intent);
  const place =
    first === undefined
      ? undefined
      : (intent.steps.find((step) => step.task === first)?.nodeId ??
        Object.entries(intent.targets).find(([, target]) =>
          Object.values(target.parts).some((part) => part.task === first),
        )?.[0]);
  return batchFor(state, place, first?.batchUid ?? null);
}
