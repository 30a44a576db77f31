/** GET /, /health, /version: whether and what answers. */
import type { GatewayReply } from '../http/exchange.ts';
import { askAnyNode, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { bytesReply, jsonReply } from './reply.ts';

/** GET /: what a node in production says. */
export async function getRoot(context: RouteContext): Promise<GatewayReply> {
  return jsonReply(context.template, 200, { status: 'Meilisearch is running' });
}

/** GET /health. Without a view nothing could be answered, and then this is not reached. */
export async function getHealth(context: RouteContext): Promise<GatewayReply> {
  return jsonReply(context.template, 200, { status: 'available' });
}

/** GET /version: the nodes' own, which are kept equal. */
export async function getVersion(context: RouteContext): Promise<GatewayReply> {
  const known = context.view.versionJson;
  if (known !== '') return bytesReply(context.template, 200, [Buffer.from(known)]);
  return relay(context, await askAnyNode(context, { method: 'GET', path: '/version' }));
}
