/** Replies the routes make: JSON of our own, a node's answer passed on, an error in Meilisearch's shape. */
import { errorBody, type MiroirError } from '../../core/errors.ts';
import type { GatewayReply } from '../http/exchange.ts';

const JSON_TYPE = ['content-type', 'application/json'] as const;

/** Header name and value. */
export type HeaderPair = readonly [name: string, value: string];

/** A JSON answer from a value of our own (never from documents). */
export function jsonReply(
  route: string,
  status: number,
  value: unknown,
  headers: readonly HeaderPair[] = [],
): GatewayReply {
  return bytesReply(route, status, [Buffer.from(JSON.stringify(value))], headers);
}

/** A JSON answer whose bytes exist already. */
export function bytesReply(
  route: string,
  status: number,
  body: readonly Uint8Array[],
  headers: readonly HeaderPair[] = [],
): GatewayReply {
  return { status, headers: [JSON_TYPE, ...headers], body, route };
}

/** An answer without a body, as a node gives for paths and methods it does not know. */
export function emptyReply(
  route: string,
  status: number,
  headers: readonly HeaderPair[] = [],
): GatewayReply {
  return { status, headers, body: [], route };
}

/** What a client sees of an error it must see. */
export function errorReply(route: string, error: MiroirError): GatewayReply {
  const headers: HeaderPair[] =
    error.retryAfterSeconds === undefined ? [] : [['retry-after', String(error.retryAfterSeconds)]];
  return jsonReply(route, error.status, errorBody(error.code, error.message), headers);
}
