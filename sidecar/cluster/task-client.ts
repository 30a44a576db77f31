/** Reads tasks from control: one by its uid, or a filtered list. */
import { credentials } from '@grpc/grpc-js';
import type { Position } from '../../core/topology.ts';
import {
  type ListBatchesResponse,
  type ListTasksRequest,
  type ListTasksResponse,
  TaskServiceClient,
} from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import { callUnary, channelOptions, controlError, type UnaryMethod } from './channel.ts';

const DEADLINE_MS = 10_000;

/**
 * What the task routes use of control. Throws MiroirError miroir_control_unavailable. An answer that shows a
 * task as finished comes only when this worker's view holds what the task did.
 */
export interface TaskClient {
  /** The task's JSON in Meilisearch's shape; undefined if there is none the caller may see. */
  get(
    uid: bigint,
    allowedIndexes: readonly string[],
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  list(request: ListTasksRequest, signal?: AbortSignal): Promise<ListTasksResponse>;
  /** The batch's JSON in Meilisearch's shape; undefined if there is none the caller may see. */
  getBatch(
    uid: bigint,
    allowedIndexes: readonly string[],
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  listBatches(query: ListTasksRequest, signal?: AbortSignal): Promise<ListBatchesResponse>;
}

/** TaskClient over gRPC. */
export class GrpcTaskClient implements TaskClient {
  readonly #client: TaskServiceClient;

  readonly #reach: (position: Position) => Promise<void>;

  /** `reach` resolves once the view is as new as a position, or a bounded time has passed. */
  constructor(address: string, reach: (position: Position) => Promise<void>) {
    this.#reach = reach;
    this.#client = new TaskServiceClient(address, credentials.createInsecure(), channelOptions());
  }

  async get(
    uid: bigint,
    allowedIndexes: readonly string[],
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const request = { uid, allowedIndexes: [...allowedIndexes] };
    const response = await this.#ask(this.#client.getTask.bind(this.#client), request, signal);
    return response.taskJson;
  }

  list(request: ListTasksRequest, signal?: AbortSignal): Promise<ListTasksResponse> {
    return this.#ask(this.#client.listTasks.bind(this.#client), request, signal);
  }

  async getBatch(
    uid: bigint,
    allowedIndexes: readonly string[],
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const request = { uid, allowedIndexes: [...allowedIndexes] };
    const response = await this.#ask(this.#client.getBatch.bind(this.#client), request, signal);
    return response.batchJson;
  }

  listBatches(query: ListTasksRequest, signal?: AbortSignal): Promise<ListBatchesResponse> {
    return this.#ask(this.#client.listBatches.bind(this.#client), { query }, signal);
  }

  close(): void {
    this.#client.close();
  }

  /** One call; its answer is given out once the view is as new. */
  async #ask<Request, Response extends { readonly position?: Position | undefined }>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    try {
      const response = await callUnary(method, request, { deadlineMs: DEADLINE_MS, signal });
      if (response.position !== undefined) await this.#reach(response.position);
      return response;
    } catch (error) {
      throw controlError(error);
    }
  }
}
