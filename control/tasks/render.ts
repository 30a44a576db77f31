/** A task as Meilisearch's GET /tasks/:uid shows it: every field, in its order. Pure. */

import type { State, TaskRecord } from '../state/index.ts';
import { groupName } from './names.ts';
import { durationBetween } from './time.ts';

/** JSON text of a task. */
export function renderTask(state: State, task: TaskRecord): string {
  const details = detailsOf(state, task);
  return JSON.stringify({
    uid: task.uid,
    batchUid: task.batchUid,
    indexUid: task.group === null ? null : groupName(state, task.group),
    status: task.status,
    type: task.type,
    canceledBy: task.canceledBy,
    ...(details === null ? {} : { details }),
    error: task.error,
    duration: durationBetween(task.startedAt, task.finishedAt),
    enqueuedAt: task.enqueuedAt,
    startedAt: task.startedAt,
    finishedAt: task.finishedAt,
    ...(task.customMetadata === null ? {} : { customMetadata: task.customMetadata }),
  });
}

/** Details with the names of a swap: of tasks they follow later renames (`groupName`). */
export function detailsOf(
  state: State,
  task: TaskRecord,
  nameOf: typeof groupName = groupName,
): unknown {
  if (task.type !== 'indexSwap') return task.details;
  return {
    swaps: task.swapGroups.map(({ groups, rename }) => ({
      indexes: groups.map((group) => nameOf(state, group)),
      rename,
    })),
  };
}
