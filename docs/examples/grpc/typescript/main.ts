/**
 * A program that uses Miroir's gRPC API: shows the cluster, watches it, runs a backup. The protobuf files are
 * read at the start; field names are as in them. See ../README.md.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Client,
  type ClientReadableStream,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const DEADLINE_MS = 10_000;

// biome-ignore lint/suspicious/noExplicitAny: messages have the shapes of the protobuf files
type Message = any;

const address = process.env['MIROIR_CONTROL'] ?? '127.0.0.1:7701';
const metadata = new Metadata();
metadata.set('authorization', `Bearer ${process.env['MIROIR_ADMIN_TOKEN'] ?? ''}`);

/** The folder `proto` above this file. */
function protoFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'proto/miroir/admin/v1/topology.proto'))) {
    if (folder === dirname(folder)) throw new Error('the folder `proto` of Miroir is not found');
    folder = dirname(folder);
  }
  return join(folder, 'proto');
}

const files = ['topology', 'jobs'].map((name) => `miroir/admin/v1/${name}.proto`);
const options = { includeDirs: [protoFolder()], keepCase: true, longs: String, enums: String };
const definition = loadSync(files, { ...options, defaults: true, oneofs: true });
const api = loadPackageDefinition(definition) as Message;

function client(service: string): Client {
  const Service = (api.miroir.admin.v1 as GrpcObject)[service] as ServiceClientConstructor;
  return new Service(address, credentials.createInsecure());
}

/** A call with one answer. */
function call(of: Client, method: string, request: Message): Promise<Message> {
  const deadline = Date.now() + DEADLINE_MS;
  return new Promise((resolve, reject) => {
    (of as Message)[method](
      request,
      metadata,
      { deadline },
      (error: ServiceError | null, response: Message) => {
        if (error === null) resolve(response);
        else reject(error);
      },
    );
  });
}

/** A call with a stream of answers, which ends when the caller has seen enough. */
async function* watch(of: Client, method: string, request: Message): AsyncGenerator<Message> {
  const stream: ClientReadableStream<Message> = (of as Message)[method](request, metadata);
  // Leaving the loop destroys the stream, which is told as an error that nobody waits for any more.
  stream.on('error', () => {});
  yield* stream;
}

async function status(): Promise<void> {
  const { topology } = await call(client('TopologyService'), 'GetTopology', {});
  const { verdict } = topology;
  console.log(`${verdict.light.replace('LIGHT_', '')}: ${verdict.reason}`);
  if (verdict.next_step !== '') console.log(`next: ${verdict.next_step}`);
  for (const { node, state, copies } of topology.nodes) {
    console.log(`node ${node.id} ${state.replace('NODE_STATE_', '')} in-sync=${copies.in_sync}`);
  }
  for (const { uid, shard_count, covered_shard_count } of topology.indexes) {
    console.log(`index ${uid} shards=${covered_shard_count}/${shard_count}`);
  }
}

async function watchTopology(): Promise<void> {
  for await (const message of watch(client('TopologyService'), 'WatchTopology', {})) {
    const { event } = message;
    if (event === 'heartbeat') continue;
    const { verdict } = message[event];
    if (verdict) console.log(`${event}: ${verdict.light} ${verdict.reason}`);
    else console.log(`${event} at ${message[event].position.index}`);
  }
}

async function backup(): Promise<void> {
  const jobs = client('JobService');
  const { plan } = await call(jobs, 'StartJob', { backup: {}, dry_run: true });
  for (const step of plan.steps) console.log(`would: ${step}`);
  const { job } = await call(jobs, 'StartJob', { backup: {} });
  for await (const { jobs: seen } of watch(jobs, 'WatchJobs', { job_ids: [job.id] })) {
    for (const { id, state, progress, reason } of seen) {
      console.log(
        `${id} ${state.replace('JOB_STATE_', '')} ${progress.done} ${progress.unit} ${reason}`,
      );
    }
  }
}

const commands: Readonly<Record<string, () => Promise<void>>> = {
  status,
  watch: watchTopology,
  backup,
};
const command = commands[process.argv[2] ?? 'status'];
if (command === undefined) throw new Error('say: status, watch or backup');
await command().catch((error: ServiceError) => {
  console.error(`${error.code}: ${error.details}`);
  process.exitCode = 1;
});
if (process.argv[2] !== 'watch') process.exit();
