/**
 * Around every route: preflights, cross-origin headers, a bound on the work at hand, and the one place
 * where an error becomes an answer. What comes out is always a reply, never an exception, so that no stream can end unanswered.
 */
import { BrokenInvariant } from '../../core/assert.ts';
import { errorBody, MiroirError } from '../../core/errors.ts';
import { answerPreflight, corsHeaders } from './cors.ts';
import type { GatewayReply, GatewayRequest, Handler } from './exchange.ts';

/** Requests that one worker works at together; beyond it is refused what would only wait. */
const REQUESTS_MAX = 1024;

/** What the wrapper needs besides the routes. */
export interface AnswerOptions {
  readonly handler: Handler;
  /** Told of every error that is no MiroirError: a bug, or a broken invariant. */
  readonly onBug: (error: unknown, request: GatewayRequest) => void;
}

/** Answers one request; never rejects. */
export type Answerer = (request: GatewayRequest) => Promise<GatewayReply>;

/** Wraps the routes. */
export function makeAnswerer(options: AnswerOptions): Answerer {
  let atWork = 0;
  return async (request) => {
    const preflight = answerPreflight(request);
    if (preflight !== undefined) return preflight;
    atWork += 1;
    const reply = atWork > REQUESTS_MAX ? overloaded() : await answer(request, options);
    atWork -= 1;
    return { ...reply, headers: [...reply.headers, ...corsHeaders(request)] };
  };
}

function overloaded(): GatewayReply {
  const message = `The gateway works at ${REQUESTS_MAX} requests already. Please try again in a moment.`;
  return errorReply(new MiroirError('miroir_overloaded', message, { retryAfterSeconds: 1 }));
}

async function answer(request: GatewayRequest, options: AnswerOptions): Promise<GatewayReply> {
  try {
    return await options.handler(request);
  } catch (error) {
    if (error instanceof MiroirError) return errorReply(error);
    // Whoever is gone cannot be answered, and what its absence broke on the way is no bug.
    if (!request.signal.aborted || error instanceof BrokenInvariant) options.onBug(error, request);
    return errorReply(
      new MiroirError('internal', 'An internal error has occurred.', { cause: error }),
    );
  }
}

/** Closes the source of an answer that nobody will read. */
export async function discardReply(reply: GatewayReply): Promise<void> {
  if (Array.isArray(reply.body)) return;
  const source = (reply.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  // A source may fail at being closed; whoever wanted it is gone.
  await source.return?.().catch(() => undefined);
}

/** Meilisearch's error object as a reply. */
function errorReply(error: MiroirError): GatewayReply {
  return {
    status: error.status,
    headers: [
      ['content-type', 'application/json'],
      ...(error.retryAfterSeconds === undefined
        ? []
        : [['retry-after', String(error.retryAfterSeconds)] as const]),
    ],
    body: [Buffer.from(JSON.stringify(errorBody(error.code, error.message)))],
    route: 'error',
    plan: error.code,
  };
}
