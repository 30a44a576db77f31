/**
 * The gRPC server of one worker on its unix socket: ext_proc streams, whose messages are read and written
 * by hand, and the standard health check by which Envoy passes over a worker that is not ready.
 *
 * It speaks gRPC over node:http2 itself rather than through a library. What Envoy needs of gRPC is five
 * bytes before each message and a trailer at the end, and every request passes here: a quarter of a
 * worker's time, and 0.15 ms of a request that comes after a pause, went into the layers in between
 * (measured against @grpc/grpc-js 1.14, in turns). The tests speak to it with that library and with a real
 * Envoy. Everything Envoy does not use is refused: other methods, compression, messages above 8 MiB.
 */
import { once } from 'node:events';
import { existsSync, unlinkSync } from 'node:fs';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { FrameReader } from './frame-reader.ts';
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
/** What a stream may send ahead of its reader, and all streams of a connection together. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
/** Envoy has one connection for all streams; at Node's default of 10 MB it would refuse new ones. */
const SESSION_MEGABYTES_MAX = 1024;

const PROCESS_PATH = '/envoy.service.ext_proc.v3.ExternalProcessor/Process';
const HEALTH_PATH = '/grpc.health.v1.Health/Check';
const GRPC_HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;
const GRPC_OK = { 'grpc-status': '0' } as const;
const GRPC_UNIMPLEMENTED = '12';
/** Framed HealthCheckResponse: field 1 is 1 for SERVING, 2 for NOT_SERVING. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
const NOT_SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 2]);

/** Serves on `path`; a socket file that a dead process left is removed first. */
export async function startExtprocServer(
  path: string,
  services: StreamServices,
): Promise<ExtprocServer> {
  const sessions = new Set<ServerHttp2Session>();
  let isServing = false;
  const server = createServer({
    maxSessionMemory: SESSION_MEGABYTES_MAX,
    settings: { initialWindowSize: STREAM_WINDOW_BYTES },
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.once('close', () => sessions.delete(session));
  });
  // A broken connection is told to its streams one by one; here it only must not end the process.
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined);
    if (headers[':path'] === PROCESS_PATH) serveProcess(stream, services);
    else if (headers[':path'] === HEALTH_PATH) serveHealth(stream, () => isServing);
    else refuse(stream);
  });
  if (existsSync(path)) unlinkSync(path);
  server.listen(path);
  await once(server, 'listening');
  return {
    setServing: (value) => {
      isServing = value;
    },
    close: (timeoutMs) => closeServer(server, sessions, timeoutMs),
  };
}

function serveProcess(stream: ServerHttp2Stream, services: StreamServices): void {
  const processing = new ExtprocStream(peerOf(stream), services);
  const reader = new FrameReader(MESSAGE_BYTES_MAX, (message) => processing.receive(message));
  const take = (chunk: Buffer): void => {
    try {
      reader.push(chunk);
    } catch (error) {
      // Where the next message begins is not known any more.
      stream.off('data', take);
      stream.resume();
      processing.refuse('unreadable gRPC message', error);
    }
  };
  stream.on('data', take);
  stream.once('end', () => processing.end());
  // After an end this changes nothing; without one the stream was reset, or its connection is gone.
  stream.once('close', () => processing.cancel());
}

function peerOf(stream: ServerHttp2Stream): StreamPeer {
  return {
    write: (message) => {
      if (stream.destroyed || stream.writableEnded) return true;
      respond(stream);
      return stream.write(message);
    },
    drained: () => untilDrained(stream),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    end: () => {
      if (stream.destroyed) return;
      respond(stream);
      stream.end();
    },
  };
}

/** Sends the headers once, and sees to the trailer that ends a gRPC call. */
function respond(stream: ServerHttp2Stream): void {
  if (stream.headersSent) return;
  stream.respond(GRPC_HEADERS, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(GRPC_OK));
}

function untilDrained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
    if (stream.destroyed || !stream.writableNeedDrain) done();
  });
}

function serveHealth(stream: ServerHttp2Stream, isServing: () => boolean): void {
  stream.resume();
  stream.once('end', () => {
    if (stream.destroyed) return;
    respond(stream);
    stream.end(isServing() ? SERVING : NOT_SERVING);
  });
}

function refuse(stream: ServerHttp2Stream): void {
  stream.resume();
  stream.respond({ ...GRPC_HEADERS, 'grpc-status': GRPC_UNIMPLEMENTED }, { endStream: true });
}

async function closeServer(
  server: Http2Server,
  sessions: ReadonlySet<ServerHttp2Session>,
  timeoutMs: number,
): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
  }, timeoutMs);
  await closed;
  clearTimeout(timer);
}
