/** Calls to control about what this worker relies on: its view, the nodes behind it, and their copies. */
import type { Position } from '../../core/topology.ts';
import {
  ClusterServiceClient,
  type DescribeCopiesResponse,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { ClientPool } from './client-pool.ts';
import type { ControlEndpoint } from './control-endpoint.ts';

const CONFIRM_DEADLINE_MS = 1_000;
/** Control itself gives a node two seconds. */
const CONFIRM_NODE_DEADLINE_MS = 3_000;
const DESCRIBE_DEADLINE_MS = 3_000;
/** A node that does not answer is UNAVAILABLE too. */
const ASKED_ONCE = { patienceMs: 0, isRepeatable: true, isUnavailableAnAnswer: true } as const;

/** Confirmations over gRPC. Nothing here rejects: without an answer nothing is confirmed. */
export class GrpcConfirmClient {
  readonly #clients: ClientPool<ClusterServiceClient>;
  readonly #sidecarId: string;

  constructor(endpoint: ControlEndpoint, sidecarId: string) {
    this.#sidecarId = sidecarId;
    this.#clients = new ClientPool(endpoint, ClusterServiceClient);
  }

  /** Confirms a view; the lease in milliseconds, 0 if control does not know this worker. */
  async confirm(position: Position): Promise<number | undefined> {
    try {
      const request = { sidecarId: this.#sidecarId, position };
      const method = (client: ClusterServiceClient) => client.confirm.bind(client);
      const response = await this.#clients.call(method, request, {
        deadlineMs: CONFIRM_DEADLINE_MS,
        patienceMs: 0,
        isRepeatable: true,
      });
      return response.leaseMs;
    } catch {
      return undefined;
    }
  }

  /** Has control look at a node; the position of the view that says what it found. */
  async confirmNode(nodeId: string): Promise<Position | undefined> {
    try {
      const request = { sidecarId: this.#sidecarId, nodeId };
      const method = (client: ClusterServiceClient) => client.confirmNode.bind(client);
      const response = await this.#clients.call(method, request, {
        deadlineMs: CONFIRM_NODE_DEADLINE_MS,
        ...ASKED_ONCE,
      });
      return response.position;
    } catch {
      return undefined;
    }
  }

  /** Why copies are not in-sync; undefined if control does not say. */
  async describeCopies(): Promise<DescribeCopiesResponse | undefined> {
    try {
      const method = (client: ClusterServiceClient) => client.describeCopies.bind(client);
      return await this.#clients.call(
        method,
        {},
        { deadlineMs: DESCRIBE_DEADLINE_MS, ...ASKED_ONCE },
      );
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#clients.close();
  }
}
