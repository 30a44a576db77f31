/**
 * POST /_miroir/explain: how a read request is answered. The request is really run, by the very route a
 * client would reach, with a trace that listens: the plan, each node's part and time, the decisions of
 * the merge, and how near the answer is to a single node's. The answer itself is not shown, so that the
 * admin token opens no documents.
 */
import { errorBody, MiroirError } from '../../core/errors.ts';
import { findMember } from '../../core/json/slice.ts';
import { fullAccess } from '../auth/access.ts';
import type { GatewayReply, GatewayRequest } from '../http/exchange.ts';
import { readBody, requireJsonType } from './body.ts';
import type { Route, RouteContext, RouteHandler } from './context.ts';
import { withCurrency } from './coverage.ts';
import { judgeRoute } from './dispatch.ts';
import { ExplainRecorder } from './explain-recorder.ts';
import { parseJsonBody } from './json-body.ts';
import { jsonReply } from './reply.ts';
import { roundMs } from './round-ms.ts';
import { type Found, Router } from './router.ts';
import { TenantCheck } from './tenant-check.ts';

/** Routes that read documents; others cannot be explained. */
const READS =
  /\/(search|multi-search|facet-search|similar|documents|documents\/fetch|\{document_id\})$/;

/** Headers of the outer request that the explained one is run with. */
const PASSED_HEADERS = ['meili-include-metadata', 'x-miroir-partial'];

/** Explains requests to the reads among the routes. */
export function explainReads(routes: readonly Route[]): RouteHandler {
  const router = new Router(
    routes.filter(({ method, template, action }) => {
      const isRead = action === 'search' || action === 'documents.get';
      return isRead && method !== 'DELETE' && READS.test(template);
    }),
  );
  const tenants = new TenantCheck();
  return async (context) => {
    requireJsonType(context.request);
    const asked = readQuestion(await readBody(context.request));
    const found = router.find(asked.method, asked.path);
    if (found.kind !== 'route') throw notARead(asked);
    const recorder = new ExplainRecorder();
    const startedAtMs = performance.now();
    const inner = await innerContext(context, asked, found);
    const reply = await run({ ...inner, trace: recorder }, found.route, tenants);
    const elapsedMs = performance.now() - startedAtMs;
    const coverage = coverageOf(reply);
    return jsonReply(context.template, 200, {
      request: { method: asked.method, path: asked.path },
      status: reply.status,
      elapsed_ms: roundMs(elapsedMs),
      ...coverage,
      ...(reply.error === undefined ? {} : { error: reply.error }),
      ...(reply.error === undefined
        ? recorder.report(coverage['degraded'] === undefined)
        : recorder.plan()),
    });
  };
}

interface Asked {
  readonly method: string;
  readonly path: string;
  /** The bytes as they stand in the request: nothing is lost to a parser. */
  readonly body: Buffer | undefined;
  readonly authorization: string | undefined;
}

const MEMBERS = new Set(['method', 'path', 'body', 'authorization']);

/** Throws bad_request if the body does not describe a request. */
function readQuestion(bytes: Buffer): Asked {
  const value = parseJsonBody(bytes);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MiroirError('bad_request', 'Expected an object with `method` and `path`.');
  }
  const members = value as Record<string, unknown>;
  const unknown = Object.keys(members).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) {
    throw new MiroirError(
      'bad_request',
      `Unknown field \`${unknown}\`: expected one of \`method\`, \`path\`, \`body\`, \`authorization\``,
    );
  }
  const { method, path, authorization } = members;
  if (typeof method !== 'string' || typeof path !== 'string' || !path.startsWith('/')) {
    throw new MiroirError(
      'bad_request',
      '`method` and `path` must be strings, and the path begins with `/`.',
    );
  }
  if (authorization !== undefined && typeof authorization !== 'string') {
    throw new MiroirError('bad_request', '`authorization` must be a string: `Bearer <key>`.');
  }
  const span = members['body'] === undefined ? undefined : findMember(bytes, 0, 'body');
  const body = span === undefined ? undefined : bytes.subarray(span.start, span.end);
  return { method: method.toUpperCase(), path, body, authorization };
}

function notARead(asked: Asked): MiroirError {
  return new MiroirError(
    'bad_request',
    `\`${asked.method} ${asked.path}\` cannot be explained: only searches, multi-search, facet-search, similar and reads of documents can.`,
  );
}

/** The context in which the explained request runs: its own caller, or the gateway where none is named. */
async function innerContext(
  outer: RouteContext,
  asked: Asked,
  found: Extract<Found, { kind: 'route' }>,
): Promise<RouteContext> {
  const { services, view } = outer;
  const request = innerRequest(outer.request, asked);
  const { route, params, query } = found;
  const access =
    asked.authorization === undefined
      ? fullAccess(view.internalKey)
      : await judgeRoute(route, request, params['index_uid'], { services, view });
  return { ...outer, request, access, params, query, template: route.template };
}

function innerRequest(outer: GatewayRequest, asked: Asked): GatewayRequest {
  const { method, path, body, authorization } = asked;
  const headers = new Map<string, string>();
  for (const name of PASSED_HEADERS) {
    const value = outer.headers.get(name);
    if (value !== undefined) headers.set(name, value);
  }
  if (authorization !== undefined) headers.set('authorization', authorization);
  if (body !== undefined) headers.set('content-type', 'application/json');
  return {
    method,
    target: path,
    headers,
    requestId: outer.requestId,
    hasBody: body !== undefined,
    body: chunksOf(body),
    signal: outer.signal,
  };
}

async function* chunksOf(body: Buffer | undefined): AsyncGenerator<Uint8Array> {
  if (body !== undefined) yield body;
}

interface Ran {
  readonly status: number;
  readonly headers: GatewayReply['headers'];
  /** The body of an answer that is an error. */
  readonly error?: unknown;
}

async function run(context: RouteContext, route: Route, tenants: TenantCheck): Promise<Ran> {
  try {
    const refused = context.access.isJudgedByNode ? await tenants.refusal(context) : undefined;
    const reply = refused ?? (await route.handler?.(context));
    if (reply === undefined) return { status: 501, headers: [] };
    const { status, headers } = withCurrency(context, reply);
    return status < 400 ? { status, headers } : { status, headers, error: await readError(reply) };
  } catch (error) {
    if (!(error instanceof MiroirError)) throw error;
    const { status, code, message } = error;
    return { status, headers: [], error: errorBody(code, message) };
  }
}

async function readError(reply: GatewayReply): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? null : JSON.parse(text);
}

function coverageOf(reply: Ran): Record<string, string> {
  const said: Record<string, string> = {};
  for (const [name, value] of reply.headers) {
    if (name === 'x-miroir-coverage') said['coverage'] = value;
    if (name === 'x-miroir-degraded') said['degraded'] = value;
  }
  return said;
}
