/** The port on which one process is scraped and probed: /metrics, /livez and /readyz. It asks for no key. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { METRICS_CONTENT_TYPE, metricsText } from './expose.ts';

/** Where to listen. */
interface MetricsAddress {
  readonly metrics_host: string;
  /** 0 takes a free one. */
  readonly metrics_port: number;
}

/**
 * Listens until the process ends and gives the port. Rejects if the port is taken. `unreadiness` says why the
 * process is not ready, undefined if it is.
 */
export async function serveMetrics(
  address: MetricsAddress,
  registry: Registry,
  unreadiness: () => string | undefined,
): Promise<number> {
  const server = createServer((request, response) => {
    const type = { 'content-type': 'text/plain' };
    if (request.url === '/livez') return response.writeHead(200, type).end('ok\n');
    if (request.url === '/readyz') {
      const words = unreadiness();
      return response.writeHead(words === undefined ? 200 : 503, type).end(`${words ?? 'ok'}\n`);
    }
    if (request.url !== '/metrics') return response.writeHead(404, type).end('not found\n');
    metricsText(registry).then(
      (text) => response.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE }).end(text),
      () => response.writeHead(500).end(),
    );
    return response;
  });
  server.unref();
  server.listen(address.metrics_port, address.metrics_host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
