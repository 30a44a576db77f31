/**
 * DELETE /tasks. The tasks of nodes stay: their tags are what writes are looked up by. Ours are hidden from
 * every list. A node deletes what has ended by the time it comes to the deletion, so what is being worked
 * on when the deletion takes its place is waited for.
 */
import type { Intent, State, TaskChoice } from '../state/index.ts';
import { listTasks } from './list.ts';
import { readTaskQuery } from './query.ts';

/** Chooses the tasks as of now. */
export function planTaskDeletion(state: State, body: unknown): TaskChoice {
  const query = readTaskQuery(body);
  const uids = query === undefined ? [] : listTasks(state, query).uids;
  const deletable = uids.filter((uid) => state.summaries[uid]?.status !== 'enqueued');
  return { matchedCount: uids.length, uids: deletable };
}

/** Hides what was chosen and has ended; how many tasks that were. */
export function deleteTasks(state: State, intent: Intent): number {
  const deleted = (intent.tasks?.uids ?? []).filter((uid) => {
    const summary = state.summaries[uid];
    const isOpen = state.open.get(uid)?.intent.isFinal === false;
    return summary !== undefined && !summary.isDeleted && !isOpen;
  });
  hideTasks(state, toRanges(deleted));
  if (deleted.length > 0) state.touchedDeletions.set(intent.seq, toRanges(deleted));
  return deleted.length;
}

/** Takes tasks out of every list. `ranges`: first and last uid of each. */
export function hideTasks(state: State, ranges: readonly (readonly [number, number])[]): void {
  for (const [first, last] of ranges) {
    for (const summary of state.summaries.slice(first, last + 1)) summary.isDeleted = true;
  }
}

function toRanges(uids: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const uid of [...uids].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === uid - 1) last[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges;
}
