/**
 * GET and POST /indexes/{uid}/search. Bytes -> body -> plan (what each node of the covering set is
 * asked) -> answers -> one answer. Where one node holds everything, its answer passes with the
 * gateway's fields cut out; elsewhere the nodes' lists are merged rule by rule (core/ranking).
 */

import { MiroirError } from '../../core/errors.ts';
import { decodeObject } from '../../core/json/slice.ts';
import type { CoveringSet } from '../../core/placement/index.ts';
import { facetOfNothing, filterablePatterns } from '../../core/ranking/filterable.ts';
import {
  type AnswerEnvelope,
  type JsonObject,
  type MergedAnswer,
  mergeSearch,
  namedFields,
  planSearch,
  type RankedIndex,
  type SearchPlan,
  type SearchPurpose,
  SPELLINGS_MAX,
  stripSearch,
} from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { Question } from './ask.ts';
import { readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';
import { readableNodes } from './copies.ts';
import { type FanOutAnswers, fanOut } from './fan-out.ts';
import { isAnyFieldSeen } from './formatted-fields.ts';
import { narrowCovering, onlyRead, rankedIndex } from './index-plan.ts';
import { parseJsonBody } from './json-body.ts';
import { withEvenFilter } from './known-fields.ts';
import { findMarks } from './marks.ts';
import { indexPath, readableIndex, refuseMissingIndex } from './missing-index.ts';
import { indexForFields } from './nested-fields.ts';
import { openDistinct } from './open-distinct.ts';
import { safeQuery } from './query.ts';
import { type ReadTarget, readOne } from './read-one.ts';
import { askOwner, relayClean, relayRefusal, relayUnread } from './refusal.ts';
import { bytesReply, type HeaderPair } from './reply.ts';
import { mayNameReserved, refuseReservedNames } from './reserved-names.ts';
import { searchBodyOfQuery } from './search-query.ts';
import { findSpellings } from './spellings.ts';
import { newRequestUid } from './uuid.ts';

/** POST form. */
export async function postSearch(context: RouteContext): Promise<GatewayReply> {
  requireJsonType(context.request);
  const bytes = await readBody(context.request);
  const body = parseJsonBody(bytes);
  const path = searchPath(context);
  return search(context, { body, untouched: { method: 'POST', path, body: bytes } });
}

/** GET form. */
export async function getSearch(context: RouteContext): Promise<GatewayReply> {
  const body = searchBodyOfQuery(context.query);
  const path = searchPath(context) + safeQuery(context.query);
  return search(context, { body, untouched: { method: 'GET', path } });
}

/** One search: the body, and the question as the client put it. */
export interface SearchInput {
  /** Undefined or no object: a node will refuse the untouched question. */
  readonly body: unknown;
  readonly untouched: Question;
}

/** Plans, asks, merges. Throws or answers what the client sees. */
export async function search(context: RouteContext, input: SearchInput): Promise<GatewayReply> {
  const { untouched } = input;
  const entry = readableIndex(context);
  if (entry === undefined) return refuseMissingIndex(context, untouched);
  if (!isObject(input.body)) return relayUnread(context, entry, untouched);
  const text = typeof untouched.body === 'object' ? Buffer.from(untouched.body) : undefined;
  if (text === undefined || mayNameReserved(text)) refuseReservedNames(input.body);
  const refusal = await refuseFacetsOfNothing(context, entry, input.body);
  if (refusal !== undefined) return refusal;
  const body = await withEvenFilter(context, entry, input.body);
  const covering = narrowCovering(context, entry, body);
  const index = await indexForFields(context, entry, namedFields(body, entry.settings));
  // What one of several nodes has seen of a nested field decides what all of them show.
  const read = index.seenNested === undefined ? onlyRead(context, covering) : undefined;
  if (read !== undefined) {
    const { nodeId, shards } = read;
    const given = input.body;
    const one = await searchOne(context, { entry, nodeId, shards, body, given, untouched });
    if (one !== undefined) return one;
  }
  const startedAt = performance.now();
  const plan = await planMerge(context, { entry, index, body });
  if (plan === undefined) return relayUnread(context, entry, untouched);
  const path = searchPath(context);
  const { requests, hitsTotalMax: hitsMax } = plan;
  const merge = (answers: FanOutAnswers<SearchPurpose>, learned: Learned = {}): MergedAnswer =>
    mergeSearch(plan, answers, { ...envelope(context, { entry, body, startedAt }), ...learned });
  const result = await fanOut(context, { entry, path, requests, covering, hitsMax }, merge);
  if (result.kind === 'refused') {
    return relayRefusal(context, entry, { answer: result.answer, untouched });
  }
  const asked = { entry, body, covering, plan };
  const open = await openDistinct(context, { ...asked, result, merge });
  const learned = await learn(context, asked, open.merged);
  const { openDepth } = open;
  const depth = openDepth === undefined ? {} : { openDepth };
  const merged =
    learned === undefined ? open.merged : merge(open.answers, { ...depth, ...learned });
  context.trace?.merged(entry.uid, merged, result.nodeIds);
  return searchReply(context, merged, result.headers, `merge of ${result.nodeCount} nodes`);
}

/** What a merge wants to know that its answers do not tell. */
type Learned = Pick<AnswerEnvelope, 'isFormatted' | 'spellings' | 'marks' | 'openDepth'>;

/** Asks for it; undefined if nothing is wanted or found out. */
async function learn(
  context: RouteContext,
  asked: { entry: IndexEntry; body: JsonObject; covering: CoveringSet; plan: SearchPlan },
  merged: MergedAnswer,
): Promise<Learned | undefined> {
  const { unseenFields } = merged;
  const apart = merged.spelledApart?.slice(0, SPELLINGS_MAX) ?? [];
  const isFormatted =
    unseenFields !== undefined && (await isAnyFieldSeen(context, asked.entry, unseenFields));
  const spellings =
    apart.length === 0 ? undefined : await findSpellings(context, { ...asked, apart });
  const marks = await findMarks(context, asked, merged.unmarked ?? []);
  if (!isFormatted && spellings === undefined && marks === undefined) return undefined;
  return {
    ...(isFormatted ? { isFormatted } : {}),
    ...(spellings === undefined ? {} : { spellings }),
    ...(marks === undefined ? {} : { marks }),
  };
}

/**
 * Nodes always have a filterable rule of ours, so they take facets that would meet nothing without it.
 * Whatever else a node would refuse, it refuses first.
 */
async function refuseFacetsOfNothing(
  context: RouteContext,
  entry: IndexEntry,
  body: JsonObject,
): Promise<GatewayReply | undefined> {
  const { facets, ...others } = body;
  if (!Array.isArray(facets)) return undefined;
  const facet = facetOfNothing(facets, entry.settings);
  if (facet === undefined) return undefined;
  const text = JSON.stringify(others);
  const question: Question = { method: 'POST', path: searchPath(context), body: text };
  const earlier = await askOwner(context, entry, question);
  if (earlier !== undefined) return relayClean(context, entry, earlier);
  const patterns = [...new Set(filterablePatterns(entry.settings))].sort();
  const known =
    patterns.length === 0
      ? 'This index does not have configured filterable attributes.'
      : `Available filterable attributes patterns are: \`${patterns.join(', ')}\`.`;
  throw new MiroirError(
    'invalid_search_facets',
    `Invalid facet distribution: Pattern \`${facet}\` is not filterable. ${known}`,
  );
}

/**
 * One node holds everything: its bytes, minus the gateway's fields. Undefined if neither it nor another
 * single node answers, where several together might.
 */
async function searchOne(
  context: RouteContext,
  target: ReadTarget & { body: JsonObject; given: JsonObject; untouched: Question },
): Promise<GatewayReply | undefined> {
  const { entry, body, given, untouched } = target;
  const plan = planSearch({ body, index: rankedIndex(entry), isSingleNode: true });
  const asked = plan.requests[0]?.body ?? body;
  const question = isSame(asked, given)
    ? untouched
    : ({ method: 'POST', path: searchPath(context), body: JSON.stringify(asked) } as const);
  const read = await readOne(context, target, question, (bytes) => stripSearch(plan, bytes)).catch(
    (error: unknown) => {
      const isElsewhere = error instanceof MiroirError && rankedIndex(entry).hasSeveralOwners;
      if (!isElsewhere) throw error;
    },
  );
  if (read === undefined) return undefined;
  if (read.kind === 'said') {
    const { answer } = read;
    return question === untouched
      ? relayClean(context, entry, answer)
      : relayRefusal(context, entry, { answer, untouched });
  }
  const { shardCount } = entry;
  const coverage: HeaderPair = ['x-miroir-coverage', `${shardCount}/${shardCount}`];
  const stripped = read.value;
  context.trace?.merged(entry.uid, stripped, [target.nodeId]);
  return searchReply(context, stripped, [coverage], 'one node');
}

/** The plan for several nodes; a query that must be embedded first is, by one of them. */
async function planMerge(
  context: RouteContext,
  { entry, index, body }: { entry: IndexEntry; index: RankedIndex; body: JsonObject },
): Promise<SearchPlan | undefined> {
  const plan = planSearch({ body, index });
  if (plan.kind !== 'needs-vector') return plan;
  const [nodeId] = readableNodes(context, entry);
  if (nodeId === undefined) return plan;
  // Any node will do: one that holds a copy of some shard, and if it fails, another with the same.
  const shard = entry.owners.findIndex((copies) => copies.some((copy) => copy.nodeId === nodeId));
  const answer = await readOne(
    context,
    { entry, nodeId, shards: [shard] },
    {
      method: 'POST',
      path: searchPath(context),
      body: JSON.stringify(plan.requests[0]?.body ?? {}),
    },
    decodeObject,
  );
  if (answer.kind === 'said') {
    const isKeywordOnly = plan.semanticRatio !== undefined && cannotEmbed(answer.answer.body);
    return isKeywordOnly ? planSearch({ body, index, isKeywordOnly }) : undefined;
  }
  const queryVector = answer.value['queryVector'];
  if (!Array.isArray(queryVector)) return undefined;
  return planSearch({ body, index, queryVector: queryVector as number[] });
}

/** A hybrid search whose query has no vector is no error: a node then answers with keywords alone. */
function cannotEmbed(body: Uint8Array): boolean {
  return decodeObject(body)['code'] === 'vector_embedding_error';
}

/** What the gateway itself says in a merged answer. */
function envelope(
  context: RouteContext,
  search: { readonly entry: IndexEntry; readonly body: JsonObject; readonly startedAt: number },
): AnswerEnvelope {
  const processingTimeMs = Math.floor(performance.now() - search.startedAt);
  const requestUid = newRequestUid(Date.now());
  if (!wantsMetadata(context)) return { processingTimeMs, requestUid };
  const { uid: indexUid, primaryKey } = search.entry;
  const query = search.body['q'];
  const metadata = {
    ...(typeof query === 'string' ? { query } : {}),
    queryUid: newRequestUid(Date.now()),
    indexUid,
    ...(primaryKey === null ? {} : { primaryKey }),
  };
  return { processingTimeMs, requestUid, metadataJson: JSON.stringify(metadata) };
}

function wantsMetadata(context: RouteContext): boolean {
  const header = context.request.headers.get('meili-include-metadata')?.trim().toLowerCase();
  return header === 'true' || header === '1';
}

function searchReply(
  context: RouteContext,
  merged: MergedAnswer,
  headers: readonly HeaderPair[],
  plan: string,
): GatewayReply {
  return { ...bytesReply(context.template, 200, merged.chunks, headers), plan };
}

function searchPath(context: RouteContext): string {
  return indexPath(context.params['index_uid'] ?? '', 'search');
}

/** Whether the plan left the body as the client sent it: then its bytes go out untouched. */
function isSame(left: JsonObject, right: JsonObject): boolean {
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length && names.every((name) => left[name] === right[name])
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
