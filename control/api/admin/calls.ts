/**
 * What every call of the public API goes through: who calls, until when, and how its failure is told. A
 * handler is a function of the request that gives the response or throws AdminError.
 */
import {
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { AdminAccess, Caller } from './access.ts';
import { AdminError, toCallError } from './errors.ts';

/** Deadline of a call whose caller gave none, and the longest that is taken. */
const DEADLINE_MS = 30_000;
const DEADLINE_MAX_MS = 600_000;

/** What a handler knows besides the request. */
export interface CallContext {
  readonly caller: Caller;
  /** Sent as `x-request-id`; empty if it was not. */
  readonly requestId: string;
  /** Fires when the caller is gone or its time is over. */
  readonly signal: AbortSignal;
}

/** What the wrappers need. */
export interface CallsOptions {
  readonly access: AdminAccess;
  /** Milliseconds since 1970: deadlines are told so. */
  readonly wallMs: () => number;
  /** Something nobody expected. */
  readonly onUnexpected: (error: unknown, method: string) => void;
}

/** A unary handler for the gRPC server. */
export function unary<Request, Response>(
  options: CallsOptions,
  handle: (request: Request, context: CallContext) => Promise<Response> | Response,
): (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>) => void {
  return (call, answer) => {
    const abort = new AbortController();
    let isAnswered = false;
    const end = (error: unknown, response?: Response): void => {
      if (isAnswered) return;
      isAnswered = true;
      clearTimeout(timer);
      if (error === undefined) {
        answer(null, response as Response);
        return;
      }
      if (!(error instanceof AdminError)) options.onUnexpected(error, call.getPath());
      answer(toCallError(error));
    };
    const waitMs = Math.min(remainingMs(call, options.wallMs()), DEADLINE_MAX_MS);
    const timer = setTimeout(() => {
      end(tooLate());
      abort.abort();
    }, waitMs);
    call.on('cancelled', () => {
      end(tooLate());
      abort.abort();
    });
    Promise.resolve()
      .then(() => handle(call.request, { ...contextOf(options, call), signal: abort.signal }))
      .then(
        (response) => end(undefined, response),
        (error: unknown) => end(error),
      );
  };
}

/** A handler of a stream of responses. It ends by `call.end()`, by its caller, or by the error it throws. */
export function streaming<Request, Response>(
  options: CallsOptions,
  handle: (
    call: ServerWritableStream<Request, Response>,
    context: CallContext,
  ) => Promise<void> | void,
): (call: ServerWritableStream<Request, Response>) => void {
  return (call) => {
    const abort = new AbortController();
    for (const event of ['cancelled', 'close', 'error'] as const) {
      call.on(event, () => abort.abort());
    }
    Promise.resolve()
      .then(() => handle(call, { ...contextOf(options, call), signal: abort.signal }))
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        if (!(error instanceof AdminError)) options.onUnexpected(error, call.getPath());
        call.emit('error', toCallError(error));
      });
  };
}

type AnyCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  'getAuthContext' | 'getDeadline' | 'getPeer' | 'metadata' | 'getPath'
>;

function contextOf(options: CallsOptions, call: AnyCall): Omit<CallContext, 'signal'> {
  const requestId = String(call.metadata.get('x-request-id')[0] ?? '').slice(0, 128);
  return { caller: options.access.judge(call), requestId };
}

function remainingMs(call: AnyCall, nowMs: number): number {
  const deadline = call.getDeadline();
  const untilMs = typeof deadline === 'number' ? deadline : deadline.getTime();
  return Number.isFinite(untilMs) ? Math.max(0, untilMs - nowMs) : DEADLINE_MS;
}

function tooLate(): AdminError {
  return new AdminError('miroir_deadline_exceeded', 'The call took longer than its deadline.', {
    status: status.DEADLINE_EXCEEDED,
  });
}
