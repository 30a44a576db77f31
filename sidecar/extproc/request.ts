/** The request that routes see, made from the headers of an ext_proc stream. */
import type { GatewayRequest } from '../http/exchange.ts';
import { requestBody } from '../http/request-body.ts';

/** What a request is made from. */
export interface RequestParts {
  /** As Envoy sent them, pseudo headers included. */
  readonly headers: Map<string, string>;
  readonly hasBody: boolean;
  /** The bytes of the body as they arrive. */
  readonly source: AsyncIterable<Uint8Array>;
  /** `listen.max_body`, counted after inflation. */
  readonly maxBodyBytes: number;
}

/** One client request; the signal is made only if somebody asks for it. */
export class ExtprocRequest implements GatewayRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly requestId: string;
  readonly hasBody: boolean;
  readonly body: AsyncIterable<Uint8Array>;
  private controller: AbortController | undefined;
  private isAborted = false;

  constructor(parts: RequestParts) {
    const { headers } = parts;
    this.method = headers.get(':method') ?? '';
    this.target = headers.get(':path') ?? '/';
    this.requestId = headers.get('x-request-id') ?? '';
    this.headers = headers;
    this.hasBody = parts.hasBody;
    this.body = requestBody(parts.source, { headers, maxBytes: parts.maxBodyBytes });
    const authority = headers.get(':authority');
    for (const name of PSEUDO_HEADERS) headers.delete(name);
    if (authority !== undefined) headers.set('host', authority);
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.isAborted) this.controller.abort();
    return this.controller.signal;
  }

  /** The client is gone, or nobody wants the answer any more. */
  abort(): void {
    this.isAborted = true;
    this.controller?.abort();
  }
}

const PSEUDO_HEADERS = [':method', ':path', ':scheme', ':authority', ':protocol'];
