/**
 * The clusters Envoy knows: `sidecar`, all workers' ext_proc sockets, and `worker-<i>`, each worker's
 * own HTTP listener for answers too large for ext_proc. Never a node.
 */
import { extprocSocket, httpSocket, workerCluster } from '../core/sockets.ts';
import type { GatewayConfig } from './bootstrap.ts';

const MEBIBYTE = 1024 ** 2;
/** Below the ~1000 stream resets after which Node's HTTP/2 server drops a connection. */
const REQUESTS_PER_CONNECTION = 800;
/** Envoy's default of 1024 would refuse streams in a burst; the listener's limits come first. */
const STREAMS_MAX = 100_000;

/**
 * One worker is preferred while there is little to do, because a process that just ran answers sooner
 * than one that slept (0.2 ms of 0.8 measured with one client); with more to do the others soon weigh as
 * much: weight / (active + 1) ^ bias. Under full load the first then has about three requests to the
 * others' one at hand, which cost neither throughput nor tail latency with 32 clients.
 */
const FIRST_WORKER_WEIGHT = 10;
const ACTIVE_REQUEST_BIAS = 2;

/** All clusters of the bootstrap. */
export function clusters(config: GatewayConfig): object[] {
  const { socket_dir: socketDir, workers } = config.listen;
  const indexes = Array.from({ length: workers }, (_, index) => index);
  return [
    sidecarCluster(indexes.map((index) => extprocSocket(socketDir, index))),
    ...indexes.map((index) => httpCluster(workerCluster(index), httpSocket(socketDir, index))),
  ];
}

function sidecarCluster(paths: readonly string[]): object {
  return {
    ...cluster('sidecar', paths),
    lb_policy: 'LEAST_REQUEST',
    least_request_lb_config: {
      active_request_bias: {
        default_value: ACTIVE_REQUEST_BIAS,
        runtime_key: 'miroir.active_request_bias',
      },
    },
    typed_extension_protocol_options: httpOptions({
      common_http_protocol_options: {
        max_requests_per_connection: REQUESTS_PER_CONNECTION,
        idle_timeout: '0s',
      },
      explicit_http_config: {
        http2_protocol_options: {
          initial_stream_window_size: MEBIBYTE,
          initial_connection_window_size: 16 * MEBIBYTE,
          // A worker that is stopped, not dead, must not hold its requests for long.
          connection_keepalive: { interval: '5s', timeout: '5s' },
        },
      },
    }),
    health_checks: [
      {
        timeout: '2s',
        interval: '1s',
        interval_jitter: '0.1s',
        no_traffic_interval: '1s',
        unhealthy_interval: '0.25s',
        unhealthy_threshold: 2,
        healthy_threshold: 1,
        grpc_health_check: {},
      },
    ],
    outlier_detection: {
      split_external_local_origin_errors: true,
      consecutive_local_origin_failure: 2,
      consecutive_gateway_failure: 5,
      consecutive_5xx: 0,
      enforcing_consecutive_5xx: 0,
      enforcing_success_rate: 0,
      enforcing_local_origin_success_rate: 0,
      interval: '0.5s',
      base_ejection_time: '1s',
      max_ejection_time: '5s',
      max_ejection_percent: 100,
    },
    // Only if no worker at all is healthy are all tried: one that is not ready yet answers with its
    // own 503, a dead one fails at once.
    common_lb_config: { healthy_panic_threshold: { value: 1 } },
  };
}

function httpCluster(name: string, path: string): object {
  return {
    ...cluster(name, [path]),
    typed_extension_protocol_options: httpOptions({
      common_http_protocol_options: { idle_timeout: '30s' },
      explicit_http_config: { http_protocol_options: {} },
    }),
  };
}

function cluster(name: string, paths: readonly string[]): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    per_connection_buffer_limit_bytes: MEBIBYTE,
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: paths.map((path, index) => ({
            endpoint: { address: { pipe: { path } } },
            load_balancing_weight: index === 0 ? FIRST_WORKER_WEIGHT : 1,
          })),
        },
      ],
    },
    circuit_breakers: {
      thresholds: [
        {
          max_connections: STREAMS_MAX,
          max_pending_requests: STREAMS_MAX,
          max_requests: STREAMS_MAX,
          max_retries: 1000,
        },
      ],
    },
  };
}

function httpOptions(options: object): object {
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      ...options,
    },
  };
}
