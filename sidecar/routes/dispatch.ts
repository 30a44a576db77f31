/** From a request to its route: find, judge, call. Every answer here knows its route's template. */
import { readSecret } from '../../core/config/index.ts';
import { MiroirError } from '../../core/errors.ts';
import { MalformedAnswer } from '../../core/json/slice.ts';
import type { ClusterView } from '../../core/topology.ts';
import { type Access, fullAccess } from '../auth/access.ts';
import { bearerOf } from '../auth/bearer.ts';
import { isSameSecret, judge } from '../auth/judge.ts';
import type { GatewayReply, GatewayRequest, Handler } from '../http/exchange.ts';
import type { Route, Services } from './context.ts';
import { withCurrency } from './coverage.ts';
import { emptyReply, errorReply } from './reply.ts';
import { Router } from './router.ts';
import { TenantCheck } from './tenant-check.ts';
import { unreadable } from './unreadable.ts';

/** Label of paths that no route has: never the path itself, which a client invents. */
const UNKNOWN = 'unknown';
const OWN_PREFIX = '/_miroir/';
/** A node reads no longer path and query. */
const TARGET_BYTES_MAX = 65_534;

/** Answers requests by a table of routes. */
export function makeDispatcher(routes: readonly Route[], services: Services): Handler {
  const router = new Router(routes);
  const tenants = new TenantCheck();
  return async (request) => {
    if (request.target.length > TARGET_BYTES_MAX) return emptyReply(UNKNOWN, 400);
    const found = router.find(request.method, request.target);
    if (found.kind === 'unknown-path') return unknownPath(request);
    if (found.kind === 'other-method') {
      return emptyReply(found.template, 405, [['allow', found.allow]]);
    }
    const { route, params, query } = found;
    try {
      const view = requireView(services, route);
      const access = await judgeRoute(route, request, params['index_uid'], { services, view });
      if (route.handler === undefined) throw notBuilt(route);
      const { template } = route;
      const deadlineAtMs = performance.now() + services.config.reads.timeout_ms;
      const wasCurrent = services.isCurrent();
      const asked = { request, services, view, wasCurrent, access, params, query };
      const context = { ...asked, template, deadlineAtMs };
      const refused = access.isJudgedByNode ? await tenants.refusal(context) : undefined;
      const reply = refused ?? (await route.handler(context));
      return isOfCluster(route) ? withCurrency(context, reply) : reply;
    } catch (error) {
      if (error instanceof MiroirError) return errorReply(route.template, error);
      if (error instanceof MalformedAnswer) return errorReply(route.template, unreadable());
      throw error;
    }
  };
}

/** Whether what a route answers is what is known of the cluster, or read from its nodes. */
function isOfCluster({ action }: Route): boolean {
  return action !== 'none' && action !== 'admin';
}

/** What the caller of a route may do. Throws what a caller without the right sees. */
export async function judgeRoute(
  route: Route,
  request: GatewayRequest,
  indexUid: string | undefined,
  sources: { services: Services; view: ClusterView },
): Promise<Access> {
  const { action } = route;
  const { services, view } = sources;
  const authorization = request.headers.get('authorization');
  if (action === 'none') return fullAccess('');
  if (action === 'admin') return judgeAdmin(authorization, services);
  const actions = typeof action === 'string' ? [action] : action;
  let access: Access | undefined;
  for (const one of actions) {
    access = await judge(
      { authorization, action: one, indexUid },
      { view, nowMs: Date.now(), refreshKeys: () => services.keys.refresh() },
    );
  }
  return access ?? fullAccess('');
}

function judgeAdmin(authorization: string | undefined, services: Services): Access {
  const token = bearerOf(authorization);
  if (!isSameSecret(token, readSecret(services.config.auth, 'admin_token'))) {
    throw new MiroirError('miroir_admin_token_required', 'This route needs the admin token.');
  }
  return fullAccess('');
}

function requireView(services: Services, route: Route): ClusterView {
  const view = services.view();
  if (view !== undefined) return view;
  if (route.template === '/_miroir/livez') return NO_VIEW;
  throw new MiroirError(
    'miroir_gateway_unavailable',
    'This worker has not heard from the control service yet.',
    { retryAfterSeconds: 1 },
  );
}

function notBuilt(route: Route): MiroirError {
  const said = `\`${route.method} ${route.template}\` is not built yet.`;
  const text = route.instead === undefined ? said : `${said} ${route.instead}`;
  return new MiroirError('miroir_not_implemented', text);
}

function unknownPath(request: GatewayRequest): GatewayReply {
  if (!request.target.startsWith(OWN_PREFIX)) return emptyReply(UNKNOWN, 404);
  const error = new MiroirError('miroir_not_found', 'There is no such route under `/_miroir/`.');
  return errorReply(UNKNOWN, error);
}

const NO_VIEW: ClusterView = {
  position: { epoch: 0n, index: 0n },
  clusterId: '',
  nodes: new Map(),
  indexes: new Map(),
  keys: new Map(),
  masterKeyHashHex: '',
  internalKey: '',
  versionJson: '',
  experimentalFeaturesJson: '',
};
