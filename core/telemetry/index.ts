/** Logs and metrics; the only part that knows pino and prom-client. */
export {
  aggregatedMetricsText,
  METRICS_CONTENT_TYPE,
  type MetricsSnapshot,
  metricsSnapshot,
  metricsText,
} from './expose.ts';
export { serveMetrics } from './listener.ts';
export { createLogger, type Logger } from './logger.ts';
export {
  createMetrics,
  type Metrics,
  type ReplicationFigures,
  type ReplicationMetrics,
} from './metrics.ts';
export { miroirVersion } from './version.ts';
