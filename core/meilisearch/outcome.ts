/** What one call to one node came to. Expected failures are values, not exceptions. */

/** The ways a call can end. */
export type NodeOutcome =
  /** The node answered; any status. `body` is the whole answer (bounded by the caller's limit). */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly body: Uint8Array;
      readonly elapsedMs: number;
    }
  /** No connection could be made: surely nothing was done. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The connection broke after the request may have arrived. */
  | { readonly kind: 'reset'; readonly reason: string }
  /** The deadline passed. */
  | { readonly kind: 'timeout'; readonly afterMs: number }
  /** The caller's signal fired. */
  | { readonly kind: 'aborted' }
  /** The answer was larger than the caller allows. */
  | { readonly kind: 'too-large'; readonly limitBytes: number };

/** One call to a node. */
export interface NodeCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with query, percent-encoded, built from parts and never from a client's raw path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** With an iterable, `bodyBytes` must be its exact length. */
  readonly body?: Uint8Array | string | readonly Uint8Array[] | AsyncIterable<Uint8Array>;
  readonly bodyBytes?: number;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Largest answer accepted, in bytes. Default 512 MiB. */
  readonly answerBytesMax?: number;
  /** Told of each piece of the answer as it arrives: for answers that go on and on. */
  readonly onChunk?: (chunk: Uint8Array) => void;
}
