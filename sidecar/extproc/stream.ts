/**
 * One ext_proc stream = one client request. The order is: headers -> a request is made and its route
 * starts at once; body pieces flow into its queue; the reply goes out in pieces, or is fetched by Envoy
 * from the worker's HTTP listener.
 *
 * What must hold, each learned on a real Envoy 1.40:
 * - The answer to the headers is withheld until the end. Answering them would let Envoy's router run.
 * - The stream is never closed without an answer: Envoy would let the request go on, with an empty body.
 * - There is no message timeout in this mode; deadlines are the route's, Envoy's idle timeout stands behind.
 * - An answer is a "streamed immediate" one. It costs the same as a plain one, and it does not pass Envoy's
 *   rules for errors of its own making, which also close the connection at every 400. Only before the end
 *   of the request's body it must be a plain one: of a streamed one the client would get nothing but the head.
 * - With graceful close Envoy ends its side when the client left, so an end before the answer means
 *   the same as a cancellation.
 */
import { CLUSTER_HEADER } from '../../core/sockets.ts';
import type { AccessRecorder, Ending } from '../http/access-record.ts';
import { type Answerer, discardReply } from '../http/answer.ts';
import { incomplete } from '../http/body-error.ts';
import { BodyQueue } from '../http/body-queue.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { LargeReplies } from '../http/large-replies.ts';
import { decodeInbound, type FilterProtocol, type Inbound } from './decode.ts';
import { drainBody } from './drain.ts';
import {
  encodeEmptyBody,
  encodeImmediate,
  encodeRoute,
  encodeTrailers,
  encodeUnavailable,
} from './encode.ts';
import { ExtprocRequest } from './request.ts';
import { replyBytes, sendStreamed } from './send-streamed.ts';

/** Envoy's side of a stream, as the gRPC server gives it. */
export interface StreamPeer {
  /** Sends a message; false asks to wait for `drained`. */
  write(message: Buffer): boolean;
  /** Resolves when more may be sent, or the stream is over. */
  drained(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Closes our side. */
  end(): void;
}

/** What every stream of a worker shares. */
export interface StreamServices {
  readonly answer: Answerer;
  readonly recorder: AccessRecorder;
  readonly largeReplies: LargeReplies;
  /** Name of the Envoy cluster that leads to this worker's HTTP listener. */
  readonly httpCluster: string;
  readonly maxBodyBytes: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Told what is wrong with a stream that cannot be served, for the log. */
  readonly onFault: (reason: string, error?: unknown) => void;
}

/** What is larger waits at the worker's HTTP listener: here Envoy would hold it for a slow client. */
const STREAMED_BYTES_MAX = 32 * 1024 * 1024;
const FULL_DUPLEX_STREAMED = 4;

type Phase = 'waiting' | 'working' | 'answered' | 'over';

/** The state of one stream. Its three inputs are `receive`, `end` and `cancel`. */
export class ExtprocStream {
  private phase: Phase = 'waiting';
  private request: ExtprocRequest | undefined;
  private body: BodyQueue | undefined;
  private hasTrailers = false;
  private startedAt = 0;
  private readonly peer: StreamPeer;
  private readonly services: StreamServices;

  constructor(peer: StreamPeer, services: StreamServices) {
    this.peer = peer;
    this.services = services;
  }

  /** Takes one message of Envoy. */
  receive(message: Buffer): void {
    if (this.phase === 'over') return;
    let inbound: Inbound;
    try {
      inbound = decodeInbound(message);
    } catch (error) {
      this.refuse('unreadable ext_proc message', error);
      return;
    }
    switch (inbound.kind) {
      case 'headers':
        this.start(inbound);
        break;
      case 'body':
        this.body?.push(inbound.bytes, inbound.isEnd);
        break;
      case 'trailers':
        this.hasTrailers = true;
        this.body?.push(NO_BYTES, true);
        break;
      case 'unexpected':
        this.refuse(`ext_proc phase ${inbound.field} is not expected`);
    }
  }

  /** Envoy closed its side. */
  end(): void {
    if (this.phase === 'waiting' || this.phase === 'working') {
      this.abandon();
      this.peer.write(encodeUnavailable());
    }
    this.phase = 'over';
    this.peer.end();
  }

  /** The stream was reset. */
  cancel(): void {
    if (this.phase === 'working') this.abandon();
    this.phase = 'over';
  }

  private start(inbound: Extract<Inbound, { kind: 'headers' }>): void {
    const fault = protocolFault(inbound.protocol);
    if (this.phase !== 'waiting' || fault !== undefined) {
      this.refuse(fault ?? 'headers came twice');
      return;
    }
    this.phase = 'working';
    this.startedAt = this.services.now();
    this.body = new BodyQueue(this.peer, inbound.isEnd);
    this.request = new ExtprocRequest({
      headers: inbound.headers,
      hasBody: !inbound.isEnd,
      source: this.body,
      maxBodyBytes: this.services.maxBodyBytes,
    });
    this.services.recorder.started();
    void this.work(this.request, this.body);
  }

  private async work(request: ExtprocRequest, body: BodyQueue): Promise<void> {
    const reply = await this.services.answer(request);
    if (this.phase !== 'working') {
      this.record(request, undefined, 'client-gone');
      await discardReply(reply);
      return;
    }
    try {
      await this.send(request, body, reply);
    } catch (error) {
      this.refuse('answer could not be sent', error);
      this.record(request, reply, 'client-gone');
      await discardReply(reply);
    }
  }

  private async send(request: ExtprocRequest, body: BodyQueue, reply: GatewayReply): Promise<void> {
    const isHead = request.method === 'HEAD';
    const bytes = replyBytes(reply);
    const needsListener = !isHead && (bytes === undefined || bytes > STREAMED_BYTES_MAX);
    if (!body.isComplete) {
      const maxBytes = needsListener ? this.services.maxBodyBytes : undefined;
      await drainBody(body, request.headers, maxBytes);
      if (this.phase !== 'working') {
        this.record(request, reply, 'client-gone');
        await discardReply(reply);
        return;
      }
    }
    if (needsListener && body.isComplete) {
      this.route(request, reply);
      return;
    }
    if (needsListener) throw new Error('the body of the request did not end');
    this.phase = 'answered';
    if (!body.isOver) {
      const chunks = bytes === undefined ? [] : (reply.body as readonly Uint8Array[]);
      this.peer.write(encodeImmediate(reply.status, reply.headers, chunks));
      this.record(request, reply, 'answered');
      return;
    }
    const isWhole = await sendStreamed(this.peer, reply, {
      bytes,
      isHead,
      isOver: () => this.isOver(),
    });
    this.record(request, reply, isWhole ? 'answered' : 'client-gone');
  }

  /** Lets the request go on, without its body, to this worker's own HTTP listener. */
  private route(request: ExtprocRequest, reply: GatewayReply): void {
    const name = this.services.largeReplies.put({
      reply,
      abandon: () => request.abort(),
      ended: (ending) => this.record(request, reply, ending),
    });
    if (name === undefined) throw new Error('too many large answers wait');
    this.phase = 'answered';
    this.peer.write(
      encodeRoute([
        [CLUSTER_HEADER, this.services.httpCluster],
        [':path', `/${name}`],
      ]),
    );
    if (!request.hasBody) return;
    this.peer.write(encodeEmptyBody(!this.hasTrailers));
    if (this.hasTrailers) this.peer.write(encodeTrailers());
  }

  /** A fault of ours or of the filter's configuration: an error, never an end without an answer. */
  private refuse(reason: string, error?: unknown): void {
    this.services.onFault(reason, error);
    if (this.phase === 'answered' || this.phase === 'over') return;
    if (this.phase === 'working') this.abandon();
    this.phase = 'answered';
    this.peer.write(encodeUnavailable());
  }

  private abandon(): void {
    this.body?.fail(incomplete());
    this.request?.abort();
  }

  private isOver(): boolean {
    return this.phase === 'over';
  }

  private record(request: ExtprocRequest, reply: GatewayReply | undefined, ending: Ending): void {
    const durationMs = this.services.now() - this.startedAt;
    this.services.recorder.ended(request, reply, { ending, durationMs });
  }
}

const NO_BYTES = new Uint8Array(0);

/** Envoy tells with the first message how it was configured; only one way keeps bodies from a node. */
function protocolFault(protocol: FilterProtocol | undefined): string | undefined {
  if (protocol === undefined) return 'Envoy did not say how ext_proc is configured (floor 1.40)';
  if (protocol.requestBodyMode !== FULL_DUPLEX_STREAMED)
    return `request_body_mode is ${protocol.requestBodyMode}, not FULL_DUPLEX_STREAMED`;
  if (protocol.responseBodyMode !== 0)
    return `response_body_mode is ${protocol.responseBodyMode}, not NONE`;
  return undefined;
}
