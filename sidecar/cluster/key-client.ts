/** Calls to control about API keys: bring the key table up to date, and send a change to all nodes. */
import type { ClusterView, Position } from '../../core/topology.ts';
import { ClusterServiceClient } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import {
  type CallRequest,
  type CallResponse,
  KeysServiceClient,
} from '../../proto/gen/miroir/keys/v1/keys.ts';
import { keyRefresher } from '../auth/key-refresh.ts';
import { controlError } from './channel.ts';
import { ClientPool } from './client-pool.ts';
import { type ControlEndpoint, PATIENCE_MS } from './control-endpoint.ts';

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
  readonly #cluster: ClientPool<ClusterServiceClient>;
  readonly #keys: ClientPool<KeysServiceClient>;
  readonly #refresh: () => Promise<ClusterView>;

  constructor(endpoint: ControlEndpoint, view: ViewSource) {
    this.#cluster = new ClientPool(endpoint, ClusterServiceClient);
    this.#keys = new ClientPool(endpoint, KeysServiceClient);
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
      return await this.#keys.call((client) => client.call.bind(client), request, {
        deadlineMs: CALL_DEADLINE_MS,
        signal,
        patienceMs: PATIENCE_MS,
        // A change that may have been made is not made again.
        isRepeatable: request.method === 'GET',
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
      const response = await this.#cluster.call(
        (client) => client.refreshKeys.bind(client),
        {},
        {
          deadlineMs: REFRESH_DEADLINE_MS,
          patienceMs: 0,
          isRepeatable: true,
          isUnavailableAnAnswer: true,
        },
      );
      return response.position;
    } catch {
      return undefined;
    }
  }
}
