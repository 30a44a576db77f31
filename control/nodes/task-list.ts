/** Reads of a node's list of tasks, page by page. */
import type { JsonObject, NodeTask, TaskError } from '../state/index.ts';
import type { ControlNode } from './node.ts';

const PAGE = 1_000;
const PAGES_MAX = 1_000;

/** A task as a node shows it. */
export interface RawTask {
  readonly uid: number;
  readonly batchUid: number | null;
  readonly indexUid: string | null;
  readonly status: 'enqueued' | NodeTask['status'];
  readonly type: string;
  readonly details?: JsonObject;
  readonly error: TaskError | null;
  readonly enqueuedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly customMetadata?: string;
}

interface RawPage {
  readonly results: readonly RawTask[];
  readonly next: number | null;
}

/**
 * All tasks with uid >= `from` that the filter (query text such as `types=indexSwap`) leaves, ascending.
 * Undefined if the node did not answer: an incomplete list is no list.
 */
export async function listTasksFrom(
  node: ControlNode,
  from: number,
  options: { readonly filter: string; readonly signal?: AbortSignal },
): Promise<RawTask[] | undefined> {
  const tasks: RawTask[] = [];
  let next: number | null = from;
  for (let page = 0; next !== null && page < PAGES_MAX; page += 1) {
    const filter = options.filter === '' ? '' : `&${options.filter}`;
    const path: string = `/tasks?reverse=true&limit=${PAGE}&from=${next}${filter}`;
    const answer: RawPage | undefined = await node.read<RawPage>(path, options.signal);
    if (answer === undefined) return undefined;
    tasks.push(...answer.results);
    next = answer.next;
  }
  return next === null ? tasks : undefined;
}

/** The given tasks (at most a few hundred), in ascending order; undefined if the node did not answer. */
export async function readTasks(
  node: ControlNode,
  uids: readonly number[],
  signal?: AbortSignal,
): Promise<readonly RawTask[] | undefined> {
  const path = `/tasks?reverse=true&limit=${uids.length}&uids=${uids.join(',')}`;
  const answer = await node.read<RawPage>(path, signal);
  return answer?.results;
}

/** Highest task uid of a node; -1 if it has none, undefined if it did not answer. */
export async function lastTaskUid(
  node: ControlNode,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const answer = await node.read<RawPage>('/tasks?limit=1', signal);
  return answer === undefined ? undefined : (answer.results[0]?.uid ?? -1);
}

/** A begun task as the lane takes it. */
export function toNodeTask(task: RawTask): NodeTask | undefined {
  if (task.status === 'enqueued') return undefined;
  return {
    uid: task.uid,
    status: task.status,
    batchUid: task.batchUid,
    startedAt: task.startedAt,
    finishedAt: task.finishedAt,
    details: task.details ?? null,
    error: task.error,
  };
}
