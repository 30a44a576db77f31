/**
 * What one worker runs between the transport (ext_proc or the worker's own HTTP listener) and the
 * nodes: it follows the cluster's view, judges keys and answers requests by the table of routes.
 */
import type { MiroirConfig } from '../core/config/index.ts';
import { MiroirError } from '../core/errors.ts';
import type { Logger, Metrics } from '../core/telemetry/index.ts';
import type { ClusterView } from '../core/topology.ts';
import type { Handler } from './http/exchange.ts';

/** What a worker gives its app. */
export interface AppOptions {
  readonly config: MiroirConfig;
  /** Place of this worker among its siblings, from 0. */
  readonly workerIndex: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One running app. */
export interface App {
  /** Answers one request; throws MiroirError for what the client must see. */
  readonly handler: Handler;
  /** Whether requests can be answered: a view is held and the key table with it. */
  isReady(): boolean;
  /** The newest view, or undefined before the first one. */
  view(): ClusterView | undefined;
  /** Ends the watch and closes every connection to nodes and control. */
  close(): Promise<void>;
}

/** Starts following the cluster and returns at once; `isReady` tells when requests can be answered. */
export async function startApp(_options: AppOptions): Promise<App> {
  return {
    handler: async (request) => {
      throw new MiroirError('miroir_not_implemented', `\`${request.method}\` is not built yet.`);
    },
    isReady: () => false,
    view: () => undefined,
    close: async () => {},
  };
}
