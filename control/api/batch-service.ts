/** The part of TaskService that shows batches: found by their tasks' summaries, shown from their records. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type {
  GetBatchRequest,
  GetBatchResponse,
  ListBatchesRequest,
  ListBatchesResponse,
} from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import type { TaskRecord } from '../state/index.ts';
import { type BatchTasks, findBatch, listBatches, renderBatch } from '../tasks/index.ts';
import { readTask, type TaskServiceOptions, toQuery } from './task-service.ts';
import { toPosition } from './view-messages.ts';

/** Handlers of the two calls. */
export function batchHandlers(options: TaskServiceOptions) {
  const { state, runner, viewPosition } = options;
  const position = () => toPosition(viewPosition());
  return {
    getBatch: (
      call: ServerUnaryCall<GetBatchRequest, GetBatchResponse>,
      answer: sendUnaryData<GetBatchResponse>,
    ) => {
      const { uid, allowedIndexes } = call.request;
      runner.settled().then(
        () => {
          const batch = findBatch(state, Number(uid), allowedIndexes);
          const batchJson = batch === undefined ? undefined : batchBytes(options, batch);
          answer(null, {
            ...(batchJson === undefined ? {} : { batchJson }),
            position: position(),
          });
        },
        () => answer({ code: status.UNAVAILABLE, details: 'the store failed' }),
      );
    },
    listBatches: (
      call: ServerUnaryCall<ListBatchesRequest, ListBatchesResponse>,
      answer: sendUnaryData<ListBatchesResponse>,
    ) => {
      runner.settled().then(
        () => {
          const { query } = call.request;
          if (query === undefined) {
            answer({ code: status.INVALID_ARGUMENT, details: 'query is needed' });
            return;
          }
          const page = listBatches(state, toQuery(query));
          answer(null, {
            batchesJson: page.batches.flatMap((batch) => batchBytes(options, batch) ?? []),
            total: BigInt(page.total),
            ...(page.from === null ? {} : { from: BigInt(page.from) }),
            ...(page.next === null ? {} : { next: BigInt(page.next) }),
            position: position(),
          });
        },
        () => answer({ code: status.UNAVAILABLE, details: 'the store failed' }),
      );
    },
  };
}

function batchBytes(options: TaskServiceOptions, batch: BatchTasks): Buffer | undefined {
  const tasks = batch.tasks
    .map(({ uid }) => readTask(options, uid))
    .filter((task): task is TaskRecord => task !== undefined);
  if (tasks.length === 0) return undefined;
  return Buffer.from(renderBatch(options.state, batch.uid, tasks));
}
