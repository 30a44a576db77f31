/**
 * The gRPC server of one worker on its unix socket: the ext_proc service, whose messages are read and
 * written by hand, and the standard health service by which Envoy passes over a worker that is not ready.
 */
import { existsSync, unlinkSync } from 'node:fs';
import {
  type handleBidiStreamingCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { ExtprocStream, type StreamPeer, type StreamServices } from './stream.ts';

/** A server that runs. */
export interface ExtprocServer {
  /** Whether Envoy may send requests here; taken up within about a second. */
  setServing(isServing: boolean): void;
  /** Takes no new streams and waits for those at work, at most `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** Envoy sends body pieces of up to 1 MiB. */
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;

/** Envoy has one connection for all streams; at Node's default of 10 MB it would refuse new ones. */
const SESSION_MEGABYTES_MAX = 1024;

const asIs = (bytes: Buffer): Buffer => bytes;

const service: ServiceDefinition = {
  process: {
    path: '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};

/** Serves on `path`; a socket file that a dead process left is removed first. */
export async function startExtprocServer(
  path: string,
  services: StreamServices,
): Promise<ExtprocServer> {
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': -1,
    'grpc-node.max_session_memory': SESSION_MEGABYTES_MAX,
  });
  const health = new HealthImplementation({ '': 'NOT_SERVING' });
  health.addToServer(server);
  const process: handleBidiStreamingCall<Buffer, Buffer> = (call) => serve(call, services);
  server.addService(service, { process });
  if (existsSync(path)) unlinkSync(path);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return {
    setServing: (isServing) => health.setStatus('', isServing ? 'SERVING' : 'NOT_SERVING'),
    close: (timeoutMs) => closeServer(server, timeoutMs),
  };
}

function serve(call: ServerDuplexStream<Buffer, Buffer>, services: StreamServices): void {
  const stream = new ExtprocStream(peerOf(call), services);
  call.on('data', (message: Buffer) => stream.receive(message));
  call.on('end', () => stream.end());
  call.on('cancelled', () => stream.cancel());
  // The end of a broken stream is told by `cancelled`; here it only must not end the process.
  call.on('error', () => stream.cancel());
}

function peerOf(call: ServerDuplexStream<Buffer, Buffer>): StreamPeer {
  return {
    write: (message) => call.write(message),
    drained: () =>
      new Promise((resolve) => {
        const done = () => {
          call.off('drain', done);
          call.off('cancelled', done);
          call.off('close', done);
          resolve();
        };
        call.on('drain', done);
        call.on('cancelled', done);
        call.on('close', done);
      }),
    pause: () => call.pause(),
    resume: () => call.resume(),
    end: () => call.end(),
  };
}

async function closeServer(server: Server, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, timeoutMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
