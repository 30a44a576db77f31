/**
 * Settings as the user set them: one owner node's answer (it knows what a node makes of a value) with
 * the gateway's own parts taken out and the user's own words put back.
 */
import { decodeAnswer } from '../../core/json/slice.ts';
import { toClientSettings } from '../../core/settings/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { type Answered, askNode, isWorthRetrying, outcomeError, relay } from './ask.ts';
import type { RouteContext, RouteHandler } from './context.ts';
import { readableNodes } from './copies.ts';
import { indexPath, readableIndex, refuseMissingIndex } from './missing-index.ts';
import { jsonReply } from './reply.ts';
import type { SettingName } from './settings-names.ts';

/** GET /indexes/{uid}/settings. */
export async function getSettings(context: RouteContext): Promise<GatewayReply> {
  const path = indexPath(context.params['index_uid'] ?? '', 'settings');
  const entry = readableIndex(context);
  if (entry === undefined) return refuseMissingIndex(context, { method: 'GET', path });
  const answer = await askOwner(context, entry, path);
  if (answer.status !== 200) return relay(context, answer);
  const shown = toClientSettings(parseAnswer(answer) as Record<string, unknown>, entry.settings);
  return jsonReply(context.template, 200, shown);
}

/** GET of one setting. */
export function getSetting(name: SettingName): RouteHandler {
  return async (context) => {
    const path = indexPath(context.params['index_uid'] ?? '', 'settings', name.route);
    const entry = readableIndex(context);
    if (entry === undefined) return refuseMissingIndex(context, { method: 'GET', path });
    const answer = await askOwner(context, entry, path);
    if (answer.status !== 200) return relay(context, answer);
    const shown = toClientSettings({ [name.key]: parseAnswer(answer) }, entry.settings);
    return jsonReply(context.template, 200, shown[name.key] ?? null);
  };
}

/** Asks nodes with a copy that may be read, one after another, until one answers. */
async function askOwner(context: RouteContext, entry: IndexEntry, path: string): Promise<Answered> {
  let last: Awaited<ReturnType<typeof askNode>> | undefined;
  for (const nodeId of readableNodes(context, entry)) {
    last = await askNode(context, nodeId, { method: 'GET', path });
    if (last.kind === 'answered' && !isWorthRetrying(last)) return last;
    if (last.kind === 'aborted') break;
  }
  throw outcomeError(last);
}

function parseAnswer(answer: Answered): unknown {
  return decodeAnswer(answer.body);
}
