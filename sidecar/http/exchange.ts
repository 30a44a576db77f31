/**
 * The border between the transport (ext_proc, knows no Meilisearch) and the routes (know no gRPC).
 * A request comes with its headers at once and its body as a stream; a reply is status, headers, bytes.
 */

/** A client's request as the routes see it. */
export interface GatewayRequest {
  readonly method: string;
  /** Path with query exactly as sent, percent-encoding kept. */
  readonly target: string;
  /** Names in lower case; repeated headers joined by ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** Kept from the client or made by Envoy. */
  readonly requestId: string;
  /** Whether a body may follow (headers did not end the stream). */
  readonly hasBody: boolean;
  /**
   * The body, inflated and counted against `listen.max_body`; empty if there is none. May be read once.
   * Throws BodyError: payload_too_large, or bad_request if it does not inflate or breaks off.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Fires when the client is gone or the route's deadline passed. */
  readonly signal: AbortSignal;
}

/** The answer to a client. */
export interface GatewayReply {
  readonly status: number;
  /** Names in lower case. content-type is always set when there is a body. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /**
   * Byte chunks, sent as they are, or a stream for answers without a bound (sent through the worker's
   * own HTTP listener, with flow control).
   */
  readonly body: readonly Uint8Array[] | AsyncIterable<Uint8Array>;
  /** For the access line and metrics: the route's template, for instance `/indexes/{index_uid}/search`. */
  readonly route: string;
  /** For the access line: what was done, in a few words, for instance `fan-out 3 nodes, 256 shards`. */
  readonly plan?: string;
}

/** Answers one request. Throws MiroirError for what the client must see; any other error is a bug (500). */
export type Handler = (request: GatewayRequest) => Promise<GatewayReply>;
