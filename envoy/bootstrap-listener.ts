/**
 * The one listener and its HTTP connection manager. Paths and headers are treated as a Meilisearch node
 * treats them (measured on 1.50): repeated slashes are merged, `/./`, `/../` and escapes stay as they
 * are, a fragment is dropped, Upgrade is ignored, HTTP/1.0 is served, about 100 headers and 128 KiB of
 * them are taken.
 */
import { CLUSTER_HEADER, workerCluster } from '../core/sockets.ts';
import type { BootstrapOptions, GatewayConfig } from './bootstrap.ts';
import { httpFilters } from './bootstrap-filters.ts';
import { localErrorJson, localReplies } from './bootstrap-local-replies.ts';

const MEBIBYTE = 1024 ** 2;
const STREAM_IDLE_TIMEOUT = '120s';
const HEADERS_KIBIBYTES_MAX = 128;
const HEADERS_COUNT_MAX = 100;

/**
 * What a client may not say: names that steer Envoy or the sidecar, and those by which Meilisearch
 * nodes talk among themselves.
 */
const REFUSED_HEADER_PREFIXES = ['x-envoy-', 'meili-proxy-'];
const REFUSED_HEADERS = [CLUSTER_HEADER, 'x-miroir-host'];

/** The listener on `listen.host`:`listen.port`. */
export function listener(config: GatewayConfig, options: BootstrapOptions): object {
  return {
    name: 'gateway',
    address: {
      socket_address: { address: config.listen.host, port_value: config.listen.port },
    },
    // Memory of one upload, and the size of the pieces in which the sidecar gets it.
    per_connection_buffer_limit_bytes: MEBIBYTE,
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: connectionManager(config, options),
          },
        ],
      },
    ],
  };
}

function connectionManager(config: GatewayConfig, options: BootstrapOptions): object {
  return {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'gateway',
    codec_type: 'AUTO',
    use_remote_address: true,
    // A node sends no `server` header.
    server_header_transformation: 'PASS_THROUGH',
    ...requestIds(),
    ...pathsAndHeaders(),
    ...limits(),
    local_reply_config: localReplies(),
    route_config: routes(config.listen.workers),
    http_filters: httpFilters(),
    ...(options.accessLogPath !== undefined && { access_log: [accessLog(options.accessLogPath)] }),
  };
}

/** The client's id is kept byte for byte, a missing one is made; either way it is in the answer. */
function requestIds(): object {
  return {
    generate_request_id: true,
    preserve_external_request_id: true,
    always_set_request_id_in_response: true,
    request_id_extension: {
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig',
        pack_trace_reason: false,
        use_request_id_for_trace_sampling: false,
      },
    },
  };
}

function pathsAndHeaders(): object {
  return {
    normalize_path: false,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
    http_protocol_options: {
      accept_http_10: true,
      default_host_for_http_10: 'miroir',
      ignore_http_11_upgrade: [{ safe_regex: { regex: '.*' } }],
    },
    early_header_mutation_extensions: [
      {
        name: 'envoy.http.early_header_mutation.header_mutation',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
          mutations: [
            ...REFUSED_HEADERS.map((name) => ({ remove: name })),
            ...REFUSED_HEADER_PREFIXES.map((prefix) => ({
              remove_on_match: { key_matcher: { prefix, ignore_case: true } },
            })),
          ],
        },
      },
    ],
  };
}

function limits(): object {
  return {
    max_request_headers_kb: HEADERS_KIBIBYTES_MAX,
    common_http_protocol_options: {
      idle_timeout: '300s',
      max_headers_count: HEADERS_COUNT_MAX,
      // A node takes such headers; nothing here reads them, so dropping them is both safe and alike.
      headers_with_underscores_action: 'DROP_HEADER',
    },
    http2_protocol_options: {
      max_concurrent_streams: 128,
      initial_stream_window_size: MEBIBYTE,
      initial_connection_window_size: 4 * MEBIBYTE,
    },
    // ext_proc with full-duplex bodies has no message timeout: this one ends what hangs.
    stream_idle_timeout: STREAM_IDLE_TIMEOUT,
    request_headers_timeout: '30s',
    request_timeout: '0s',
    delayed_close_timeout: '1s',
    drain_timeout: '5s',
  };
}

/** Only the sidecar can name a worker; everything else ends here, should ext_proc ever let it pass. */
function routes(workers: number): object {
  const workerRoutes = Array.from({ length: workers }, (_, index) => ({
    match: {
      prefix: '/',
      headers: [{ name: CLUSTER_HEADER, string_match: { exact: workerCluster(index) } }],
    },
    route: {
      cluster: workerCluster(index),
      timeout: '0s',
      retry_policy: { retry_on: 'connect-failure', num_retries: 2 },
    },
    request_headers_to_remove: [CLUSTER_HEADER, 'authorization', 'cookie'],
  }));
  return {
    name: 'gateway',
    virtual_hosts: [
      {
        name: 'gateway',
        domains: ['*'],
        routes: [
          ...workerRoutes,
          {
            match: { prefix: '/' },
            direct_response: { status: 503, body: { inline_string: localErrorJson(503) } },
          },
        ],
      },
    ],
  };
}

function accessLog(path: string): object {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path,
      log_format: {
        json_format: {
          time: '%START_TIME%',
          request_id: '%REQ(X-REQUEST-ID)%',
          method: '%REQ(:METHOD)%',
          path: '%REQ(:PATH)%',
          protocol: '%PROTOCOL%',
          status: '%RESPONSE_CODE%',
          details: '%RESPONSE_CODE_DETAILS%',
          flags: '%RESPONSE_FLAGS%',
          upstream: '%UPSTREAM_CLUSTER%',
          received_bytes: '%BYTES_RECEIVED%',
          sent_bytes: '%BYTES_SENT%',
          duration_ms: '%DURATION%',
        },
      },
    },
  };
}
