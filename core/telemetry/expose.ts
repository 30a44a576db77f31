/**
 * Metrics as a scrape sees them: of one process, or of several processes added up (the workers of one
 * sidecar each hold a part).
 */
import { AggregatorRegistry, type Registry } from 'prom-client';

/** The content type of the texts below. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** What a worker hands its supervisor; plain JSON. */
export type MetricsSnapshot = readonly object[];

/** The metrics of one process in Prometheus text format. */
export async function metricsText(registry: Registry): Promise<string> {
  return registry.metrics();
}

/** The metrics of one process as JSON, to be added to those of its siblings. */
export async function metricsSnapshot(registry: Registry): Promise<MetricsSnapshot> {
  return registry.getMetricsAsJSON() as Promise<object[]>;
}

/** Several processes as one text: counters and histograms summed, shared gauges averaged. */
export async function aggregatedMetricsText(
  snapshots: readonly MetricsSnapshot[],
): Promise<string> {
  return AggregatorRegistry.aggregate(snapshots as object[]).metrics();
}
