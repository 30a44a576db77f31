/**
 * Routes that a node has and the stand-in has not: their bodies are checked where that is cheap, then
 * they answer 501 in plain words. Nothing here pretends to work.
 */
import { anyJson, decodeObject, type Field } from '../decode.ts';
import { EngineError } from '../errors.ts';
import type { FeatureName } from '../features.ts';
import type { Answer, Call, Route } from '../router.ts';

/** A feature that must be on before a node does what a route is for. */
interface Gate {
  readonly feature: FeatureName;
  readonly what: string;
  readonly spoken: string;
  readonly discussion: number;
}

const NETWORK: Gate = {
  feature: 'network',
  what: 'Using the /network route',
  spoken: 'network',
  discussion: 805,
};
const LOGS: Gate = {
  feature: 'logsRoute',
  what: 'Modifying logs through the `/logs/*` routes',
  spoken: 'logs route',
  discussion: 721,
};
const COMPACTION: Gate = {
  feature: 'taskQueueCompactionRoute',
  what: 'Using the /tasks/compact route',
  spoken: 'task queue compaction route',
  discussion: 883,
};

function rules(call: string): Gate {
  return {
    feature: 'dynamicSearchRules',
    what: `Calling the \`${call}\` route`,
    spoken: 'dynamic search rules',
    discussion: 884,
  };
}

function chats(what: string): Gate {
  return { feature: 'chatCompletions', what, spoken: 'chat completions', discussion: 835 };
}

function missing(
  method: string,
  path: string,
  action: string,
  needs: { readonly gate?: Gate; readonly names?: readonly string[] } = {},
): Route {
  return {
    method,
    path,
    action,
    handler: (call) => {
      const { gate } = needs;
      if (gate !== undefined) {
        call.engine.features.demand(gate.feature, gate.what, gate.spoken, gate.discussion);
      }
      return refuse(call, `${method} ${path}`, needs.names);
    },
  };
}

function refuse(call: Call, what: string, names: readonly string[] | undefined): Answer {
  if (names !== undefined) {
    const fields: Record<string, Field> = {};
    for (const name of names) fields[name] = { decode: anyJson };
    decodeObject(call.json(), { path: '', code: 'bad_request' }, fields);
  }
  if (call.params['index'] !== undefined) call.engine.index(call.indexUid);
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
  missing('POST', '/indexes/{index}/similar', 'search', { names: SIMILAR }),
  missing('GET', '/indexes/{index}/similar', 'search'),
  missing('POST', '/tasks/compact', 'tasks.compact', { gate: COMPACTION }),
  missing('POST', '/dumps', 'dumps.create'),
  missing('POST', '/snapshots', 'snapshots.create'),
  missing('POST', '/export', 'export'),
  missing('GET', '/network', 'network.get', { gate: NETWORK }),
  missing('PATCH', '/network', 'network.update', { gate: NETWORK }),
  missing('POST', '/network/control', 'network.update', { gate: NETWORK }),
  {
    method: 'GET',
    path: '/webhooks',
    action: 'webhooks.get',
    handler: () => ({ status: 200, body: { results: [] } }),
  },
  missing('POST', '/webhooks', 'webhooks.create', { names: ['url', 'headers'] }),
  missing('GET', '/webhooks/{uuid}', 'webhooks.get'),
  missing('PATCH', '/webhooks/{uuid}', 'webhooks.update'),
  missing('DELETE', '/webhooks/{uuid}', 'webhooks.delete'),
  missing('GET', '/chats', 'chats.get', { gate: chats('listing the chats') }),
  missing('GET', '/chats/{workspace}', 'chats.get', { gate: chats('displaying a chat') }),
  missing('DELETE', '/chats/{workspace}', 'chats.delete', { gate: chats('deleting a chat') }),
  missing('GET', '/chats/{workspace}/settings', 'chatsSettings.get', {
    gate: chats('using the /chats/settings route'),
  }),
  missing('PATCH', '/chats/{workspace}/settings', 'chatsSettings.update', {
    gate: chats('using the /chats/settings route'),
  }),
  missing('DELETE', '/chats/{workspace}/settings', 'chatsSettings.update', {
    gate: chats('using the /chats/settings route'),
  }),
  missing('POST', '/chats/{workspace}/chat/completions', 'chatCompletions', {
    gate: chats('using the /chats chat completions route'),
  }),
  missing('POST', '/dynamic-search-rules', 'dynamicSearchRules.get', {
    gate: rules('POST /dynamic-search-rules'),
  }),
  missing('DELETE', '/dynamic-search-rules', 'dynamicSearchRules.delete', {
    gate: rules('DELETE /dynamic-search-rules'),
  }),
  ...['GET', 'PATCH', 'DELETE'].map((method) =>
    missing(
      method,
      '/dynamic-search-rules/{uid}',
      `dynamicSearchRules.${{ GET: 'get', PATCH: 'update' }[method] ?? 'delete'}`,
      { gate: rules(`${method} /dynamic-search-rules/{:ruleUid}`) },
    ),
  ),
  missing('POST', '/render-template', 'settings.get'),
  {
    method: 'GET',
    path: '/metrics',
    action: 'metrics.get',
    handler: (call) => {
      if (call.engine.features.has('metrics')) return refuse(call, 'GET /metrics', undefined);
      throw new EngineError(
        'feature_not_enabled',
        'Getting metrics requires enabling the `metrics` experimental feature. See https://github.com/meilisearch/product/discussions/625',
      );
    },
  },
  missing('POST', '/logs/stream', 'metrics.get', { gate: LOGS }),
  missing('DELETE', '/logs/stream', 'metrics.get', { gate: LOGS }),
  missing('POST', '/logs/stderr', 'metrics.get', { gate: LOGS }),
];
