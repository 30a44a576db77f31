/**
 * The gRPC server of a replica: it listens from start to end, whoever serves behind it (services.ts). Health,
 * and options that notice dead peers (measured defaults stay silent).
 */
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { KeysServiceService } from '../../proto/gen/miroir/keys/v1/keys.ts';
import { ReplicationServiceService } from '../../proto/gen/miroir/replication/v1/replication.ts';
import { TaskServiceService } from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import { WriteServiceService } from '../../proto/gen/miroir/write/v1/write.ts';
import { ADMIN_DEFINITIONS } from './admin/index.ts';
import { CLUSTER_SERVICE } from './encoded-once.ts';
import { type Services, switched } from './services.ts';

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
const VIEW_BYTES_MAX = 256 * 1024 * 1024;
const SHUTDOWN_MS = 2_000;
/** Name under which health says whether this replica leads. */
const LEADER_SERVICE = 'miroir.leader';

/** All services that a replica may serve. */
const DEFINITIONS: readonly ServiceDefinition[] = [
  WriteServiceService,
  TaskServiceService,
  KeysServiceService,
  CLUSTER_SERVICE,
  ...ADMIN_DEFINITIONS,
  ReplicationServiceService,
];

/** The listening server. */
export interface Api {
  /** host:port. */
  readonly address: string;
  /** From now on these are served. `isLeader` is what health says. */
  serve(services: Services, isLeader: boolean): void;
  /** Ends when calls under way are answered, or after 2 s. */
  close(): Promise<void>;
}

/** The address cannot be had. `message` is one clear line. */
export class ListenError extends Error {
  override name = 'ListenError';
}

/** Starts listening; nothing is served yet. Rejects with ListenError. */
export async function startApi(options: {
  readonly listen: string;
  /** Default: not encrypted. */
  readonly credentials?: ServerCredentials;
  /** host:port of the leader as far as it is known. */
  readonly leaderAddress: () => string;
  /** See Serving. */
  readonly hasSeen: (epoch: number, index: number) => boolean;
}): Promise<Api> {
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
  let current: Services = new Map();
  for (const definition of DEFINITIONS) {
    server.addService(definition, switched(definition, { ...options, current: () => current }));
  }
  const health = new HealthImplementation({ '': 'SERVING', [LEADER_SERVICE]: 'NOT_SERVING' });
  health.addToServer(server);
  const port = await bind(
    server,
    options.listen,
    options.credentials ?? ServerCredentials.createInsecure(),
  );
  const host = options.listen.slice(0, options.listen.lastIndexOf(':'));
  return {
    address: `${host}:${port}`,
    serve: (services, isLeader) => {
      current = services;
      health.setStatus(LEADER_SERVICE, isLeader ? 'SERVING' : 'NOT_SERVING');
    },
    close: () => shutDown(server),
  };
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const reason = error.message.includes('EADDRINUSE') ? 'it is in use' : error.message;
      reject(new ListenError(`control.listen: cannot listen on ${address}: ${reason}`));
    };
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else fail(error);
    });
  });
}

function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), SHUTDOWN_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
