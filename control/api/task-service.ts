/** TaskService: one task or a filtered list. Reads wait for the commits under way, so nothing shown is undone. */
import { status } from '@grpc/grpc-js';
import type { Position } from '../../core/topology.ts';
import type { ListTasksRequest, TaskServiceServer } from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import { decodeJson, numberedKey, PREFIX, type Runner } from '../machine/index.ts';
import type { State, TaskRecord } from '../state/index.ts';
import type { Store } from '../store/index.ts';
import {
  groupName,
  isAllowed,
  listTasks,
  renderTask,
  type TaskQuery,
  timeMs,
} from '../tasks/index.ts';
import { toPosition } from './view-messages.ts';

const LIMIT_MAX = 1_000;

/** What the service reads. */
export interface TaskServiceOptions {
  readonly state: State;
  readonly store: Pick<Store, 'get'>;
  readonly runner: Pick<Runner, 'settled'>;
  /** What a reader must have seen to know all that finished tasks did. */
  readonly viewPosition: () => Position;
}

/** Handlers for the gRPC server, without those of batches. */
export function taskHandlers(
  options: TaskServiceOptions,
): Pick<TaskServiceServer, 'getTask' | 'listTasks'> {
  const { state, runner, viewPosition } = options;
  return {
    getTask: (call, answer) => {
      const uid = Number(call.request.uid);
      runner.settled().then(
        () => {
          const taskJson = taskBytes(options, uid, call.request.allowedIndexes);
          answer(null, {
            ...(taskJson === undefined ? {} : { taskJson }),
            position: toPosition(viewPosition()),
          });
        },
        () => answer({ code: status.UNAVAILABLE, details: 'the store failed' }),
      );
    },
    listTasks: (call, answer) => {
      runner.settled().then(
        () => {
          const page = listTasks(state, toQuery(call.request));
          answer(null, {
            tasksJson: page.uids.flatMap((uid) => taskBytes(options, uid, []) ?? []),
            total: BigInt(page.total),
            ...(page.from === null ? {} : { from: BigInt(page.from) }),
            ...(page.next === null ? {} : { next: BigInt(page.next) }),
            position: toPosition(viewPosition()),
          });
        },
        () => answer({ code: status.UNAVAILABLE, details: 'the store failed' }),
      );
    },
  } as Pick<TaskServiceServer, 'getTask' | 'listTasks'>;
}

function taskBytes(
  options: TaskServiceOptions,
  uid: number,
  allowedIndexes: readonly string[],
): Buffer | undefined {
  const { state } = options;
  const summary = state.summaries[uid];
  if (summary === undefined || summary.isDeleted) return undefined;
  const name = summary.group === null ? null : groupName(state, summary.group);
  if (!isAllowed(name, allowedIndexes)) return undefined;
  const task = readTask(options, uid);
  return task === undefined ? undefined : Buffer.from(renderTask(state, task));
}

/** The record of a task, from memory or from disk; a deleted one as well. */
export function readTask(
  options: Pick<TaskServiceOptions, 'state' | 'store'>,
  uid: number,
): TaskRecord | undefined {
  return options.state.tasks.get(uid) ?? storedTask(options.store, uid);
}

function storedTask(store: Pick<Store, 'get'>, uid: number): TaskRecord | undefined {
  const bytes = store.get(numberedKey(PREFIX.task, uid));
  return bytes === undefined ? undefined : decodeJson<TaskRecord>(bytes);
}

/** The filters of a list. */
export function toQuery(request: ListTasksRequest): TaskQuery {
  const time = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : timeMs(text);
  return {
    limit: Math.min(request.limit, LIMIT_MAX),
    from: request.from === undefined ? undefined : Number(request.from),
    isReverse: request.reverse,
    uids: request.uids.map(Number),
    batchUids: request.batchUids.map(Number),
    canceledBy: request.canceledBy.map(Number),
    types: request.types,
    statuses: request.statuses,
    indexUids: request.indexUids,
    beforeEnqueuedMs: time(request.beforeEnqueuedAt),
    afterEnqueuedMs: time(request.afterEnqueuedAt),
    beforeStartedMs: time(request.beforeStartedAt),
    afterStartedMs: time(request.afterStartedAt),
    beforeFinishedMs: time(request.beforeFinishedAt),
    afterFinishedMs: time(request.afterFinishedAt),
    allowedIndexes: request.allowedIndexes,
  };
}
