/** A real worker whose routes do what the path says, so that a test can ask the transport for anything. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenInvariant } from '../../core/assert.ts';
import { MiroirError } from '../../core/errors.ts';
import type { GatewayReply, GatewayRequest } from '../../sidecar/http/exchange.ts';
import { runWorker } from '../../sidecar/process/run-worker.ts';

const MEBIBYTE = 1024 ** 2;
/** What the tests ask about afterwards. */
const seen = { aborted: 0, streamsEnded: 0, requests: 0 };
let isReady = true;

type Route = (request: GatewayRequest, query: URLSearchParams) => Promise<GatewayReply>;

const routes: Record<string, Route> = {
  '/plain': async () => json({ ok: true }),
  '/empty': async (_, query) => ({
    status: Number(query.get('status') ?? 404),
    headers: [],
    body: [],
    route: '/empty',
  }),
  '/echo': async (request) =>
    json({
      method: request.method,
      target: request.target,
      headers: Object.fromEntries(request.headers),
      requestId: request.requestId,
      hasBody: request.hasBody,
      body: Buffer.concat(await collect(request)).toString('latin1'),
    }),
  '/count': async (request) => {
    let bytes = 0;
    let pieces = 0;
    for await (const piece of request.body) {
      bytes += piece.length;
      pieces += 1;
    }
    return json({ bytes, pieces });
  },
  '/slow-count': async (request, query) => {
    let bytes = 0;
    for await (const piece of request.body) {
      bytes += piece.length;
      if (bytes < 2 * MEBIBYTE) await sleep(Number(query.get('ms') ?? 1000));
    }
    return json({ bytes, rss: process.memoryUsage().rss });
  },
  '/bytes': async (_, query) => ({
    status: 200,
    headers: [['content-type', 'application/octet-stream']],
    body: chunks(Number(query.get('n')), Number(query.get('chunk') ?? MEBIBYTE)),
    route: '/bytes',
  }),
  '/json': async (_, query) => ({
    status: 200,
    headers: [['content-type', query.get('type') ?? 'application/json']],
    body: [Buffer.from(`"${'x'.repeat(Number(query.get('n')) - 2)}"`)],
    route: '/json',
  }),
  '/stream': async (request, query) => {
    await collect(request);
    return {
      status: 200,
      headers: [['content-type', query.get('type') ?? 'application/x-ndjson']],
      body: lines(request, Number(query.get('n')), Number(query.get('ms') ?? 0)),
      route: '/stream',
    };
  },
  '/early': async () => {
    throw new MiroirError('invalid_api_key', 'The provided API key is invalid.');
  },
  '/retry-after': async () => {
    throw new MiroirError('miroir_control_unavailable', 'no control', { retryAfterSeconds: 7 });
  },
  '/bug': async () => {
    throw new TypeError('a bug with a secret in it');
  },
  '/broken': async () => {
    throw new BrokenInvariant('broken');
  },
  '/hang': async (request) => {
    await new Promise<void>((resolve) => {
      request.signal.addEventListener('abort', () => {
        seen.aborted += 1;
        resolve();
      });
    });
    return json({});
  },
  '/hang-body': async (request) => {
    try {
      await collect(request);
    } catch (error) {
      seen.aborted += 1;
      throw error;
    }
    return json({});
  },
  '/ready': async (_, query) => {
    isReady = query.get('is') !== 'false';
    return json({ isReady });
  },
  '/hold': async (_, query) => {
    await sleep(Number(query.get('ms')));
    return json({ ok: true });
  },
  '/seen': async () => json({ ...seen, pid: process.pid, rss: process.memoryUsage().rss }),
  '/cpu': async () => json({ pid: process.pid, cpu: process.cpuUsage() }),
};

await runWorker(async () => ({
  handler: async (request) => {
    seen.requests += 1;
    const [path = '', query = ''] = request.target.split('?');
    const route = routes[path];
    if (route === undefined) throw new MiroirError('miroir_not_found', `no route ${path}`);
    return await route(request, new URLSearchParams(query));
  },
  isReady: () => isReady,
  view: () => undefined,
  close: async () => {},
}));

function json(value: unknown): GatewayReply {
  return {
    status: 200,
    headers: [['content-type', 'application/json']],
    body: [Buffer.from(JSON.stringify(value))],
    route: '/scripted',
    plan: 'scripted',
  };
}

async function collect(request: GatewayRequest): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request.body) pieces.push(piece);
  return pieces;
}

function chunks(bytes: number, chunkBytes: number): Uint8Array[] {
  const chunk = Buffer.alloc(chunkBytes, 'abcdefghij');
  const whole = Array.from({ length: Math.floor(bytes / chunkBytes) }, () => chunk);
  return [...whole, chunk.subarray(0, bytes % chunkBytes)];
}

async function* lines(
  request: GatewayRequest,
  bytes: number,
  everyMs: number,
): AsyncGenerator<Uint8Array> {
  const line = Buffer.alloc(64 * 1024, 'y');
  try {
    for (let sent = 0; sent < bytes; sent += line.length) {
      if (request.signal.aborted) seen.aborted += 1;
      if (everyMs > 0) await sleep(everyMs);
      yield line.subarray(0, Math.min(line.length, bytes - sent));
    }
  } finally {
    seen.streamsEnded += 1;
  }
}
