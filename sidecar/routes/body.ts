/** Bodies of requests that are small by their nature: their type, their bytes, their JSON. */
import { MiroirError } from '../../core/errors.ts';
import { BodyError } from '../http/body-error.ts';
import type { GatewayRequest } from '../http/exchange.ts';

/** Deepest nesting a node's JSON parser follows. */
const DEPTH_MAX = 127;

/** Throws as a node does unless the Content-Type names JSON; parameters such as charset do not matter. */
export function requireJsonType(request: GatewayRequest): void {
  const header = request.headers.get('content-type');
  const accepted = 'Accepted values for the Content-Type header are: `application/json`';
  if (header === undefined) {
    throw new MiroirError('missing_content_type', `A Content-Type header is missing. ${accepted}`);
  }
  const essence = header.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const [type, subtype] = essence.split('/');
  const isJson = type !== '' && (subtype === 'json' || subtype?.endsWith('+json') === true);
  if (!isJson) {
    throw new MiroirError(
      'invalid_content_type',
      `The Content-Type \`${header}\` is invalid. ${accepted}`,
    );
  }
}

/** The whole body, inflated. Its size is bounded by the transport (`listen.max_body`). */
export async function readBody(request: GatewayRequest): Promise<Buffer> {
  if (!request.hasBody) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let bodyBytes = 0;
  try {
    for await (const chunk of request.body) {
      bodyBytes += chunk.length;
      if (bodyBytes > BODY_BYTES_MAX) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    // A node words a broken body differently where it reads JSON whole.
    throw error instanceof BodyError ? error.forJsonBody() : error;
  }
  return chunks.length === 1 ? asBuffer(chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
}

/** Bodies that are parsed whole: longer ones would hold up every other request of the worker. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

function tooLarge(): MiroirError {
  return new MiroirError(
    'payload_too_large',
    `The provided payload reached the size limit. The maximum accepted payload size is ${BODY_BYTES_MAX / 1024 / 1024} MiB.`,
  );
}

/** What came of parsing a body. */
export type ParsedJson =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'empty' }
  /** Not JSON, or nested deeper than a node follows: only a node knows its own text for it. */
  | { readonly kind: 'malformed' };

/**
 * Parses a small body as JSON; of duplicate keys the last wins, as on a node. Never for documents:
 * numbers lose what does not fit a 64-bit float.
 */
export function parseJson(body: Buffer): ParsedJson {
  if (body.length === 0) return { kind: 'empty' };
  if (nestsDeeperThan(body, DEPTH_MAX)) return { kind: 'malformed' };
  try {
    return { kind: 'value', value: JSON.parse(body.toString('utf8')) };
  } catch {
    return { kind: 'malformed' };
  }
}

/** A node's answer to a body that is not there. */
export function missingPayload(): MiroirError {
  return new MiroirError('missing_payload', 'A json payload is missing.');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const CLOSE_OBJECT = 0x7d;
const CLOSE_ARRAY = 0x5d;

/** Whether brackets outside strings nest deeper; one pass, no recursion. */
function nestsDeeperThan(body: Buffer, limit: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (isInString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1;
      if (depth > limit) return true;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth -= 1;
    }
  }
  return false;
}
