/** Calls to control about what this worker relies on: its view, the nodes behind it, and their copies. */
import { credentials } from '@grpc/grpc-js';
import type { Position } from '../../core/topology.ts';
import {
  ClusterServiceClient,
  type DescribeCopiesResponse,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { callUnary, channelOptions } from './channel.ts';

const CONFIRM_DEADLINE_MS = 1_000;
/** Control itself gives a node two seconds. */
const CONFIRM_NODE_DEADLINE_MS = 3_000;
const DESCRIBE_DEADLINE_MS = 3_000;

/** Confirmations over gRPC. Nothing here rejects: without an answer nothing is confirmed. */
export class GrpcConfirmClient {
  readonly #client: ClusterServiceClient;
  readonly #sidecarId: string;

  constructor(address: string, sidecarId: string) {
    this.#sidecarId = sidecarId;
    this.#client = new ClusterServiceClient(
      address,
      credentials.createInsecure(),
      channelOptions(),
    );
  }

  /** Confirms a view; the lease in milliseconds, 0 if control does not know this worker. */
  async confirm(position: Position): Promise<number | undefined> {
    try {
      const request = { sidecarId: this.#sidecarId, position };
      const method = this.#client.confirm.bind(this.#client);
      const response = await callUnary(method, request, { deadlineMs: CONFIRM_DEADLINE_MS });
      return response.leaseMs;
    } catch {
      return undefined;
    }
  }

  /** Has control look at a node; the position of the view that says what it found. */
  async confirmNode(nodeId: string): Promise<Position | undefined> {
    try {
      const request = { sidecarId: this.#sidecarId, nodeId };
      const method = this.#client.confirmNode.bind(this.#client);
      const response = await callUnary(method, request, { deadlineMs: CONFIRM_NODE_DEADLINE_MS });
      return response.position;
    } catch {
      return undefined;
    }
  }

  /** Why copies are not in-sync; undefined if control does not say. */
  async describeCopies(): Promise<DescribeCopiesResponse | undefined> {
    try {
      const method = this.#client.describeCopies.bind(this.#client);
      return await callUnary(method, {}, { deadlineMs: DESCRIBE_DEADLINE_MS });
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#client.close();
  }
}
