/**
 * API keys. All nodes hold the same keys, so a reading asks any one with the caller's own key, also
 * while control is dead; a change goes through control, which sends it to every node in one order. The
 * gateway's keys, which control makes for its own work, are neither shown nor changed.
 */

import { MiroirError } from '../../core/errors.ts';
import { decodeObject } from '../../core/json/slice.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { type Answered, askAnyNode, type Question, relay } from './ask.ts';
import { readBody } from './body.ts';
import type { RouteContext } from './context.ts';
import { parseCount, parseQuery, safeQuery } from './query.ts';
import { bytesReply, emptyReply, jsonReply } from './reply.ts';

const LIMIT_DEFAULT = 20;
const ALL_KEYS = '/keys?offset=0&limit=1000000';

/** GET /keys, newest first. */
export async function listKeys(context: RouteContext): Promise<GatewayReply> {
  const asked = await askAnyNode(context, {
    method: 'GET',
    path: `/keys${safeQuery(context.query)}`,
  });
  if (asked.status !== 200) return relay(context, asked);
  // Hidden keys would leave holes in a page, so pages are cut here.
  const all = await askAnyNode(context, { method: 'GET', path: ALL_KEYS });
  if (all.status !== 200) return relay(context, all);
  const { results } = parseAnswer(all.body) as { results: NodeKey[] };
  const shown = results.filter((key) => !isOwnKey(context, key));
  const query = parseQuery(context.query);
  const offset = parseCount(query.get('offset') ?? '') ?? 0;
  const limit = parseCount(query.get('limit') ?? '') ?? LIMIT_DEFAULT;
  return jsonReply(context.template, 200, {
    results: shown.slice(offset, offset + limit),
    offset,
    limit,
    total: shown.length,
  });
}

/** GET /keys/{uid or key}. */
export async function getKey(context: RouteContext): Promise<GatewayReply> {
  const name = context.params['key'] ?? '';
  const answer = await askAnyNode(context, keyQuestion(name));
  if (isOwnKeyAnswer(context, answer)) throw keyNotFound(name);
  return relay(context, answer);
}

/** POST /keys, PATCH and DELETE /keys/{uid or key}. */
export async function changeKey(context: RouteContext): Promise<GatewayReply> {
  const { request, services, params } = context;
  const name = params['key'] ?? '';
  const body = await readBody(request);
  if (name !== '') {
    const held = await askAnyNode(context, keyQuestion(name));
    if (isOwnKeyAnswer(context, held)) throw keyNotFound(name);
  }
  const answer = await services.keys.call(
    {
      method: request.method,
      uidOrKey: name,
      query: '',
      body,
      authorization: request.headers.get('authorization') ?? '',
      contentType: request.headers.get('content-type') ?? '',
    },
    request.signal,
  );
  if (answer.body.length === 0) return emptyReply(context.template, answer.status);
  return bytesReply(context.template, answer.status, [answer.body]);
}

function keyQuestion(name: string): Question {
  return { method: 'GET', path: `/keys/${encodeURIComponent(name)}` };
}

function keyNotFound(name: string): MiroirError {
  return new MiroirError('api_key_not_found', `API key \`${name}\` not found.`);
}

function isOwnKeyAnswer(context: RouteContext, answer: Answered): boolean {
  return answer.status === 200 && isOwnKey(context, parseAnswer(answer.body) as NodeKey);
}

interface NodeKey {
  readonly key: string;
}

function isOwnKey(context: RouteContext, key: NodeKey): boolean {
  return key.key === context.view.internalKey;
}

function parseAnswer(body: Uint8Array): unknown {
  return decodeObject(body);
}
