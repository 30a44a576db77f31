/**
 * GET and POST /indexes/{uid}/similar. On several nodes the document's vector is read from the node that
 * owns it and searched for on all; on one node the question passes as it is.
 */
import { decodeObject, MalformedAnswer } from '../../core/json/slice.ts';
import { type CoveringSet, shardOfKey } from '../../core/placement/index.ts';
import {
  filterOfSelf,
  type JsonObject,
  mergeSimilar,
  namedFields,
  planSearch,
  planSimilar,
  readHitsTotalMax,
  stripSearch,
} from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { Question } from './ask.ts';
import { readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';
import { coverFor } from './copies.ts';
import { type FanOutRequest, fanOut } from './fan-out.ts';
import { coveringFor, onlyRead, rankedIndex } from './index-plan.ts';
import { parseJsonBody } from './json-body.ts';
import { withEvenFilter } from './known-fields.ts';
import { indexPath, readableIndex, refuseMissingIndex } from './missing-index.ts';
import { indexForFields } from './nested-fields.ts';
import { parseCount, parseQuery, safeQuery } from './query.ts';
import { readFilter, readFlag, readList, readNumber } from './query-values.ts';
import { type ReadTarget, readOne } from './read-one.ts';
import { relayClean, relayRefusal, relayUnread } from './refusal.ts';
import { bytesReply, jsonReply } from './reply.ts';
import { refuseReservedNames } from './reserved-names.ts';
import { newRequestUid } from './uuid.ts';

/** POST form. */
export async function postSimilar(context: RouteContext): Promise<GatewayReply> {
  requireJsonType(context.request);
  const bytes = await readBody(context.request);
  const path = pathOf(context, 'similar');
  return similar(context, parseJsonBody(bytes), { method: 'POST', path, body: bytes });
}

/** GET form. */
export async function getSimilar(context: RouteContext): Promise<GatewayReply> {
  const path = pathOf(context, 'similar') + safeQuery(context.query);
  return similar(context, bodyOfQuery(context.query), { method: 'GET', path });
}

async function similar(
  context: RouteContext,
  given: unknown,
  untouched: Question,
): Promise<GatewayReply> {
  const entry = readableIndex(context);
  if (entry === undefined) return refuseMissingIndex(context, untouched);
  if (!isObject(given) || !isUnderstood(given)) return relayUnread(context, entry, untouched);
  refuseReservedNames(given);
  const body = await withEvenFilter(context, entry, given);
  const covering = coveringFor(context, entry, body);
  const read = onlyRead(context, covering);
  if (read !== undefined) {
    const target = { entry, nodeId: read.nodeId, isRewritten: body !== given };
    return similarOnOne(context, target, body, untouched);
  }
  const startedAt = performance.now();
  const vector = await readVector(context, entry, body);
  const { primaryKey } = entry;
  if (vector === undefined || primaryKey === null) {
    return withoutVector(context, { entry, body, covering, untouched });
  }
  const index = await indexForFields(context, entry, namedFields(body, entry.settings));
  const plan = planSimilar({ body, index: { ...index, primaryKey }, vector });
  const path = pathOf(context, 'search');
  const { requests, hitsTotalMax: hitsMax } = plan;
  const asked = { entry, path, requests, covering, hitsMax };
  const result = await fanOut(context, asked, (answers) => {
    const processingTimeMs = Math.floor(performance.now() - startedAt);
    return mergeSimilar(plan, answers, { processingTimeMs, requestUid: newRequestUid(Date.now()) });
  });
  if (result.kind === 'refused') {
    return relayRefusal(context, ownedOnly(entry, body), { answer: result.answer, untouched });
  }
  const { merged } = result;
  context.trace?.merged(entry.uid, merged, result.nodeIds);
  return bytesReply(context.template, 200, merged.chunks, result.headers);
}

/** The index as the nodes have it that hold the document: others would say that it is not there. */
function ownedOnly(entry: IndexEntry, body: JsonObject): IndexEntry {
  const copies = entry.owners[shardOfKey(String(body['id']), entry.shardCount)];
  return copies === undefined ? entry : { ...entry, owners: [copies] };
}

/**
 * The document is not there, or has no vector: the node that owns its shard says which. Without a vector
 * nothing is similar, yet all other candidates are counted.
 */
async function withoutVector(
  context: RouteContext,
  asked: { entry: IndexEntry; body: JsonObject; covering: CoveringSet; untouched: Question },
): Promise<GatewayReply> {
  const { entry, body, covering, untouched } = asked;
  const shards = [shardOfKey(String(body['id']), entry.shardCount)];
  const [read] = coverFor(context, entry, { shards }).reads;
  if (read === undefined) return relayUnread(context, entry, untouched);
  const target = { entry, nodeId: read.nodeId, shards };
  const own = await readOne(context, target, untouched, decodeObject);
  if (own.kind === 'said') return relayClean(context, entry, own.answer);
  const filter = body['filter'] ?? undefined;
  const counted = { ...(filter === undefined ? {} : { filter }), limit: 0 };
  const { primaryKey, settings } = entry;
  const self =
    filter === undefined || primaryKey === null
      ? undefined
      : filterOfSelf(body, { primaryKey, settings });
  const requests: FanOutRequest<'totals' | 'self'>[] = [{ purpose: 'totals', body: counted }];
  if (self !== undefined) requests.push({ purpose: 'self', body: { filter: self, limit: 0 } });
  const path = pathOf(context, 'search');
  const result = await fanOut(context, { entry, path, requests, covering }, (answers) => {
    const sum = (of: 'totals' | 'self') =>
      (answers.get(of) ?? []).reduce((total, bytes) => total + readTotal(bytes), 0);
    return { total: sum('totals'), self: sum('self') };
  });
  if (result.kind === 'refused') {
    return relayRefusal(context, ownedOnly(entry, body), { answer: result.answer, untouched });
  }
  const { total } = result.merged;
  const ownCount =
    filter === undefined
      ? 1
      : self === undefined
        ? await countSelf(context, { ...target, body })
        : result.merged.self;
  const count = Math.min(total - ownCount, readHitsTotalMax(settings));
  const value = { ...own.value, hits: [], estimatedTotalHits: Math.max(0, count) };
  return jsonReply(context.template, 200, value, result.headers);
}

/** 1 if the filter lets the document itself through, asked of its owner with the gateway's own key. */
async function countSelf(
  context: RouteContext,
  target: ReadTarget & { readonly body: JsonObject },
): Promise<number> {
  const { body, entry } = target;
  const { id, filter } = body;
  const fields = [entry.primaryKey];
  const question: Question = {
    method: 'POST',
    path: pathOf(context, 'documents', 'fetch'),
    body: JSON.stringify({ ids: [id], filter, fields, limit: 1 }),
    token: context.view.internalKey,
  };
  const answer = await readOne(context, target, question, (bytes) =>
    Number(decodeObject(bytes)['total']),
  );
  return answer.kind === 'read' && answer.value > 0 ? 1 : 0;
}

function readTotal(bytes: Uint8Array): number {
  const total = Number(decodeObject(bytes)['estimatedTotalHits']);
  if (Number.isNaN(total)) throw new MalformedAnswer('no total');
  return total;
}

async function similarOnOne(
  context: RouteContext,
  target: {
    readonly entry: IndexEntry;
    readonly nodeId: NodeId;
    readonly isRewritten: boolean;
  },
  body: JsonObject,
  untouched: Question,
): Promise<GatewayReply> {
  const { attributesToRetrieve } = body;
  const shown = attributesToRetrieve === undefined ? {} : { attributesToRetrieve };
  const flags = ['retrieveVectors', 'showRankingScore', 'showRankingScoreDetails'] as const;
  const search = { ...shown, ...Object.fromEntries(flags.map((name) => [name, body[name]])) };
  const index = rankedIndex(target.entry);
  const plan = planSearch({ body: search, index, isSingleNode: true });
  const lists = plan.requests[0]?.body['attributesToRetrieve'];
  const question: Question =
    lists === attributesToRetrieve && !target.isRewritten
      ? untouched
      : {
          method: 'POST',
          path: pathOf(context, 'similar'),
          body: JSON.stringify({ ...body, attributesToRetrieve: lists }),
        };
  const read = await readOne(context, target, question, (bytes) => stripSearch(plan, bytes));
  if (read.kind === 'said') {
    return relayRefusal(context, target.entry, { answer: read.answer, untouched });
  }
  const stripped = read.value;
  context.trace?.merged(target.entry.uid, stripped, [target.nodeId]);
  return bytesReply(context.template, 200, stripped.chunks);
}

/** Whether every member is known and of its kind; anything else is for a node to refuse. */
function isUnderstood(body: JsonObject): boolean {
  return Object.entries(body).every(([name, value]) => {
    const isOfKind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
    return isOfKind?.(value) === true;
  });
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  id: (value) => isText(value) || Number.isSafeInteger(value),
  embedder: isText,
  offset: isCount,
  limit: isCount,
  attributesToRetrieve: (value) => value === null || (Array.isArray(value) && value.every(isText)),
  retrieveVectors: isFlag,
  filter: () => true,
  showRankingScore: isFlag,
  showRankingScoreDetails: isFlag,
  showPerformanceDetails: isFlag,
  rankingScoreThreshold: (value) =>
    value === null || (typeof value === 'number' && value >= 0 && value <= 1),
};

/** The document's first vector, read with the gateway's own key: it is never shown. */
async function readVector(
  context: RouteContext,
  entry: IndexEntry,
  body: JsonObject,
): Promise<readonly number[] | undefined> {
  const { id, embedder } = body;
  if ((typeof id !== 'string' && !Number.isSafeInteger(id)) || typeof embedder !== 'string') {
    return undefined;
  }
  const shards = [shardOfKey(String(id), entry.shardCount)];
  const [read] = coverFor(context, entry, { shards }).reads;
  if (read === undefined) return undefined;
  const path = `${pathOf(context, 'documents', String(id))}?retrieveVectors=true&fields=_vectors`;
  const token = context.view.internalKey;
  const target = { entry, nodeId: read.nodeId, shards };
  const answer = await readOne(context, target, { method: 'GET', path, token }, decodeObject);
  if (answer.kind === 'said') return undefined;
  const vectors = answer.value['_vectors'];
  const held = isObject(vectors) ? vectors[embedder] : undefined;
  const embeddings = isObject(held) ? held['embeddings'] : held;
  if (!Array.isArray(embeddings)) return undefined;
  const first: unknown = Array.isArray(embeddings[0]) ? embeddings[0] : embeddings;
  const isVector = Array.isArray(first) && first.every((value) => typeof value === 'number');
  return isVector && first.length > 0 ? (first as number[]) : undefined;
}

const FIELDS: Readonly<Record<string, (text: string) => unknown>> = {
  id: (text) => text,
  embedder: (text) => text,
  offset: (text) => parseCount(text),
  limit: (text) => parseCount(text),
  attributesToRetrieve: readList,
  retrieveVectors: readFlag,
  filter: readFilter,
  showRankingScore: readFlag,
  showRankingScoreDetails: readFlag,
  showPerformanceDetails: readFlag,
  rankingScoreThreshold: readNumber,
};

function bodyOfQuery(text: string): JsonObject | undefined {
  const body: Record<string, unknown> = {};
  for (const [name, value] of parseQuery(text)) {
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    body[name] = read?.(value);
    if (body[name] === undefined) return undefined;
  }
  return body;
}

function pathOf(context: RouteContext, ...rest: string[]): string {
  return indexPath(context.params['index_uid'] ?? '', ...rest);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
