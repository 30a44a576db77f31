/**
 * The HTTP filters in their order: compression sees answers last, ext_proc decides everything, and the
 * router is reached only by answers that a worker serves itself.
 */

/** text/event-stream is left out on purpose: events must not wait in a compressor. */
const COMPRESSED_TYPES = [
  'application/json',
  'application/x-ndjson',
  'application/javascript',
  'text/html',
  'text/css',
  'text/csv',
  'text/plain',
  'image/svg+xml',
];

const COMPRESSED_BYTES_MIN = 1024;

/** All HTTP filters of the connection manager. */
export function httpFilters(): object[] {
  return [
    compressor('br', {
      name: 'envoy.compression.brotli.compressor',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.compression.brotli.compressor.v3.Brotli',
        quality: 3,
      },
    }),
    compressor('gzip', {
      name: 'envoy.compression.gzip.compressor',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip',
        compression_level: 'COMPRESSION_LEVEL_3',
        memory_level: 8,
        window_bits: 15,
      },
    }),
    externalProcessor(),
    {
      name: 'envoy.filters.http.router',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
        suppress_envoy_headers: true,
      },
    },
  ];
}

function compressor(name: string, library: object): object {
  return {
    name: `compressor-${name}`,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor',
      response_direction_config: {
        common_config: {
          min_content_length: COMPRESSED_BYTES_MIN,
          content_type_matcher: COMPRESSED_TYPES.map((prefix) => ({ prefix })),
        },
      },
      compressor_library: library,
    },
  };
}

/**
 * Full-duplex bodies let the sidecar hold back its answer to the headers until it has read the body, so
 * the router never runs. The mode is static: meshes cannot override it per request.
 */
function externalProcessor(): object {
  return {
    name: 'envoy.filters.http.ext_proc',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor',
      stat_prefix: 'miroir',
      grpc_service: {
        envoy_grpc: { cluster_name: 'sidecar' },
        retry_policy: {
          retry_on: 'connect-failure,refused-stream',
          num_retries: 3,
          retry_back_off: { base_interval: '0.005s', max_interval: '0.05s' },
          // The preferred worker is picked ten times in eleven; try until it is another.
          host_selection_retry_max_attempts: 50,
          retry_host_predicate: [
            {
              name: 'envoy.retry_host_predicates.previous_hosts',
              typed_config: {
                '@type':
                  'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
              },
            },
          ],
        },
      },
      failure_mode_allow: false,
      status_on_error: { code: 'ServiceUnavailable' },
      message_timeout: '10s',
      processing_mode: {
        request_header_mode: 'SEND',
        request_body_mode: 'FULL_DUPLEX_STREAMED',
        request_trailer_mode: 'SEND',
        response_header_mode: 'SKIP',
        response_body_mode: 'NONE',
        response_trailer_mode: 'SKIP',
      },
      // These rules hold for the headers of immediate answers too (tried on 1.40: what is refused is
      // dropped without a word), so they name what is refused, not what is allowed.
      mutation_rules: {
        allow_all_routing: { value: false },
        allow_envoy: { value: false },
        disallow_is_error: { value: true },
      },
    },
  };
}
