/** Calls to control about API keys: bring the key table up to date, and send a change to all nodes. */
import { credentials } from '@grpc/grpc-js';
import type { ClusterView, Position } from '../../core/topology.ts';
import { ClusterServiceClient } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import {
  type CallRequest,
  type CallResponse,
  KeysServiceClient,
} from '../../proto/gen/miroir/keys/v1/keys.ts';
import { keyRefresher } from '../auth/key-refresh.ts';
import { callUnary, channelOptions, controlError } from './channel.ts';

const REFRESH_DEADLINE_MS = 2_000;
const CALL_DEADLINE_MS = 30_000;

/** What routes and the judge use of control about keys. */
export interface KeyClient {
  /**
   * Brings the key table up to date, at most once a second over all callers, and returns the view after
   * that; the view as it is if control cannot be reached.
   */
  refresh(): Promise<ClusterView>;
  /** Sends one call of `/keys` to every node. Throws MiroirError miroir_control_unavailable. */
  call(request: CallRequest, signal?: AbortSignal): Promise<CallResponse>;
}

/** What the client needs of the followed view. */
export interface ViewSource {
  readonly current: () => ClusterView;
  /** Resolves once the view is as new, or a bounded time has passed. */
  readonly reach: (position: Position) => Promise<void>;
}

/** KeyClient over gRPC. */
export class GrpcKeyClient implements KeyClient {
  readonly #cluster: ClusterServiceClient;
  readonly #keys: KeysServiceClient;
  readonly #refresh: () => Promise<ClusterView>;

  constructor(address: string, view: ViewSource) {
    const insecure = credentials.createInsecure();
    this.#cluster = new ClusterServiceClient(address, insecure, channelOptions());
    this.#keys = new KeysServiceClient(address, insecure, channelOptions());
    this.#refresh = keyRefresher({
      refresh: async () => {
        const position = await this.#askToRefresh();
        if (position !== undefined) await view.reach(position);
      },
      view: view.current,
      nowMs: () => performance.now(),
    });
  }

  refresh(): Promise<ClusterView> {
    return this.#refresh();
  }

  async call(request: CallRequest, signal?: AbortSignal): Promise<CallResponse> {
    try {
      return await callUnary(this.#keys.call.bind(this.#keys), request, {
        deadlineMs: CALL_DEADLINE_MS,
        signal,
      });
    } catch (error) {
      throw controlError(error);
    }
  }

  close(): void {
    this.#cluster.close();
    this.#keys.close();
  }

  /** Where the view then is; undefined if control cannot be reached: the table held is all there is. */
  async #askToRefresh(): Promise<Position | undefined> {
    try {
      const method = this.#cluster.refreshKeys.bind(this.#cluster);
      const response = await callUnary(method, {}, { deadlineMs: REFRESH_DEADLINE_MS });
      return response.position;
    } catch {
      return undefined;
    }
  }
}
