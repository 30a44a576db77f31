/**
 * The HTTP client of one node: one pool of kept-alive connections, every call with a deadline and a
 * bound on its answer, every end a value (NodeOutcome) and never an exception. It does not retry: only
 * the caller knows whether doing a thing twice is harmless. `accept-encoding` is never sent, since a
 * node then spends tens of milliseconds compressing what travels over a private network.
 *
 * undici's dispatch interface is used rather than `request()`: an answer is collected as it arrives,
 * without a stream object per call.
 */
import { setMaxListeners } from 'node:events';
import { type Dispatcher, Pool } from 'undici';
import { assert } from '../assert.ts';
import type { CertificateFiles } from '../tls/certificate-files.ts';
import { connectorOf } from './connector.ts';
import type { NodeCall, NodeOutcome } from './outcome.ts';

const CONNECTIONS_MAX = 128;
const CALLS_MAX = 8_192;
const CONNECT_TIMEOUT_MS = 2_000;
const KEEP_ALIVE_MS = 30_000;
const ANSWER_BYTES_MAX = 512 * 1024 * 1024;
/** Shorter chunk lists are joined: one write is cheaper than several. */
const JOIN_BYTES_MAX = 256 * 1024;

/** How one node is called. */
export interface NodeClientOptions {
  /** Connections at once; further calls wait their turn within their deadline. Default 128. */
  readonly connections?: number;
  /** Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** For https: whom to trust, and who we are. Default: those the system trusts. */
  readonly certificates?: CertificateFiles | undefined;
}

/** Calls one node. Create one per node and process, and close it when the node is gone. */
export class NodeClient {
  readonly url: string;
  readonly #pool: Pool;
  #callsInFlight = 0;

  constructor(url: string, options: NodeClientOptions = {}) {
    this.url = url;
    this.#pool = new Pool(url, {
      connections: options.connections ?? CONNECTIONS_MAX,
      pipelining: 1,
      connect: connectorOf(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, options.certificates),
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Sends one request and waits for its whole answer. Never throws and never rejects. */
  call(call: NodeCall): Promise<NodeOutcome> {
    assert(call.deadlineMs > 0, 'a call needs a deadline');
    if (call.signal?.aborted === true) return Promise.resolve({ kind: 'aborted' });
    if (this.#callsInFlight >= CALLS_MAX) {
      return Promise.resolve({ kind: 'refused', reason: 'too many calls wait for this node' });
    }
    this.#callsInFlight += 1;
    return new Promise((resolve) => {
      const exchange = new Exchange(call, (outcome) => {
        this.#callsInFlight -= 1;
        resolve(outcome);
      });
      const { body, bytes } = prepareBody(call);
      const headers = bytes === undefined ? call.headers : withLength(call.headers, bytes);
      try {
        this.#pool.dispatch({ path: call.path, method: call.method, headers, body }, exchange);
      } catch (error) {
        exchange.fail(error);
      }
    });
  }

  /** Cuts every connection; calls under way end as `reset`. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** One request and its answer. Ends exactly once. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #call: NodeCall;
  readonly #answerBytesMax: number;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Uint8Array[] = [];
  readonly #onAbort = (): void => this.#stop({ kind: 'aborted' });
  #resolve: ((outcome: NodeOutcome) => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Readonly<Record<string, string | string[] | undefined>> = {};
  #receivedBytes = 0;

  constructor(call: NodeCall, resolve: (outcome: NodeOutcome) => void) {
    this.#call = call;
    this.#resolve = resolve;
    this.#answerBytesMax = call.answerBytesMax ?? ANSWER_BYTES_MAX;
    const afterMs = call.deadlineMs;
    this.#timer = setTimeout(() => this.#stop({ kind: 'timeout', afterMs }), afterMs);
    if (call.signal === undefined) return;
    // A search over many indexes has dozens of calls under one signal: that is no leak.
    setMaxListeners(0, call.signal);
    call.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Ended while it waited for a connection: nothing of it may be sent any more.
    if (this.#resolve === undefined) controller.abort(new Error('ended before it was sent'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[]>,
  ): void {
    if (statusCode < 200) return;
    this.#status = statusCode;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    this.#call.onChunk?.(chunk);
    if (this.#receivedBytes > this.#answerBytesMax) {
      this.#stop({ kind: 'too-large', limitBytes: this.#answerBytesMax });
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const body =
      this.#chunks.length === 1 ? (this.#chunks[0] ?? EMPTY) : Buffer.concat(this.#chunks);
    this.#end({
      kind: 'answered',
      status: this.#status,
      headers: this.#headers,
      body,
      elapsedMs: performance.now() - this.#startedAt,
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  /** Ends with `refused` if surely nothing was sent, else with `reset`. */
  fail(error: unknown): void {
    const reason = reasonOf(error);
    this.#end({ kind: this.#controller === undefined ? 'refused' : 'reset', reason });
  }

  #stop(outcome: NodeOutcome): void {
    this.#end(outcome);
    this.#controller?.abort(new Error(outcome.kind));
  }

  #end(outcome: NodeOutcome): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    clearTimeout(this.#timer);
    this.#call.signal?.removeEventListener('abort', this.#onAbort);
    resolve(outcome);
  }
}

const EMPTY = new Uint8Array(0);

type DispatchBody = NonNullable<Dispatcher.DispatchOptions['body']>;

function prepareBody(call: NodeCall): { body: DispatchBody | null; bytes: number | undefined } {
  const { body } = call;
  if (body === undefined) return { body: null, bytes: undefined };
  if (typeof body === 'string' || body instanceof Uint8Array) return { body, bytes: undefined };
  if (Array.isArray(body)) {
    const chunks: readonly Uint8Array[] = body;
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (bytes <= JOIN_BYTES_MAX) return { body: Buffer.concat(chunks), bytes: undefined };
    return { body: chunks as unknown as DispatchBody, bytes };
  }
  assert(call.bodyBytes !== undefined, 'a streamed body needs its exact length');
  return { body: body as unknown as DispatchBody, bytes: call.bodyBytes };
}

function withLength(
  headers: Readonly<Record<string, string>>,
  bytes: number,
): Record<string, string> {
  return { ...headers, 'content-length': String(bytes) };
}

/** A short text without addresses of clients or any header: fit for a log. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : error.name;
}
