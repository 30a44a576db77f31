/**
 * GET /batches: batches are made of the tasks that carry their uid, so that they are found by the same
 * filters. One is listed as long as one of its tasks is. As on a node, only a batch that is being worked on
 * is `processing`, `canceledBy` finds the batches of cancelations, and `total` knows nothing of `from`,
 * `limit` and of what the caller's key may see. Pure.
 */
import type { State, TaskSummary } from '../state/index.ts';
import { isAllowed, type TaskQuery } from './list.ts';
import { firstName } from './names.ts';

/** One batch by its tasks, deleted ones included, in the order of their uids. */
export interface BatchTasks {
  readonly uid: number;
  readonly tasks: readonly TaskSummary[];
}

/** One page. */
export interface BatchPage {
  readonly batches: readonly BatchTasks[];
  readonly total: number;
  readonly from: number | null;
  readonly next: number | null;
}

/** Finds the page. */
export function listBatches(state: State, query: TaskQuery): BatchPage {
  const matching = [...batchesOf(state).values()].filter(matcher(state, query));
  matching.sort((a, b) => (query.isReverse ? a.uid - b.uid : b.uid - a.uid));
  const isShown = visibility(state, query);
  const page = matching
    .filter(({ uid }) => isFrom(uid, query))
    .slice(0, query.limit + 1)
    .filter(isShown);
  const next = page.length > query.limit ? (page.pop()?.uid ?? null) : null;
  return { batches: page, total: matching.length, from: page[0]?.uid ?? null, next };
}

/** One batch; undefined if there is none or the key may not see it. */
export function findBatch(
  state: State,
  uid: number,
  allowedIndexes: readonly string[],
): BatchTasks | undefined {
  const tasks = state.summaries.filter((summary) => summary.batchUid === uid);
  if (tasks.every((task) => task.isDeleted)) return undefined;
  const batch = { uid, tasks };
  return visibility(state, { indexUids: [], allowedIndexes })(batch) ? batch : undefined;
}

/** Whether one of its tasks is not over. */
export function isProcessing(batch: BatchTasks): boolean {
  return batch.tasks.some((task) => task.status === 'processing');
}

function batchesOf(state: State): Map<number, BatchTasks> {
  const batches = new Map<number, { uid: number; tasks: TaskSummary[] }>();
  for (const summary of state.summaries) {
    if (summary.batchUid === null) continue;
    const batch = batches.get(summary.batchUid);
    if (batch === undefined) {
      batches.set(summary.batchUid, { uid: summary.batchUid, tasks: [summary] });
    } else {
      batch.tasks.push(summary);
    }
  }
  for (const [uid, { tasks }] of batches) {
    if (tasks.every((task) => task.isDeleted)) batches.delete(uid);
  }
  return batches;
}

function isFrom(uid: number, query: TaskQuery): boolean {
  if (query.from === undefined) return true;
  return query.isReverse ? uid >= query.from : uid <= query.from;
}

function matcher(state: State, query: TaskQuery): (batch: BatchTasks) => boolean {
  const { uids, batchUids, canceledBy, types, statuses, indexUids } = query;
  return (batch) =>
    isOneOf(batchUids, [batch.uid]) &&
    isOneOf(statuses, statusesOf(batch)) &&
    isOneOf(
      uids,
      shownTasks(batch).map((task) => task.uid),
    ) &&
    isOneOf(
      canceledBy,
      shownTasks(batch)
        .filter(isDoneCancelation)
        .map((task) => task.uid),
    ) &&
    isOneOf(
      types,
      batch.tasks.map((task) => task.type),
    ) &&
    isOneOf(
      indexUids,
      batch.tasks.flatMap((task) => indexNamesOf(state, task)),
    ) &&
    isInTime(batch, query);
}

function isOneOf<Item>(wanted: readonly Item[], own: readonly Item[]): boolean {
  return wanted.length === 0 || own.some((item) => wanted.includes(item));
}

function shownTasks(batch: BatchTasks): readonly TaskSummary[] {
  return batch.tasks.filter((task) => !task.isDeleted);
}

function isDoneCancelation(task: TaskSummary): boolean {
  return task.type === 'taskCancelation' && task.status === 'succeeded';
}

function statusesOf(batch: BatchTasks): string[] {
  if (isProcessing(batch)) return ['processing'];
  return batch.tasks.map((task) => task.status);
}

/** Every index a task was about when it was worked on: both names of a rename, all of a swap. */
function indexNamesOf(state: State, task: TaskSummary): string[] {
  const groups = task.group === null ? task.otherGroups : [task.group, ...task.otherGroups];
  return groups.map((group) => firstName(state, group));
}

function isInTime(batch: BatchTasks, query: TaskQuery): boolean {
  const enqueued = batch.tasks.map((task) => task.enqueuedMs);
  const isEnqueuedBetween = [Math.min(...enqueued), Math.max(...enqueued)].some((ms) =>
    isBetween(ms, query.afterEnqueuedMs, query.beforeEnqueuedMs),
  );
  const { startedMs, finishedMs } = timesOf(batch);
  return (
    isEnqueuedBetween &&
    isBetween(startedMs, query.afterStartedMs, query.beforeStartedMs) &&
    isBetween(finishedMs, query.afterFinishedMs, query.beforeFinishedMs)
  );
}

function timesOf(batch: BatchTasks): { readonly startedMs: number; readonly finishedMs: number } {
  return {
    startedMs: Math.min(...batch.tasks.map((task) => task.startedMs)),
    finishedMs: Math.max(...batch.tasks.map((task) => task.finishedMs)),
  };
}

/** Comparisons with NaN (no such time yet) are false, as on a node. */
function isBetween(value: number, after: number | undefined, before: number | undefined): boolean {
  return (after === undefined || value > after) && (before === undefined || value < before);
}

/**
 * What may stand on a page. Under names or a restricted key a node takes out the batches whose uids are
 * those of tasks of no single index (it mixes up the two kinds of uids; so do we), and under a restricted
 * key those that touch only indexes the key may not use.
 */
function visibility(
  state: State,
  query: Pick<TaskQuery, 'indexUids' | 'allowedIndexes'>,
): (batch: BatchTasks) => boolean {
  const { indexUids, allowedIndexes } = query;
  if (indexUids.length === 0 && allowedIndexes.length === 0) return () => true;
  return (batch) => {
    const namesake = state.summaries[batch.uid];
    if (namesake !== undefined && !namesake.isDeleted && namesake.group === null) return false;
    const names = batch.tasks.flatMap((task) => indexNamesOf(state, task));
    return names.length === 0 || names.some((name) => isAllowed(name, allowedIndexes));
  };
}
