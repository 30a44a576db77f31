/**
 * What one worker runs between the transport (ext_proc or the worker's own HTTP listener) and the
 * nodes: it follows the cluster's view, judges keys and answers requests by the table of routes.
 */
import type { MiroirConfig } from '../core/config/index.ts';
import type { Logger, Metrics } from '../core/telemetry/index.ts';
import type { ClusterView } from '../core/topology.ts';
import { Cluster } from './cluster/index.ts';
import { CopyChooser } from './copies/chooser.ts';
import type { Handler } from './http/exchange.ts';
import { makeDispatcher } from './routes/dispatch.ts';
import { ROUTES } from './routes/table.ts';
import { OpenReports } from './writes/index.ts';

/** How long reports on answered writes are waited for at the end; control looks up what is not reported. */
const REPORTS_MS_MAX = 3_000;

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
  /** Waits a moment for open reports, then ends the watch and closes every connection to nodes and control. */
  close(): Promise<void>;
}

/** Starts following the cluster and returns at once; `isReady` tells when requests can be answered. */
export async function startApp(options: AppOptions): Promise<App> {
  const { config, workerIndex, logger, metrics } = options;
  const cluster = await Cluster.start(config, workerIndex, logger);
  const view = (): ClusterView | undefined => cluster.view;
  const openReports = new OpenReports();
  const handler = makeDispatcher(ROUTES, {
    config,
    logger,
    metrics,
    nodes: cluster.nodes,
    copies: new CopyChooser({
      nowMs: () => performance.now(),
      onScore: (nodeId, scoreMs) => metrics.node(nodeId).setScore(scoreMs),
    }),
    writes: cluster.writes,
    openReports,
    tasks: cluster.tasks,
    keys: cluster.keys,
    view,
    isFollowing: () => cluster.isFollowing,
    isCurrent: () => cluster.isCurrent,
    describeCopies: () => cluster.describeCopies(),
  });
  return {
    handler,
    isReady: () => cluster.isReady,
    view,
    async close() {
      const openCount = await openReports.settled(REPORTS_MS_MAX);
      if (openCount > 0) logger.warn({ count: openCount }, 'writes are not confirmed by control');
      await cluster.close();
    },
  };
}
