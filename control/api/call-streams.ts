/**
 * Begin, Renew and Report over one stream for each sidecar process (`Talk`): a call of its own costs five
 * times as much on both sides. Each message is handed to the handler that serves the call by itself.
 */
import { type ServerDuplexStream, type sendUnaryData, status } from '@grpc/grpc-js';
import type {
  BeginRequest,
  BeginResponse,
  RenewRequest,
  RenewResponse,
  ReportRequest,
  ReportResponse,
  TalkRequest,
  TalkResponse,
} from '../../proto/gen/miroir/write/v1/write.ts';
import type { CallError } from './services.ts';

/** What a handler needs of a call; one that came by itself has more. */
export interface Call<Request> {
  readonly request: Request;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** Serves one call. */
type CallHandler<Request, Response> = (
  call: Call<Request>,
  answer: sendUnaryData<Response>,
) => void;

/** Handlers of the calls that may travel over a stream. */
export interface CallHandlers {
  readonly begin: CallHandler<BeginRequest, BeginResponse>;
  readonly renew: CallHandler<RenewRequest, RenewResponse>;
  readonly report: CallHandler<ReportRequest, ReportResponse>;
}

type TalkStream = ServerDuplexStream<TalkRequest, TalkResponse>;

/** Answers that a peer may leave unread; beyond it is cut off. */
const UNREAD_MAX = 10_000;

/** All streams of a server. */
export class CallStreams {
  readonly #handlers: CallHandlers;
  readonly #talks = new Set<Talk>();
  #isClosing = false;

  constructor(handlers: CallHandlers) {
    this.#handlers = handlers;
  }

  /** Serves one stream until it ends. */
  serve(stream: TalkStream): void {
    if (this.#isClosing) {
      stream.end();
      return;
    }
    const talk = new Talk(stream, this.#handlers, () => this.#talks.delete(talk));
    this.#talks.add(talk);
  }

  /** Ends each stream once its calls are answered. */
  close(): void {
    this.#isClosing = true;
    for (const talk of this.#talks) talk.close();
  }

  /** Ends each stream at once. */
  abort(error: CallError): void {
    this.#isClosing = true;
    for (const talk of this.#talks) talk.abort(error);
  }
}

class Talk {
  readonly #stream: TalkStream;
  readonly #handlers: CallHandlers;
  /** What is to be told to the handler of a call that is cancelled, by id. */
  readonly #open = new Map<number, (() => void)[]>();
  #isClosing = false;

  constructor(stream: TalkStream, handlers: CallHandlers, onEnd: () => void) {
    this.#stream = stream;
    this.#handlers = handlers;
    const end = (): void => {
      onEnd();
      for (const id of [...this.#open.keys()]) this.#cancel(id);
    };
    stream.on('data', (message: TalkRequest) => this.#take(message));
    stream.on('end', () => {
      end();
      stream.end();
    });
    stream.on('cancelled', end);
    stream.on('error', end);
  }

  close(): void {
    this.#isClosing = true;
    this.#endIfDone();
  }

  abort(error: CallError): void {
    this.#isClosing = true;
    this.#stream.emit('error', error);
  }

  #endIfDone(): void {
    if (this.#isClosing && this.#open.size === 0) this.#stream.end();
  }

  #take({ id, call }: TalkRequest): void {
    if (call?.$case === 'cancel') {
      this.#cancel(id);
      return;
    }
    if (this.#isClosing || this.#open.has(id)) {
      const code = this.#isClosing ? status.UNAVAILABLE : status.ALREADY_EXISTS;
      this.#write(id, { $case: 'failure', value: { code, details: 'the call is not taken' } });
      return;
    }
    this.#open.set(id, []);
    switch (call?.$case) {
      case 'begin':
        this.#handlers.begin(this.#callOf(id, call.value), this.#answer(id, 'begin'));
        return;
      case 'renew':
        this.#handlers.renew(this.#callOf(id, call.value), this.#answer(id, 'renew'));
        return;
      case 'report':
        this.#handlers.report(this.#callOf(id, call.value), this.#answer(id, 'report'));
        return;
      default:
        this.#answer(id, 'begin')({ code: status.UNIMPLEMENTED, details: 'no such call' });
    }
  }

  #callOf<Request>(id: number, request: Request): Call<Request> {
    return { request, on: (_event, listener) => this.#open.get(id)?.push(listener) };
  }

  #answer<Case extends 'begin' | 'renew' | 'report'>(id: number, $case: Case) {
    type Response = Extract<NonNullable<TalkResponse['answer']>, { $case: Case }>['value'];
    return (
      error: Parameters<sendUnaryData<Response>>[0],
      response?: Response | null | undefined,
    ): void => {
      if (!this.#open.delete(id)) return;
      if (error === null && response !== undefined && response !== null) {
        this.#write(id, { $case, value: response } as TalkResponse['answer']);
      } else {
        const { code, details } = (error ?? {}) as { code?: number; details?: string };
        const value = { code: code ?? status.INTERNAL, details: details ?? '' };
        this.#write(id, { $case: 'failure', value });
      }
      this.#endIfDone();
    };
  }

  #write(id: number, answer: TalkResponse['answer']): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.cancelled) return;
    stream.write({ id, answer });
    if (stream.writableLength > UNREAD_MAX) {
      stream.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'answers are not read' });
    }
  }

  #cancel(id: number): void {
    const listeners = this.#open.get(id);
    this.#open.delete(id);
    for (const listener of listeners ?? []) listener();
    this.#endIfDone();
  }
}
