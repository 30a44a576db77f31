/**
 * The worker's own HTTP listener, on a unix socket: serves the answers of large-replies.ts to Envoy.
 * It knows nothing else; every other path is a plain 404.
 */
import { once } from 'node:events';
import { existsSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { GatewayReply } from './exchange.ts';
import type { LargeReplies, LargeReply } from './large-replies.ts';

/** A listener that runs. */
export interface HttpListener {
  /** Takes no more connections and waits for those at work, at most `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** Listens on `path`; a socket file that a dead process left is removed first. */
export async function startHttpListener(
  path: string,
  replies: LargeReplies,
): Promise<HttpListener> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const large = replies.take((request.url ?? '/').slice(1));
    request.resume();
    if (large === undefined) {
      response.writeHead(404, { 'content-length': '0' }).end();
      return;
    }
    void serve(large, response);
  });
  if (existsSync(path)) unlinkSync(path);
  server.listen(path);
  await once(server, 'listening');
  return { close: (timeoutMs) => closeServer(server, timeoutMs) };
}

async function serve(large: LargeReply, response: ServerResponse): Promise<void> {
  const { reply } = large;
  const gone = new Promise<false>((resolve) => {
    response.once('close', () => resolve(false));
  });
  try {
    response.writeHead(reply.status, headersOf(reply).flat());
    for await (const chunk of reply.body) {
      if (response.destroyed) throw new Error('the client is gone');
      if (response.write(chunk)) continue;
      const drained = once(response, 'drain').then(() => true as const);
      if (!(await Promise.race([drained, gone]))) throw new Error('the client is gone');
    }
    response.end();
    large.ended('answered');
  } catch {
    // The status is already out: cutting the connection is the only way left to say that it failed.
    response.destroy();
    large.abandon();
    large.ended('client-gone');
  }
}

function headersOf(reply: GatewayReply): (readonly [string, string])[] {
  if (!Array.isArray(reply.body)) return [...reply.headers];
  const bytes = (reply.body as readonly Uint8Array[]).reduce((sum, chunk) => sum + chunk.length, 0);
  return [...reply.headers, ['content-length', String(bytes)]];
}

async function closeServer(server: Server, timeoutMs: number): Promise<void> {
  const closed = once(server, 'close');
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
  server.close();
  server.closeIdleConnections();
  await closed;
  clearTimeout(timer);
}
