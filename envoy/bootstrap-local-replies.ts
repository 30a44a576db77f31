/**
 * Every error that Envoy makes by itself gets Meilisearch's shape. Most of the sidecar's answers do not
 * come through here (it sends them as streamed immediate ones, which Envoy passes as they are); those
 * given before a body was read do, and the first rule lets them through by their mark.
 */
import { type ErrorCode, errorBody } from '../core/errors.ts';

/** The mark of the sidecar's answers, Envoy's "response code details". */
const SIDECAR_DETAILS = 'miroir';

interface LocalError {
  /** The status a client gets, where Envoy's own would not be a node's. */
  readonly status?: number;
  readonly code: ErrorCode;
  readonly message: string;
}

const UNAVAILABLE: LocalError = {
  code: 'miroir_gateway_unavailable',
  message: 'The gateway cannot answer at the moment. Please try again in a moment.',
};

const LOCAL_ERRORS: readonly (readonly [status: number, error: LocalError])[] = [
  [400, { code: 'bad_request', message: 'The request is not valid HTTP.' }],
  [403, { code: 'bad_request', message: 'The request asks for a protocol that is not served.' }],
  [404, { code: 'bad_request', message: 'The request has no valid path.' }],
  [408, { code: 'bad_request', message: 'The request did not arrive in time.' }],
  [413, { code: 'payload_too_large', message: 'The provided payload reached the size limit.' }],
  [426, { code: 'bad_request', message: 'The version of HTTP is not served.' }],
  // A transfer-encoding other than chunked; a node calls it malformed.
  [501, { code: 'bad_request', message: 'The request is not valid HTTP.', status: 400 }],
  [431, { code: 'bad_request', message: 'The headers of the request are too large.' }],
];

const CORS = [
  ['access-control-allow-origin', '*'],
  ['vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'],
] as const;

/** The body Envoy sends with an error `status` of its own making. */
export function localErrorJson(status: number): string {
  const { code, message } = LOCAL_ERRORS.find(([of]) => of === status)?.[1] ?? UNAVAILABLE;
  return JSON.stringify(errorBody(code, message));
}

/** The connection manager's `local_reply_config`. The first rule that matches wins. */
export function localReplies(): object {
  return {
    mappers: [
      { filter: sidecarFilter() },
      ...LOCAL_ERRORS.map(([status]) => mapper(status, statusFilter('EQ', status))),
      mapper(503, statusFilter('GE', 400)),
    ],
  };
}

function mapper(status: number, filter: object): object {
  const clientStatus = LOCAL_ERRORS.find(([of]) => of === status)?.[1].status ?? status;
  const isOurFault = clientStatus >= 500;
  return {
    filter,
    ...(clientStatus !== status && { status_code: clientStatus }),
    body_format_override: {
      text_format_source: { inline_string: localErrorJson(status).replaceAll('%', '%%') },
      content_type: 'application/json',
    },
    headers_to_add: [
      ...CORS.map(([key, value]) => header(key, value)),
      ...(isOurFault ? [header('retry-after', '1')] : []),
    ],
  };
}

function header(key: string, value: string): object {
  return { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}

function statusFilter(op: 'EQ' | 'GE', value: number): object {
  return {
    status_code_filter: {
      comparison: {
        op,
        value: { default_value: value, runtime_key: `miroir.local_reply.${value}` },
      },
    },
  };
}

function sidecarFilter(): object {
  return {
    extension_filter: {
      name: 'envoy.access_loggers.extension_filters.cel',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
        expression: `response.code_details == '${SIDECAR_DETAILS}'`,
      },
    },
  };
}
