/** Reads tasks from control: one by its uid, or a filtered list. */
import type { Position } from '../../core/topology.ts';
import {
  type ListBatchesResponse,
  type ListTasksRequest,
  type ListTasksResponse,
  TaskServiceClient,
} from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import { controlError, type UnaryMethod } from './channel.ts';
import { ClientPool } from './client-pool.ts';
import { type ControlEndpoint, PATIENCE_MS } from './control-endpoint.ts';

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
  readonly #clients: ClientPool<TaskServiceClient>;
  readonly #endpoint: ControlEndpoint;
  readonly #reach: (position: Position) => Promise<void>;

  /** `reach` resolves once the view is as new as a position, or a bounded time has passed. */
  constructor(endpoint: ControlEndpoint, reach: (position: Position) => Promise<void>) {
    this.#reach = reach;
    this.#endpoint = endpoint;
    this.#clients = new ClientPool(endpoint, TaskServiceClient);
  }

  async get(
    uid: bigint,
    allowedIndexes: readonly string[],
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const request = { uid, allowedIndexes: [...allowedIndexes] };
    const response = await this.#ask((client) => client.getTask.bind(client), request, signal);
    return response.taskJson;
  }

  list(request: ListTasksRequest, signal?: AbortSignal): Promise<ListTasksResponse> {
    return this.#ask((client) => client.listTasks.bind(client), request, signal);
  }

  async getBatch(
    uid: bigint,
    allowedIndexes: readonly string[],
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const request = { uid, allowedIndexes: [...allowedIndexes] };
    const response = await this.#ask((client) => client.getBatch.bind(client), request, signal);
    return response.batchJson;
  }

  listBatches(query: ListTasksRequest, signal?: AbortSignal): Promise<ListBatchesResponse> {
    return this.#ask((client) => client.listBatches.bind(client), { query }, signal);
  }

  close(): void {
    this.#clients.close();
  }

  /** One call; its answer is given out once the view is as new. */
  async #ask<Request, Response extends { readonly position?: Position | undefined }>(
    method: (client: TaskServiceClient) => UnaryMethod<Request, Response>,
    request: Request,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    try {
      const response = await this.#clients.call(method, request, {
        deadlineMs: DEADLINE_MS,
        signal,
        patienceMs: PATIENCE_MS,
        isRepeatable: true,
      });
      this.#endpoint.see(response.position);
      if (response.position !== undefined) await this.#reach(response.position);
      return response;
    } catch (error) {
      throw controlError(error);
    }
  }
}
