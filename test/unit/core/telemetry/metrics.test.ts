/**
 * Goal: the metrics promised by name exist, count right, stay bounded, and add up over workers.
 * Method: real registries, read back as the text a scrape would get.
 */
import { getGlobalDispatcher, request } from 'undici';
import * as assert from 'uvu/assert';
import {
  aggregatedMetricsText,
  createMetrics,
  metricsSnapshot,
  metricsText,
  miroirVersion,
  serveMetrics,
} from '../../../../core/telemetry/index.ts';
import type {
  ClusterNode,
  ClusterView,
  CopyState,
  IndexEntry,
  OwnerTable,
} from '../../../../core/topology.ts';
import type { IndexUid, NodeId } from '../../../../core/types.ts';
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
    'miroir_scatter_fan_out_size',
    'miroir_scatter_partial_responses_total',
    'miroir_scatter_retries_total',
    'miroir_tasks_total',
    'miroir_task_registry_size',
    'miroir_task_processing_age_seconds',
    'miroir_lane_wait_seconds',
  ])
    assert.ok(text.includes(`# HELP ${name} `), name);
  assert.match(miroirVersion, /^\d+\.\d+\.\d+/);
});

test('the view is counted at each scrape', async () => {
  const metrics = createMetrics({ program: 'sidecar' });
  let current: ClusterView | undefined;
  metrics.followView(() => current);
  await metricsText(metrics.registry);
  current = view();
  const text = await metricsText(metrics.registry);
  for (const line of [
    'miroir_shard_coverage 3',
    'miroir_degraded_shards_total 1',
    'miroir_settings_version 7',
    'miroir_shard_distribution{node_id="a"} 2',
    'miroir_shard_distribution{node_id="b"} 3',
    'miroir_shard_distribution{node_id="idle"} 0',
    'miroir_copies{state="in-sync"} 3',
    'miroir_copies{state="behind"} 2',
    'miroir_copies{state="filling"} 0',
  ])
    assert.ok(text.includes(`\n${line}\n`), `${line}\n${text}`);
  current = { ...view(), indexes: new Map() };
  assert.match(await metricsText(metrics.registry), /^miroir_shard_coverage 0$/m);
});

test('a program shows only what it counts', async () => {
  const control = await metricsText(createMetrics({ program: 'control' }).registry);
  const sidecar = await metricsText(createMetrics({ program: 'sidecar' }).registry);
  assert.match(control, 'miroir_task_registry_size');
  assert.not.match(control, 'miroir_requests_in_flight');
  assert.match(sidecar, 'miroir_requests_in_flight');
  assert.not.match(sidecar, 'miroir_task_registry_size');
});

test('the listener serves metrics and refuses a taken port', async () => {
  const { registry } = createMetrics();
  const address = { metrics_host: '127.0.0.1', metrics_port: 0 };
  let words: string | undefined = 'it begins';
  const port = await serveMetrics(address, registry, () => words);
  const answer = await request(`http://127.0.0.1:${port}/metrics`);
  assert.is(answer.statusCode, 200);
  assert.match(await answer.body.text(), 'miroir_build_info');
  assert.is((await request(`http://127.0.0.1:${port}/livez`)).statusCode, 200);
  assert.is((await request(`http://127.0.0.1:${port}/other`)).statusCode, 404);
  const unready = await request(`http://127.0.0.1:${port}/readyz`);
  assert.equal([unready.statusCode, await unready.body.text()], [503, 'it begins\n']);
  words = undefined;
  assert.is((await request(`http://127.0.0.1:${port}/readyz`)).statusCode, 200);
  const again = serveMetrics({ ...address, metrics_port: port }, registry, () => undefined);
  const taken = await again.catch((error: NodeJS.ErrnoException) => error.code);
  assert.is(taken, 'EADDRINUSE');
  await getGlobalDispatcher().close();
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
    worker.followView(() => view());
    worker.requestsInFlight.set(3);
  }
  const snapshots = await Promise.all(workers.map((worker) => metricsSnapshot(worker.registry)));
  const text = await aggregatedMetricsText(JSON.parse(JSON.stringify(snapshots)));
  assert.match(text, /^miroir_requests_total\{.*\} 2$/m);
  assert.match(text, /^miroir_degraded_shards_total 1$/m);
  assert.match(text, /^miroir_shard_distribution\{node_id="a"\} 2$/m);
  assert.match(text, /^miroir_requests_in_flight 6$/m);
  assert.match(text, /^miroir_build_info\{.*\} 1$/m);
  assert.match(text, /^nodejs_eventloop_lag_seconds /m);
});

run();

/** Two visible indexes, four shards, one without a copy in sync, and one index that is not visible yet. */
function view(): ClusterView {
  const copy = (nodeId: string, state: CopyState) => ({ nodeId: nodeId as NodeId, state });
  const index = (uid: string, isVisible: boolean, owners: OwnerTable): [IndexUid, IndexEntry] => [
    uid as IndexUid,
    { uid, isVisible, owners, settingsVersion: uid === 'one' ? 7n : 3n } as IndexEntry,
  ];
  return {
    nodes: new Map(['a', 'b', 'idle'].map((id) => [id as NodeId, { id } as ClusterNode])),
    indexes: new Map([
      index('one', true, [[copy('a', 'in-sync'), copy('b', 'behind')], [copy('b', 'in-sync')]]),
      index('two', true, [[copy('a', 'in-sync')], [copy('b', 'behind')]]),
      index('later', false, [[copy('a', 'in-sync')]]),
    ]),
  } as unknown as ClusterView;
}
