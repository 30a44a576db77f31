/**
 * Routes that a node has and the stand-in has not: their bodies are checked where that is cheap, then
 * they answer 501 in plain words. Nothing here pretends to work.
 */
import { anyJson, decodeObject, type Field } from '../decode.ts';
import type { Answer, Call, Route } from '../router.ts';

function missing(method: string, path: string, action: string, names?: readonly string[]): Route {
  return { method, path, action, handler: (call) => refuse(call, `${method} ${path}`, names) };
}

function refuse(call: Call, what: string, names: readonly string[] | undefined): Answer {
  if (names !== undefined) {
    const fields: Record<string, Field> = {};
    for (const name of names) fields[name] = { decode: anyJson };
    decodeObject(call.json(), { path: '', code: 'bad_request' }, fields);
  }
  return {
    status: 501,
    body: {
      message: `This stand-in for Meilisearch has no \`${what}\`.`,
      code: 'not_implemented',
      type: 'internal',
      link: '',
    },
  };
}

const SIMILAR = [
  'id',
  'offset',
  'limit',
  'filter',
  'embedder',
  'attributesToRetrieve',
  'retrieveVectors',
  'showRankingScore',
  'showRankingScoreDetails',
  'showPerformanceDetails',
  'rankingScoreThreshold',
];

export const otherRoutes: readonly Route[] = [
  missing('POST', '/indexes/{index}/similar', 'search', SIMILAR),
  missing('GET', '/indexes/{index}/similar', 'search'),
  missing('POST', '/indexes/{index}/compact', 'indexes.compact'),
  missing('POST', '/tasks/compact', 'tasks.compact'),
  missing('POST', '/dumps', 'dumps.create'),
  missing('POST', '/snapshots', 'snapshots.create'),
  missing('POST', '/export', 'export'),
  missing('GET', '/network', 'network.get'),
  missing('PATCH', '/network', 'network.update'),
  missing('POST', '/network/control', 'network.update'),
  missing('GET', '/webhooks', 'webhooks.get'),
  missing('POST', '/webhooks', 'webhooks.create', ['url', 'headers']),
  missing('GET', '/webhooks/{uuid}', 'webhooks.get'),
  missing('PATCH', '/webhooks/{uuid}', 'webhooks.update'),
  missing('DELETE', '/webhooks/{uuid}', 'webhooks.delete'),
  missing('GET', '/chats', 'chats.get'),
  missing('GET', '/chats/{workspace}', 'chats.get'),
  missing('DELETE', '/chats/{workspace}', 'chats.delete'),
  missing('GET', '/chats/{workspace}/settings', 'chatsSettings.get'),
  missing('PATCH', '/chats/{workspace}/settings', 'chatsSettings.update'),
  missing('DELETE', '/chats/{workspace}/settings', 'chatsSettings.update'),
  missing('POST', '/chats/{workspace}/chat/completions', 'chatCompletions'),
  missing('POST', '/dynamic-search-rules', 'dynamicSearchRules.get'),
  missing('DELETE', '/dynamic-search-rules', 'dynamicSearchRules.delete'),
  missing('GET', '/dynamic-search-rules/{uid}', 'dynamicSearchRules.get'),
  missing('PATCH', '/dynamic-search-rules/{uid}', 'dynamicSearchRules.update'),
  missing('DELETE', '/dynamic-search-rules/{uid}', 'dynamicSearchRules.delete'),
  missing('POST', '/render-template', 'settings.get'),
  missing('GET', '/metrics', 'metrics.get'),
  missing('POST', '/logs/stream', 'metrics.get'),
  missing('DELETE', '/logs/stream', 'metrics.get'),
  missing('POST', '/logs/stderr', 'metrics.get'),
];
