/**
 * Goal: the metrics promised by name exist, count right, stay bounded, and add up over workers.
 * Method: real registries, read back as the text a scrape would get.
 */
import * as assert from 'uvu/assert';
import {
  aggregatedMetricsText,
  createMetrics,
  metricsSnapshot,
  metricsText,
  miroirVersion,
} from '../../../../core/telemetry/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('telemetry metrics');

test('requests and nodes', async () => {
  const metrics = createMetrics();
  metrics.observeRequest('GET', '/health', 200, 0.0015);
  metrics.observeRequest('GET', '/health', 200, 0.5);
  metrics.observeRequest('BREW', '/health', 200, 0.5);
  metrics.requestsInFlight.inc();
  const node = metrics.node('a');
  assert.is(node, metrics.node('a'));
  node.observe('search', 0.01);
  node.error('timeout');
  node.setHealthy(true);
  const text = await metricsText(metrics.registry);
  for (const line of [
    'miroir_requests_total{method="GET",path_template="/health",status="200"} 2',
    'miroir_requests_total{method="other",path_template="/health",status="200"} 1',
    'miroir_request_duration_seconds_bucket{le="0.002",method="GET",path_template="/health",status="200"} 1',
    'miroir_requests_in_flight 1',
    'miroir_node_request_duration_seconds_count{node_id="a",operation="search"} 1',
    'miroir_node_errors_total{node_id="a",error_type="timeout"} 1',
    'miroir_node_healthy{node_id="a"} 1',
    `miroir_build_info{version="${miroirVersion}",node_version="${process.version}"} 1`,
  ])
    assert.ok(text.includes(line), `${line}\n${text}`);
});

test('every name of the reference is there', async () => {
  const text = await metricsText(createMetrics().registry);
  for (const name of [
    'miroir_requests_total',
    'miroir_request_duration_seconds',
    'miroir_requests_in_flight',
    'miroir_node_healthy',
    'miroir_node_request_duration_seconds',
    'miroir_node_errors_total',
    'miroir_shard_coverage',
    'miroir_degraded_shards_total',
    'miroir_shard_distribution',
    'miroir_copies',
    'miroir_scatter_fan_out_size',
    'miroir_scatter_partial_responses_total',
    'miroir_scatter_retries_total',
    'miroir_hedge_fired_total',
    'miroir_query_plan_narrowable_total',
    'miroir_tasks_total',
    'miroir_task_registry_size',
    'miroir_task_processing_age_seconds',
    'miroir_lane_wait_seconds',
    'miroir_settings_version',
  ])
    assert.ok(text.includes(`# HELP ${name} `), name);
  assert.match(miroirVersion, /^\d+\.\d+\.\d+/);
});

test('labels are bounded', async () => {
  const metrics = createMetrics();
  for (let count = 0; count < 6000; count += 1)
    metrics.observeRequest('GET', `/route-${count}`, 200, 0.001);
  const text = await metricsText(metrics.registry);
  const lines = text.match(/^miroir_requests_total\{.*$/gm) ?? [];
  assert.is(lines.length, 4097);
  assert.ok(lines.some((line) => line.endsWith(' 1904') && line.includes('other')));
});

test('workers add up', async () => {
  const workers = [createMetrics(), createMetrics({ withRuntime: true })];
  for (const worker of workers) {
    worker.observeRequest('GET', '/health', 200, 0.1);
    worker.degradedShards.set(4);
    worker.requestsInFlight.set(3);
  }
  const snapshots = await Promise.all(workers.map((worker) => metricsSnapshot(worker.registry)));
  const text = await aggregatedMetricsText(JSON.parse(JSON.stringify(snapshots)));
  assert.match(text, /^miroir_requests_total\{.*\} 2$/m);
  assert.match(text, /^miroir_degraded_shards_total 4$/m);
  assert.match(text, /^miroir_requests_in_flight 6$/m);
  assert.match(text, /^miroir_build_info\{.*\} 1$/m);
  assert.match(text, /^nodejs_eventloop_lag_seconds /m);
});

run();
