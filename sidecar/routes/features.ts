/**
 * Experimental features of the nodes, which are kept equal: a change is judged by one node and then sent
 * to all. A node that cannot be reached fails the change before anything is sent.
 */
import type { GatewayReply } from '../http/exchange.ts';
import { askAnyNode, askNode, outcomeError, relay } from './ask.ts';
import { readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';

const PATH = '/experimental-features';

/** GET /experimental-features. */
export async function getFeatures(context: RouteContext): Promise<GatewayReply> {
  return relay(context, await askAnyNode(context, { method: 'GET', path: PATH }));
}

/** PATCH /experimental-features. */
export async function changeFeatures(context: RouteContext): Promise<GatewayReply> {
  requireJsonType(context.request);
  const body = await readBody(context.request);
  const nodeIds = [...context.view.nodes.keys()];
  for (const nodeId of nodeIds) {
    const alive = await askNode(context, nodeId, { method: 'GET', path: '/health' });
    if (alive.kind !== 'answered' || alive.status !== 200) throw outcomeError(alive);
  }
  let reply: GatewayReply | undefined;
  for (const nodeId of nodeIds) {
    const outcome = await askNode(context, nodeId, { method: 'PATCH', path: PATH, body });
    if (outcome.kind !== 'answered') throw outcomeError(outcome);
    reply ??= relay(context, outcome);
    if (outcome.status !== 200) return relay(context, outcome);
  }
  if (reply === undefined) throw outcomeError(undefined);
  return reply;
}
