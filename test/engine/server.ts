/** The HTTP side: reads requests, judges keys, finds the route, plays the faults, prints answers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { authorize } from './access.ts';
import type { Engine } from './engine.ts';
import { EngineError } from './errors.ts';
import { type Answer, Call, findRoute, type Route } from './router.ts';
import { documentRoutes } from './routes/documents.ts';
import { indexRoutes } from './routes/indexes.ts';
import { nodeRoutes } from './routes/node.ts';
import { otherRoutes } from './routes/other.ts';
import { searchRoutes } from './routes/search.ts';
import { settingsRoutes } from './routes/settings.ts';
import { taskRoutes } from './routes/tasks.ts';
import { type Switches, setSwitches } from './switches.ts';
import { printJson } from './value.ts';

const BODY_BYTES_MAX = 1024 * 1024 * 1024;
const SWITCHES_PATH = '/_engine/switches';

const ROUTES: readonly Route[] = [
  ...nodeRoutes,
  ...indexRoutes,
  ...documentRoutes,
  ...settingsRoutes,
  ...searchRoutes,
  ...taskRoutes,
  ...otherRoutes,
];

/** What the server needs besides the engine. */
export interface ServerOptions {
  readonly engine: Engine;
  readonly switches: Switches;
  /** Called after a request that changed keys or features. */
  readonly onChange: () => void;
}

/** Makes the server; the caller lets it listen. */
export function makeServer(options: ServerOptions): Server {
  const server = createServer((request, response) => {
    serve(request, response, options).catch((error: unknown) => {
      console.error(error);
      response.destroy();
    });
  });
  server.on('checkContinue', (request, response) => {
    response.writeContinue();
    server.emit('request', request, response);
  });
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 0;
  return server;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServerOptions,
): Promise<void> {
  const { switches } = options;
  const url = request.url ?? '/';
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  const search = question < 0 ? '' : url.slice(question + 1);
  if (path === SWITCHES_PATH) {
    send(response, await changeSwitches(request, options));
    return;
  }
  if (switches.isRefusing) {
    request.socket.destroy();
    return;
  }
  if (switches.isSilent) {
    request.resume();
    return;
  }
  if (switches.latencyMs > 0) await sleep(switches.latencyMs);
  if (switches.errorPaths.some((part) => path.startsWith(part))) {
    request.resume();
    send(response, { status: switches.errorStatus, text: '' });
    return;
  }
  const answer = await answerRequest(request, { ...options, path, search });
  const isWrite = request.method !== 'GET' && answer.status < 300;
  if (switches.isLosingAnswers && isWrite) {
    request.socket.destroy();
    return;
  }
  if (switches.isCutting) cutAnswer(response, answer);
  else send(response, answer);
}

async function answerRequest(
  request: IncomingMessage,
  options: ServerOptions & { readonly path: string; readonly search: string },
): Promise<Answer> {
  const { engine } = options;
  const method = request.method ?? 'GET';
  const found = findRoute(ROUTES, method, options.path);
  if (found.kind !== 'route') {
    request.resume();
    return { status: found.kind === 'noPath' ? 404 : 405, text: '' };
  }
  try {
    const access = authorize(engine, {
      action: found.route.action,
      header: headerOf(request, 'authorization'),
      indexUid: found.params['index'],
    });
    const body = await readBody(request);
    const call = new Call({
      engine,
      params: found.params,
      search: options.search,
      headers: request.headers,
      body,
      access,
    });
    const answer = found.route.handler(call);
    if (/^\/(keys|experimental-features)/.test(options.path) && method !== 'GET') {
      options.onChange();
    }
    return answer;
  } catch (error) {
    request.resume();
    if (error instanceof EngineError) return { status: error.status, body: error.body };
    throw error;
  }
}

/** A header as it was sent; node drops an empty one of these never. */
function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      throw new EngineError(
        'payload_too_large',
        `The provided payload reached the size limit. The maximum accepted payload size is ${BODY_BYTES_MAX} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function changeSwitches(request: IncomingMessage, options: ServerOptions): Promise<Answer> {
  const { switches, engine } = options;
  try {
    if (request.method === 'POST') {
      setSwitches(switches, JSON.parse((await readBody(request)).toString()));
    }
  } catch (error) {
    return { status: 400, text: String(error), contentType: 'text/plain' };
  }
  applySwitches(engine, switches);
  return { status: 200, body: { ...switches } };
}

/** Hands the queue's switches to the engine. */
export function applySwitches(engine: Engine, switches: Switches): void {
  engine.isPaused = switches.isPaused;
  engine.batchDelayMs = switches.batchDelayMs;
  engine.wake();
}

function send(response: ServerResponse, answer: Answer): void {
  const { status, type, bytes } = render(answer);
  response.writeHead(status, {
    ...(type === '' ? {} : { 'content-type': type }),
    'content-length': bytes.length,
  });
  response.end(bytes);
}

function cutAnswer(response: ServerResponse, answer: Answer): void {
  const { status, type, bytes } = render(answer);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length + 1 });
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy());
}

function render(answer: Answer): { status: number; type: string; bytes: Buffer } {
  if (answer.text !== undefined || answer.body === undefined) {
    return {
      status: answer.status,
      type: answer.contentType ?? '',
      bytes: Buffer.from(answer.text ?? ''),
    };
  }
  return {
    status: answer.status,
    type: 'application/json',
    bytes: Buffer.from(printJson(answer.body)),
  };
}
