/** Clients of the public API for tests: promises instead of callbacks, the token added to every call. */
import { type CallOptions, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ErrorInfo } from '../../../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../../../proto/gen/google/rpc/status.ts';
import { AuditServiceClient } from '../../../../proto/gen/miroir/admin/v1/audit.ts';
import { BackupServiceClient } from '../../../../proto/gen/miroir/admin/v1/backup.ts';
import { ConfigServiceClient } from '../../../../proto/gen/miroir/admin/v1/config.ts';
import { IndexServiceClient } from '../../../../proto/gen/miroir/admin/v1/indexes.ts';
import { JobServiceClient } from '../../../../proto/gen/miroir/admin/v1/jobs.ts';
import { NodeServiceClient } from '../../../../proto/gen/miroir/admin/v1/nodes.ts';
import { ReplicaServiceClient } from '../../../../proto/gen/miroir/admin/v1/replicas.ts';
import { TaskServiceClient } from '../../../../proto/gen/miroir/admin/v1/tasks.ts';
import { TopologyServiceClient } from '../../../../proto/gen/miroir/admin/v1/topology.ts';
import { ADMIN_TOKEN } from '../control-kit.ts';

/** Clients of all services, under one address. */
export class AdminClients {
  readonly metadata = new Metadata();
  readonly topology: TopologyServiceClient;
  readonly nodes: NodeServiceClient;
  readonly indexes: IndexServiceClient;
  readonly tasks: TaskServiceClient;
  readonly jobs: JobServiceClient;
  readonly config: ConfigServiceClient;
  readonly backup: BackupServiceClient;
  readonly replicas: ReplicaServiceClient;
  readonly audit: AuditServiceClient;

  constructor(address: string, token: string = ADMIN_TOKEN) {
    const insecure = credentials.createInsecure();
    this.topology = new TopologyServiceClient(address, insecure);
    this.nodes = new NodeServiceClient(address, insecure);
    this.indexes = new IndexServiceClient(address, insecure);
    this.tasks = new TaskServiceClient(address, insecure);
    this.jobs = new JobServiceClient(address, insecure);
    this.config = new ConfigServiceClient(address, insecure);
    this.backup = new BackupServiceClient(address, insecure);
    this.replicas = new ReplicaServiceClient(address, insecure);
    this.audit = new AuditServiceClient(address, insecure);
    if (token !== '') this.metadata.set('authorization', `Bearer ${token}`);
  }

  /** Makes a unary call: `ask(clients.nodes.listNodes.bind(clients.nodes), {})`. */
  ask<Request, Response>(
    method: (
      request: Request,
      metadata: Metadata,
      options: Partial<CallOptions>,
      answer: (error: ServiceError | null, response: Response) => void,
    ) => unknown,
    request: Request,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      method(request, this.metadata, { deadline: Date.now() + 20_000 }, (error, response) => {
        if (error === null) resolve(response);
        else reject(new CallFailed(error));
      });
    });
  }

  close(): void {
    const clients: readonly unknown[] = Object.values(this);
    for (const client of clients) {
      if (client instanceof Metadata) continue;
      (client as { close(): void }).close();
    }
  }
}

/** A failed call with its details read. */
export class CallFailed extends Error {
  readonly code: string;
  readonly reason: string;
  readonly domain: string;
  readonly about: Readonly<Record<string, string>>;

  constructor(error: ServiceError) {
    super(error.details);
    this.code = status[error.code] ?? String(error.code);
    const [bytes] = error.metadata.get('grpc-status-details-bin');
    const details = Buffer.isBuffer(bytes) ? Status.decode(bytes).details : [];
    const info = details.find(({ typeUrl }) => typeUrl.endsWith('google.rpc.ErrorInfo'));
    const {
      reason = '',
      domain = '',
      metadata = {},
    } = info === undefined ? {} : ErrorInfo.decode(info.value);
    this.reason = reason;
    this.domain = domain;
    this.about = metadata;
  }
}

/** The failure of a call that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<CallFailed> {
  const outcome = await call.then(
    (response) => ({ response }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome && outcome.error instanceof CallFailed) return outcome.error;
  throw new Error(`the call did not fail as expected: ${JSON.stringify(outcome, bigText)}`);
}

function bigText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
