/** What lives under /_miroir/: whether this worker serves, and its metrics. */
import { METRICS_CONTENT_TYPE, metricsText } from '../../core/telemetry/index.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { RouteContext } from './context.ts';
import { jsonReply } from './reply.ts';

/** GET /_miroir/livez: the process answers. */
export async function getLivez(context: RouteContext): Promise<GatewayReply> {
  return jsonReply(context.template, 200, { status: 'alive' });
}

/** GET /_miroir/readyz: a view is held. Without one the app answers 503 before this is reached. */
export async function getReadyz(context: RouteContext): Promise<GatewayReply> {
  return jsonReply(context.template, 200, {
    status: 'ready',
    following_control: context.services.isFollowing(),
  });
}

/** GET /_miroir/metrics: this worker's part; the metrics port has all workers added up. */
export async function getMetrics(context: RouteContext): Promise<GatewayReply> {
  return {
    status: 200,
    headers: [['content-type', METRICS_CONTENT_TYPE]],
    body: [Buffer.from(await metricsText(context.services.metrics.registry))],
    route: context.template,
  };
}
