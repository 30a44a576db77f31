/** Logs and metrics; the only part that knows pino and prom-client. */
export {
  aggregatedMetricsText,
  METRICS_CONTENT_TYPE,
  type MetricsSnapshot,
  metricsSnapshot,
  metricsText,
} from './expose.ts';
export { createLogger, type Logger, type LoggerOptions } from './logger.ts';
export { createMetrics, type Metrics, type MetricsOptions, type NodeMetrics } from './metrics.ts';
export { miroirVersion } from './version.ts';
