/** Scripted replicas of control over real sockets. */
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { JobServiceService } from '../../../../proto/gen/miroir/admin/v1/jobs.ts';
import { NodeServiceService } from '../../../../proto/gen/miroir/admin/v1/nodes.ts';

/** An error as gRPC sends it. */
export type Failure = { code: number; details: string; metadata?: Metadata };
/** Answers one call. */
export type Answer = (error: Failure | null, response?: unknown) => void;

/** One replica. */
export interface Scripted {
  readonly address: string;
  /** Authorization of each call that arrived. */
  readonly calls: (string | undefined)[];
  script: (answer: Answer) => void;
  /** What WatchJobs does. */
  jobs: (send: (message: object) => void, end: () => void) => void;
  close(): void;
}

/** A server of ListNodes and RemoveNode that answers as scripted. */
export async function server(
  script: (answer: Answer) => void,
  credentials = ServerCredentials.createInsecure(),
): Promise<Scripted> {
  const grpc = new Server();
  const scripted: Scripted = {
    address: '',
    calls: [],
    script,
    jobs: (_send, end) => end(),
    close: () => grpc.forceShutdown(),
  };
  const handle = (call: { metadata: Metadata }, answer: Answer) => {
    scripted.calls.push(call.metadata.get('authorization')[0]?.toString());
    scripted.script(answer);
  };
  const { listNodes, removeNode } = NodeServiceService;
  grpc.addService({ listNodes, removeNode }, { listNodes: handle, removeNode: handle } as never);
  const { watchJobs } = JobServiceService;
  const watch = (call: { write(message: object): void; end(): void }) =>
    scripted.jobs(
      (message) => call.write(message),
      () => call.end(),
    );
  grpc.addService({ watchJobs }, { watchJobs: watch } as never);
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return Object.assign(scripted, { address: `127.0.0.1:${port}` });
}

export const ok = (answer: Answer): void => answer(null, { nodes: [] });
export const notLeader =
  (leader: string) =>
  (answer: Answer): void => {
    const metadata = new Metadata();
    metadata.set('miroir-leader', leader);
    answer({ code: status.UNAVAILABLE, details: 'this replica does not lead', metadata });
  };
export const fail =
  (code: number, details = '') =>
  (answer: Answer): void =>
    answer({ code, details });
