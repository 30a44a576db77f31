/** The port on which the whole sidecar is scraped and probed: /metrics, /livez and /readyz. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  aggregatedMetricsText,
  METRICS_CONTENT_TYPE,
  type MetricsSnapshot,
} from '../../core/telemetry/index.ts';

/** A worker as the listener sees it. */
export interface MeasuredWorker {
  readonly isReady: boolean;
  metrics(): Promise<MetricsSnapshot | undefined>;
}

/** Where to listen. */
export interface MetricsAddress {
  readonly metrics_host: string;
  /** 0 takes a free one. */
  readonly metrics_port: number;
}

/** Listens and gives the port. It ends with the process. Rejects if the port is taken. */
export async function startMetricsListener(
  address: MetricsAddress,
  workers: readonly MeasuredWorker[],
): Promise<number> {
  const server = createServer((request, response) => {
    const answer = async (): Promise<[status: number, type: string, text: string]> => {
      switch (request.url) {
        case '/metrics':
          return [200, METRICS_CONTENT_TYPE, await allMetrics(workers)];
        case '/livez':
          return [200, 'text/plain', 'ok\n'];
        case '/readyz':
          return workers.some((worker) => worker.isReady)
            ? [200, 'text/plain', 'ok\n']
            : [503, 'text/plain', 'no worker is ready\n'];
        default:
          return [404, 'text/plain', 'not found\n'];
      }
    };
    answer().then(
      ([status, type, text]) => response.writeHead(status, { 'content-type': type }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.listen(address.metrics_port, address.metrics_host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function allMetrics(workers: readonly MeasuredWorker[]): Promise<string> {
  const snapshots = await Promise.all(workers.map((worker) => worker.metrics()));
  return aggregatedMetricsText(snapshots.filter((snapshot) => snapshot !== undefined));
}
