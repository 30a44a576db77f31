/**
 * Makes the configuration of the stock Envoy in front of the sidecar: one listener, one ext_proc
 * filter, a fixed 503 wherever the sidecar did not answer, and nothing that leads to a node. The result
 * is plain JSON, which Envoy reads as it reads YAML; `envoy --mode validate` is its judge in the tests.
 *
 * Two settings keep long runs free of refused streams: Envoy resets every ext_proc stream it has
 * finished, and Node's HTTP/2 server drops a connection after about a thousand resets. So streams are
 * closed gracefully (a runtime key) and connections are renewed before they could reach that number.
 */
import type { MiroirConfig } from '../core/config/index.ts';
import { envoyAdminSocket } from '../core/sockets.ts';
import { clusters } from './bootstrap-clusters.ts';
import { listener } from './bootstrap-listener.ts';

/** Part of the configuration that the gateway is made from. */
export type GatewayConfig = Pick<MiroirConfig, 'listen'>;

/** What may differ from start to start. */
export interface BootstrapOptions {
  /** Where Envoy writes one line a request; nowhere if left out (the sidecar logs). */
  readonly accessLogPath?: string;
  /** Heap at which Envoy stops taking requests, in bytes. */
  readonly heapBytesMax?: number;
}

const HEAP_BYTES_MAX = 1024 ** 3;
const CONNECTIONS_MAX = 20_000;

/** Envoy's bootstrap as a JSON value. `config.listen.workers` must be resolved (above 0). */
export function bootstrap(config: GatewayConfig, options: BootstrapOptions = {}): object {
  return {
    node: { id: 'miroir-gateway', cluster: 'miroir' },
    admin: { address: { pipe: { path: envoyAdminSocket(config.listen.socket_dir), mode: 0o600 } } },
    static_resources: {
      listeners: [listener(config, options)],
      clusters: clusters(config),
    },
    layered_runtime: {
      layers: [
        {
          name: 'miroir',
          static_layer: {
            'envoy.reloadable_features.ext_proc_graceful_grpc_close': true,
            // A node drops `#fragment` from a path; rejecting it is Envoy's default.
            'envoy.reloadable_features.http_reject_path_with_fragment': false,
          },
        },
      ],
    },
    overload_manager: overloadManager(options.heapBytesMax ?? HEAP_BYTES_MAX),
  };
}

function overloadManager(heapBytesMax: number): object {
  return {
    refresh_interval: '0.25s',
    resource_monitors: [
      {
        name: 'envoy.resource_monitors.fixed_heap',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig',
          max_heap_size_bytes: heapBytesMax,
        },
      },
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          max_active_downstream_connections: CONNECTIONS_MAX,
        },
      },
    ],
    actions: [
      heapAction('envoy.overload_actions.shrink_heap', 0.9),
      heapAction('envoy.overload_actions.stop_accepting_requests', 0.97),
    ],
  };
}

function heapAction(name: string, value: number): object {
  return {
    name,
    triggers: [{ name: 'envoy.resource_monitors.fixed_heap', threshold: { value } }],
  };
}
