/**
 * POST /multi-search. Without federation each query is a search of its own, and the answers stand in the
 * order of the queries; the first query that fails makes the error, in a node's words. Federated queries
 * are ranked against each other (federated-search.ts).
 */

import { errorBody, MiroirError } from '../../core/errors.ts';
import { decodeObject } from '../../core/json/slice.ts';
import { cleanMessage, type JsonObject } from '../../core/ranking/index.ts';
import type { IndexUid } from '../../core/types.ts';
import { mayUseIndex } from '../auth/access.ts';
import { invalidKey } from '../auth/bearer.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { type Answered, askAnyNode, askNode, type Question, relay } from './ask.ts';
import { readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';
import { federatedSearch } from './federated-search.ts';
import { parseJsonBody } from './json-body.ts';
import { indexPath } from './missing-index.ts';
import { bytesReply, errorReply, type HeaderPair, jsonReply } from './reply.ts';
import { search } from './search.ts';
import { findIndex, indexNotFound, isIndexUid } from './uid.ts';

/** Searches at once of one request. */
const CONCURRENCY = 8;

/** Answers several searches. */
export async function postMultiSearch(context: RouteContext): Promise<GatewayReply> {
  requireJsonType(context.request);
  const bytes = await readBody(context.request);
  const body = parseJsonBody(bytes);
  const untouched: Question = { method: 'POST', path: '/multi-search', body: bytes };
  const queries = readQueries(body);
  if (queries === undefined) return relayOrRefuse(context, untouched);
  if (isObject(body) && isObject(body['federation'])) {
    const answer = await federatedSearch(context, body, queries);
    return answer ?? refuseFederated(context, queries, untouched);
  }
  const answers = await searchAll(context, queries);
  for (const [place, answer] of answers.entries()) {
    if (answer.status === 200) continue;
    return refuse(context, { answer, place, untouched, uid: queries[place]?.indexUid ?? '' });
  }
  return {
    ...bytesReply(context.template, 200, join(queries, answers), coverageOf(answers)),
    plan: `${queries.length} searches`,
  };
}

interface Query {
  readonly indexUid: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The queries; undefined if a node will refuse the body as a whole. */
function readQueries(body: unknown): Query[] | undefined {
  if (!isObject(body) || !Array.isArray(body['queries'])) return undefined;
  const { queries, federation, ...others } = body;
  if (Object.keys(others).length > 0) return undefined;
  if (federation !== undefined && federation !== null && !isObject(federation)) return undefined;
  const read = (queries as unknown[]).map((query) => {
    if (!isObject(query) || typeof query['indexUid'] !== 'string') return undefined;
    if (!isIndexUid(query['indexUid'])) return undefined;
    const { indexUid, ...rest } = query;
    return { indexUid, body: rest } as Query;
  });
  return read.includes(undefined) ? undefined : (read as Query[]);
}

/** Runs the searches, a few at once, until one fails; later ones may then be missing. */
async function searchAll(
  context: RouteContext,
  queries: readonly Query[],
): Promise<GatewayReply[]> {
  const answers: GatewayReply[] = [];
  let next = 0;
  let hasFailed = false;
  const work = async (): Promise<void> => {
    while (next < queries.length && !hasFailed) {
      const place = next;
      next += 1;
      const answer = await searchOne(context, queries[place] as Query);
      answers[place] = answer;
      hasFailed ||= answer.status !== 200;
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, queries.length) }, work));
  return answers;
}

async function searchOne(context: RouteContext, query: Query): Promise<GatewayReply> {
  const { indexUid, body } = query;
  try {
    if (!mayUseIndex(context.access, indexUid)) throw invalidKey();
    const bytes = Buffer.from(JSON.stringify(body));
    const path = indexPath(indexUid, 'search');
    const own = { ...context, params: { index_uid: indexUid } };
    return await search(own, { body, untouched: { method: 'POST', path, body: bytes } });
  } catch (error) {
    if (error instanceof MiroirError) return errorReply(context.template, error);
    throw error;
  }
}

/**
 * The error of one query. A node that is asked the whole body knows its own words, unless it stumbles
 * over an index that it merely does not hold.
 */
async function refuse(
  context: RouteContext,
  failed: { answer: GatewayReply; place: number; untouched: Question; uid: string },
): Promise<GatewayReply> {
  const said = await errorOf(failed.answer);
  if (failed.answer.status === 400 && !String(said['code']).startsWith('miroir_')) {
    const whole = await askAnyNode(context, failed.untouched);
    const words = whole.status === 400 ? errorOfBytes(whole.body) : {};
    const isOther = isOfOtherQuery(String(words['message']), failed.place);
    if (words['code'] !== undefined && words['code'] !== 'index_not_found' && !isOther) {
      const settings = findIndex(context.view, failed.uid as IndexUid)?.settings ?? {};
      return relay(context, cleaned(whole, words, settings));
    }
  }
  const status = said['code'] === 'index_not_found' ? 400 : failed.answer.status;
  // Here a node does not say which indexes a key or token may use.
  const text = status === 403 ? invalidKey().message : String(said['message']);
  const message = `Inside \`.queries[${failed.place}]\`: ${text}`;
  const body = Buffer.from(JSON.stringify({ ...said, message }));
  const headers = failed.answer.headers.filter(([name]) => name === 'retry-after');
  return bytesReply(context.template, status, [body], headers);
}

/** A node takes facets that only its rule for internal fields knows, and stumbles later or not at all. */
function isOfOtherQuery(message: string, place: number): boolean {
  const found = /^Inside `\.queries\[(\d+)\]`: /.exec(message);
  return found !== null && Number(found[1]) !== place;
}

function cleaned(
  answer: Answered,
  words: Record<string, unknown>,
  settings: JsonObject = {},
): Answered {
  const message = cleanMessage(String(words['message']), settings);
  return { ...answer, body: Buffer.from(JSON.stringify({ ...words, message })) };
}

async function relayOrRefuse(context: RouteContext, untouched: Question): Promise<GatewayReply> {
  const answer = await askAnyNode(context, untouched);
  if (answer.status >= 400) return relay(context, answer);
  throw new MiroirError('bad_request', 'The queries of this request are not understood.');
}

/**
 * Federated queries that the gateway cannot answer are refused in a node's words. A node that merely does
 * not hold an index is no judge of the rest.
 */
async function refuseFederated(
  context: RouteContext,
  queries: readonly Query[],
  untouched: Question,
): Promise<GatewayReply> {
  for (const nodeId of context.view.nodes.keys()) {
    const outcome = await askNode(context, nodeId, untouched);
    if (outcome.kind !== 'answered') continue;
    if (outcome.status === 200 && queries.length > 0) break;
    const words = errorOfBytes(outcome.body);
    if (words['code'] === 'index_not_found') continue;
    if (outcome.status === 200) return relay(context, outcome);
    const uid = /Index `([^`]+)`: /.exec(String(words['message']))?.[1] ?? '';
    const settings = findIndex(context.view, uid as IndexUid)?.settings;
    return relay(context, cleaned(outcome, words, settings));
  }
  const missing = queries.findIndex(
    ({ indexUid }) => findIndex(context.view, indexUid as IndexUid) === undefined,
  );
  if (missing >= 0) {
    const message = `Inside \`.queries[${missing}]\`: ${indexNotFound(queries[missing]?.indexUid ?? '').message}`;
    return jsonReply(context.template, 400, errorBody('index_not_found', message));
  }
  throw new MiroirError('miroir_shard_unavailable', 'A shard of these indexes cannot be read.', {
    retryAfterSeconds: 1,
  });
}

/** `{"results":[{"indexUid":…, <members of the search>}, …]}`, each answer's bytes as they are. */
function join(queries: readonly Query[], answers: readonly GatewayReply[]): Uint8Array[] {
  const chunks: Uint8Array[] = [Buffer.from('{"results":[')];
  for (const [place, answer] of answers.entries()) {
    const uid = JSON.stringify(queries[place]?.indexUid);
    const [first, ...rest] = answer.body as readonly Uint8Array[];
    chunks.push(Buffer.from(`${place === 0 ? '' : ','}{"indexUid":${uid},`));
    if (first !== undefined) chunks.push(first.subarray(1));
    chunks.push(...rest);
  }
  chunks.push(Buffer.from(']}'));
  return chunks;
}

/** Shards of all searches together, and the first gap. */
function coverageOf(answers: readonly GatewayReply[]): HeaderPair[] {
  let covered = 0;
  let all = 0;
  let degraded: HeaderPair | undefined;
  for (const { headers } of answers) {
    for (const [name, value] of headers) {
      if (name === 'x-miroir-degraded') degraded ??= [name, value];
      if (name !== 'x-miroir-coverage') continue;
      const [part, whole] = value.split('/').map(Number);
      covered += part ?? 0;
      all += whole ?? 0;
    }
  }
  const coverage: HeaderPair = ['x-miroir-coverage', `${covered}/${all}`];
  return degraded === undefined ? [coverage] : [coverage, degraded];
}

async function errorOf(reply: GatewayReply): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  return errorOfBytes(Buffer.concat(chunks));
}

function errorOfBytes(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length === 0) return {};
  return decodeObject(bytes);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
