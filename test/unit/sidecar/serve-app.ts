/** An app behind a plain HTTP server: the shortest transport, for tests of routes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../../core/config/index.ts';
import { MiroirError } from '../../../core/errors.ts';
import { createLogger, createMetrics } from '../../../core/telemetry/index.ts';
import { type App, startApp } from '../../../sidecar/app.ts';
import type { GatewayRequest } from '../../../sidecar/http/exchange.ts';
import { MASTER_KEY } from './fake-control.ts';

/** A served app. */
export interface ServedApp {
  readonly url: string;
  readonly app: App;
  readonly folder: string;
  /** One request with the master key unless `authorization` is given (empty: none). */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

interface CallOptions {
  readonly body?: unknown;
  readonly raw?: string;
  readonly authorization?: string;
  readonly headers?: Record<string, string>;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly json: any;
}

/** Starts an app that follows control at `address`, or at one of several with commas between them. */
export async function serveApp(address: string, folder?: string): Promise<ServedApp> {
  const place = folder ?? mkdtempSync(join(tmpdir(), 'miroir-app-'));
  const config = loadConfig({
    env: {
      MIROIR_NODES: 'http://127.0.0.1:1',
      MIROIR_CONTROL_ADDRESSES: address,
      MIROIR_LISTEN_SOCKET_DIR: place,
    },
  });
  process.env[config.auth.admin_token_env] = 'admin-token';
  const app = await startApp({
    config: { ...config, reads: { ...config.reads, timeout_ms: 2_000 } },
    workerIndex: 0,
    logger: createLogger('test', 'silent'),
    metrics: createMetrics(),
  });
  const server = createServer((request, response) => void answer(app, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    app,
    folder: place,
    call: (method, path, options = {}) => call(url, method, path, options),
    close: async () => {
      await app.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (folder === undefined) rmSync(place, { recursive: true, force: true });
    },
  };
}

/** Waits until something holds, for at most five seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let count = 0; count < 500; count += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came to be');
}

async function call(
  url: string,
  method: string,
  path: string,
  options: CallOptions,
): Promise<Answer> {
  const authorization = options.authorization ?? `Bearer ${MASTER_KEY}`;
  const headers: Record<string, string> = { ...options.headers };
  if (authorization !== '') headers['authorization'] = authorization;
  const text =
    options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  if (text !== undefined) headers['content-type'] ??= 'application/json';
  const response = await fetch(url + path, {
    method,
    headers,
    ...(text === undefined ? {} : { body: text }),
  });
  const got = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(got);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text: got, json };
}

async function answer(
  app: App,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const controller = new AbortController();
  response.on('close', () => controller.abort());
  const headers = new Map(
    Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
  );
  const request: GatewayRequest = {
    method: incoming.method ?? 'GET',
    target: incoming.url ?? '/',
    headers,
    requestId: 'r',
    hasBody: headers.has('content-length') || headers.has('transfer-encoding'),
    body: incoming,
    signal: controller.signal,
  };
  try {
    const reply = await app.handler(request);
    response.writeHead(reply.status, [...reply.headers].flat());
    for await (const chunk of reply.body) response.write(chunk);
    response.end();
  } catch (error) {
    const code = error instanceof MiroirError ? error.code : String((error as Error).stack);
    response.writeHead(500);
    response.end(`thrown: ${code}`);
  }
}
