/**
 * Cross-origin answers exactly as a node gives them (measured on Meilisearch 1.50): any origin, any
 * header, any known method; `vary` on every answer, the permission only where an Origin was sent; a
 * preflight is whatever OPTIONS request asks for a method, on any path, without a key.
 */
import type { GatewayReply, GatewayRequest } from './exchange.ts';

const VARY = [
  'vary',
  'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
] as const;
const ALLOW_ORIGIN = ['access-control-allow-origin', '*'] as const;
const METHODS = 'POST, HEAD, PATCH, PUT, OPTIONS, CONNECT, DELETE, GET, TRACE';
const KNOWN_METHODS = new Set(METHODS.split(', '));
const MAX_AGE_SECONDS = 86_400;

/** The answer to a preflight, or undefined if the request is none. */
export function answerPreflight(request: GatewayRequest): GatewayReply | undefined {
  if (request.method !== 'OPTIONS') return undefined;
  const method = request.headers.get('access-control-request-method');
  // A node takes a malformed method for no preflight at all.
  if (method === undefined || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method)) return undefined;
  if (!KNOWN_METHODS.has(method)) {
    return {
      status: 400,
      headers: [['content-type', 'text/plain; charset=utf-8']],
      body: [Buffer.from('Requested method is not allowed')],
      route: 'preflight',
    };
  }
  const names = request.headers.get('access-control-request-headers');
  return {
    status: 200,
    headers: [
      ALLOW_ORIGIN,
      ['access-control-max-age', String(MAX_AGE_SECONDS)],
      ['access-control-allow-methods', METHODS],
      VARY,
      ...(names === undefined ? [] : [['access-control-allow-headers', names] as const]),
    ],
    body: [],
    route: 'preflight',
  };
}

/** The headers that every other answer carries. */
export function corsHeaders(request: GatewayRequest): GatewayReply['headers'] {
  return request.headers.has('origin') ? WITH_ORIGIN : WITHOUT_ORIGIN;
}

const WITH_ORIGIN = [ALLOW_ORIGIN, VARY] as const;
const WITHOUT_ORIGIN = [VARY] as const;
