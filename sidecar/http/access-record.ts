/** What is remembered of one answered request: the access line and the request metrics. */
import type { Logger, Metrics } from '../../core/telemetry/index.ts';
import type { GatewayReply, GatewayRequest } from './exchange.ts';

/** How a request ended: answered, or its client was gone before. */
export type Ending = 'answered' | 'client-gone';

/** Told once of every request. */
export type AccessRecorder = {
  started(): void;
  /** `reply` is undefined if the client left before there was one. */
  ended(
    request: GatewayRequest,
    reply: GatewayReply | undefined,
    how: { readonly ending: Ending; readonly durationMs: number },
  ): void;
};

/** The status under which a request without an answer is counted, as other proxies do. */
const CLIENT_GONE_STATUS = 499;

/** A client may send an id of any length. */
const LOGGED_ID_CHARACTERS = 128;

/** Logs one line a request and counts it. Neither headers nor query ever get into the line. */
export function makeAccessRecorder(logger: Logger, metrics: Metrics): AccessRecorder {
  return {
    started() {
      metrics.requestsInFlight.inc();
    },
    ended(request, reply, { ending, durationMs }) {
      const status = ending === 'answered' ? (reply?.status ?? 0) : CLIENT_GONE_STATUS;
      const route = reply?.route ?? 'unanswered';
      metrics.requestsInFlight.dec();
      metrics.observeRequest(request.method, route, status, durationMs / 1000);
      logger.info(
        {
          request_id: request.requestId.slice(0, LOGGED_ID_CHARACTERS),
          method: request.method,
          route,
          status,
          duration_ms: Math.round(durationMs * 1000) / 1000,
          plan: reply?.plan,
        },
        'request',
      );
    },
  };
}
