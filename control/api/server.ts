/** The gRPC server: services, health, and options that notice dead peers (measured defaults stay silent). */
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type sendUnaryData,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import {
  ClusterServiceService,
  type DescribeCopiesResponse,
  type RefreshKeysResponse,
  type WatchRequest,
  type WatchResponse,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { KeysServiceService } from '../../proto/gen/miroir/keys/v1/keys.ts';
import { TaskServiceService } from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import { WriteServiceService } from '../../proto/gen/miroir/write/v1/write.ts';
import type { KeyCall, KeyCallReply } from '../keys/index.ts';
import { batchHandlers } from './batch-service.ts';
import type { ClusterCalls } from './cluster-calls.ts';
import { describeCopies } from './describe-copies.ts';
import { keyHandlers } from './key-service.ts';
import { type TaskServiceOptions, taskHandlers } from './task-service.ts';
import { toPosition } from './view-messages.ts';
import type { WatchHub } from './watch-hub.ts';
import type { WriteService } from './write-service.ts';

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
const VIEW_BYTES_MAX = 256 * 1024 * 1024;
const SHUTDOWN_MS = 2_000;

/** What the server serves. */
export interface ApiOptions extends TaskServiceOptions {
  readonly listen: string;
  readonly writes: WriteService;
  readonly watchers: WatchHub;
  readonly clusterCalls: ClusterCalls;
  /** A sidecar begins to follow the view. */
  readonly onWatch: (sidecarId: string) => void;
  /** Reads the keys of the nodes again; false if no node answered. */
  readonly refreshKeys: () => Promise<boolean>;
  readonly callKeys: (call: KeyCall) => Promise<KeyCallReply>;
}

/** The listening server. */
export interface Api {
  /** host:port. */
  readonly address: string;
  close(): Promise<void>;
}

/** The address cannot be had. `message` is one clear line. */
export class ListenError extends Error {
  override name = 'ListenError';
}

/** Starts listening. Rejects with ListenError. */
export async function startApi(options: ApiOptions): Promise<Api> {
  // What goes wrong is told by us, in one place and one shape.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': VIEW_BYTES_MAX,
    'grpc.keepalive_time_ms': 2_000,
    'grpc.keepalive_timeout_ms': 1_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.max_connection_age_grace_ms': 1_000,
  });
  addServices(server, options);
  const health = new HealthImplementation({ '': 'SERVING' });
  health.addToServer(server);
  const port = await bind(server, options.listen);
  const host = options.listen.slice(0, options.listen.lastIndexOf(':'));
  return {
    address: `${host}:${port}`,
    close: () => {
      options.writes.close();
      return shutDown(server, options.watchers);
    },
  };
}

function addServices(server: Server, options: ApiOptions): void {
  const { runner, watchers, clusterCalls, onWatch, viewPosition, refreshKeys } = options;
  server.addService(WriteServiceService, options.writes.handlers);
  server.addService(TaskServiceService, { ...taskHandlers(options), ...batchHandlers(options) });
  server.addService(KeysServiceService, keyHandlers(options.callKeys));
  server.addService(ClusterServiceService, {
    confirm: clusterCalls.confirm.bind(clusterCalls),
    confirmNode: clusterCalls.confirmNode.bind(clusterCalls),
    describeCopies: (_call: unknown, answer: sendUnaryData<DescribeCopiesResponse>) => {
      runner.settled().then(
        () => answer(null, describeCopies(options.state)),
        () => answer({ code: status.UNAVAILABLE, details: 'the store failed' }),
      );
    },
    watch: (call: ServerWritableStream<WatchRequest, WatchResponse>) => {
      // Known before it can read: its lease counts from here.
      if (call.request.sidecarId !== '') onWatch(call.request.sidecarId);
      runner.settled().then(
        () => watchers.add(call),
        () => call.emit('error', { code: status.UNAVAILABLE, details: 'the store failed' }),
      );
    },
    refreshKeys: (
      _call: unknown,
      answer: (error: object | null, response?: RefreshKeysResponse) => void,
    ) => {
      const unavailable = { code: status.UNAVAILABLE, details: 'no node answered' };
      refreshKeys()
        .then(async (isRead) => {
          if (!isRead) return answer(unavailable);
          await runner.settled();
          return answer(null, { position: toPosition(viewPosition()) });
        })
        .catch(() => answer(unavailable));
    },
  });
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const reason = error.message.includes('EADDRINUSE') ? 'it is in use' : error.message;
      reject(new ListenError(`control.listen: cannot listen on ${address}: ${reason}`));
    };
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else fail(error);
    });
  });
}

function shutDown(server: Server, watchers: WatchHub): Promise<void> {
  watchers.close();
  return new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), SHUTDOWN_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
