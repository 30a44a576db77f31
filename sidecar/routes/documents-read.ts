/**
 * Reading documents: one by its id from the node that owns its shard, or a list (GET documents, POST
 * documents/fetch) merged from the nodes of the covering set. `ids` ask only the shards concerned.
 */
import { type CoveringSet, shardOfKey } from '../../core/placement/index.ts';
import {
  type JsonObject,
  mergeDocuments,
  planDocuments,
  stripDocument,
  wholeMembers,
} from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { Question } from './ask.ts';
import { readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';
import { coverFor } from './copies.ts';
import { documentsBodyOfQuery } from './documents-query.ts';
import { type FanOutRequest, fanOut } from './fan-out.ts';
import { isBlindToGeo, someNodeSortsByGeo, withoutGeoSort } from './geo-lists.ts';
import { coveringOfKeys, pinnedKeys, rankedIndex } from './index-plan.ts';
import { parseJsonBody } from './json-body.ts';
import { withEvenFilter } from './known-fields.ts';
import { indexPath, readableIndex, refuseMissingIndex } from './missing-index.ts';
import { indexForFields } from './nested-fields.ts';
import { parseQuery, safeQuery } from './query.ts';
import { readOne } from './read-one.ts';
import { relayClean, relayRefusal, relayUnread } from './refusal.ts';
import { bytesReply } from './reply.ts';
import { mayNameReserved, refuseReservedNames } from './reserved-names.ts';

/** GET /indexes/{uid}/documents/{id}. */
export async function getDocument(context: RouteContext): Promise<GatewayReply> {
  const id = context.params['document_id'] ?? '';
  const uid = context.params['index_uid'] ?? '';
  const path = indexPath(uid, 'documents', id) + safeQuery(context.query);
  const untouched: Question = { method: 'GET', path };
  const entry = readableIndex(context);
  if (entry === undefined) return refuseMissingIndex(context, untouched);
  const query = parseQuery(context.query);
  const fields = query.get('fields')?.split(',');
  refuseReservedNames({ fields });
  const shards = [shardOfKey(id, entry.shardCount)];
  const [read] = coverFor(context, entry, { shards }).reads;
  if (read === undefined) return relayUnread(context, entry, untouched);
  const target = { entry, nodeId: read.nodeId, shards };
  const whole = wholeMembers({ fields }, await indexForFields(context, entry, fields ?? []));
  const question = whole.length === 0 ? untouched : askedAlso(untouched, query, whole);
  const shown = whole.length === 0 || fields?.includes('*') === true ? undefined : fields;
  const keepsVectors = query.get('retrieveVectors') === 'true';
  const answer = await readOne(context, target, question, (bytes) =>
    stripDocument(bytes, shown, keepsVectors),
  );
  if (answer.kind === 'said') return relayClean(context, entry, answer.answer);
  return bytesReply(context.template, 200, [answer.value]);
}

/** The same question for more fields. */
function askedAlso(
  question: Question,
  query: ReadonlyMap<string, string>,
  more: readonly string[],
): Question {
  const asked = new URLSearchParams([...query]);
  asked.set('fields', [...(query.get('fields')?.split(',') ?? []), ...more].join());
  const [path] = question.path.split('?');
  return { ...question, path: `${path}?${asked}` };
}

/** GET /indexes/{uid}/documents. */
export async function listDocuments(context: RouteContext): Promise<GatewayReply> {
  const path = indexPath(context.params['index_uid'] ?? '', 'documents');
  const untouched: Question = { method: 'GET', path: path + safeQuery(context.query) };
  return fetchDocuments(context, { body: documentsBodyOfQuery(context.query), untouched });
}

/** POST /indexes/{uid}/documents/fetch. */
export async function postFetch(context: RouteContext): Promise<GatewayReply> {
  requireJsonType(context.request);
  const bytes = await readBody(context.request);
  const body = parseJsonBody(bytes);
  const untouched: Question = { method: 'POST', path: fetchPath(context), body: bytes };
  return fetchDocuments(context, { body, untouched });
}

async function fetchDocuments(
  context: RouteContext,
  input: { readonly body: unknown; readonly untouched: Question },
): Promise<GatewayReply> {
  const { untouched } = input;
  const entry = readableIndex(context);
  if (entry === undefined) return refuseMissingIndex(context, untouched);
  if (!isObject(input.body)) return relayUnread(context, entry, untouched);
  if (untouched.body === undefined || mayNameReserved(Buffer.from(untouched.body))) {
    refuseReservedNames(input.body);
  }
  const body = await withEvenFilter(context, entry, input.body);
  const covering = coveringOfList(context, entry, body);
  // Several owners list in the order of versions, be it one of them that answers.
  const isSingleNode = !rankedIndex(entry).hasSeveralOwners;
  const fields = Array.isArray(body['fields']) ? body['fields'].map(String) : [];
  const index = await indexForFields(context, entry, fields);
  const plan = planDocuments({ body, index, isSingleNode });
  const path = fetchPath(context);
  const ask = (instead?: FanOutRequest<'main'>['instead']) => {
    const main = { purpose: 'main', body: plan.body } as const;
    const requests = [instead === undefined ? main : { ...main, instead }];
    return fanOut(context, { entry, path, requests, covering }, (answers) =>
      mergeDocuments(plan, answers.get('main') ?? []),
    );
  };
  let result = await ask();
  if (result.kind === 'refused' && isBlindToGeo(plan, result.answer.body)) {
    if (await someNodeSortsByGeo(context, entry)) {
      result = await ask((refusal) =>
        isBlindToGeo(plan, refusal) ? withoutGeoSort(plan.body) : undefined,
      );
    }
  }
  if (result.kind === 'refused') {
    return relayRefusal(context, entry, { answer: result.answer, untouched });
  }
  const { merged } = result;
  context.trace?.merged(entry.uid, merged, result.nodeIds);
  return {
    ...bytesReply(context.template, 200, merged.chunks, result.headers),
    plan: `merge of ${result.nodeCount} nodes`,
  };
}

/** The copies to ask: only those of the documents of `ids` and of a filter on the primary key. */
function coveringOfList(context: RouteContext, entry: IndexEntry, body: JsonObject): CoveringSet {
  const { ids } = body;
  const named =
    Array.isArray(ids) && ids.length > 0 && ids.every(isId) ? ids.map(String) : undefined;
  const pinned = pinnedKeys(entry, body['filter']);
  const keys =
    named === undefined || pinned === undefined || pinned.length < named.length
      ? (pinned ?? named)
      : named;
  return keys === undefined ? coverFor(context, entry) : coveringOfKeys(context, entry, { keys });
}

function isId(value: unknown): value is string | number {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

function fetchPath(context: RouteContext): string {
  return indexPath(context.params['index_uid'] ?? '', 'documents', 'fetch');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
