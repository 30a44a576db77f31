/**
 * POST /multi-search with federation. Each node of the queries' covering sets is sent the federation with
 * the queries on indexes it holds (core/ranking, federated-plan); their lists are then ranked against
 * each other.
 */

import { assert } from '../../core/assert.ts';
import { errorBody, MiroirError } from '../../core/errors.ts';
import { decodeObject } from '../../core/json/slice.ts';
import type { CoveringSet } from '../../core/placement/index.ts';
import {
  type FederatedNodeRequest,
  type FederatedPlan,
  firstIncompatible,
  firstRefusal,
  forwardFederated,
  type JsonObject,
  mergeFederated,
  namedFields,
  type OwnRefusal,
  planFederated,
  type RankedIndex,
  refusalText,
  stripFederated,
} from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { IndexUid, NodeId } from '../../core/types.ts';
import { mayUseIndex } from '../auth/access.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { type Answered, askAnyNode, askNode, outcomeError, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { isCurrent } from './coverage.ts';
import {
  facetOrderRefusal,
  hasUnreadableFacets,
  refuseForeignFacets,
  withoutForeignFacets,
} from './federated-facets.ts';
import { askFederation, type FederatedRefusal, federatedTargets } from './federated-nodes.ts';
import { coveringFor } from './index-plan.ts';
import { evenQueries } from './known-fields.ts';
import { indexForFields } from './nested-fields.ts';
import { askOwner, withAllNames } from './refusal.ts';
import { bytesReply, type HeaderPair, jsonReply } from './reply.ts';
import { refuseReservedNames } from './reserved-names.ts';
import { findIndex, indexNotFound, refuseReservedUid } from './uid.ts';
import { tryRead, unreadable } from './unreadable.ts';
import { newRequestUid } from './uuid.ts';

/**
 * Answers a federated search. Undefined if the body, an index or the caller's rights are such that a
 * node has to find the words of a refusal.
 */
export async function federatedSearch(
  context: RouteContext,
  body: JsonObject,
  queries: readonly { readonly indexUid: string; readonly body: JsonObject }[],
): Promise<GatewayReply | undefined> {
  const entries = new Map<string, IndexEntry>();
  const missing: OwnRefusal[] = [];
  for (const [position, { indexUid, body: query }] of queries.entries()) {
    refuseReservedNames(query);
    const entry = findIndex(context.view, indexUid as IndexUid);
    if (!mayUseIndex(context.access, indexUid)) return undefined;
    if (entry === undefined) missing.push(missingIndex(indexUid, position));
    else entries.set(indexUid, entry);
  }
  const federation = body['federation'] as JsonObject;
  refuseReservedNames({ distinct: federation['distinct'] });
  refuseReservedFacets(federation['facetsByIndex']);
  const even = await evenQueries(context, entries, body['queries']);
  if (entries.size === 0 || hasUnreadableFacets(body)) return undefined;
  const indexes = await indexesFor(context, entries, queries);
  const request = withoutForeignFacets({ ...body, queries: even }, entries);
  const unknown = new Set(missing.map(({ position }) => queries[position]?.indexUid ?? ''));
  const plan = planFederated({ body: request, indexes, missing: unknown });
  if (plan?.window === undefined || queries.length === 0) return undefined;
  const startedAt = performance.now();
  const targets = federatedTargets(chooseCopies(context, entries, queries));
  const [only] = targets.nodes.keys();
  const isOnOne = targets.nodes.size === 1 && targets.uncovered.size === 0;
  const hasOneOwnerEach = [...indexes.values()].every((index) => !index.hasSeveralOwners);
  const isWhole = isOnOne && missing.length === 0;
  if (isWhole && only !== undefined && hasOneOwnerEach && isCurrent(context)) {
    const own = forwardFederated(plan, even as JsonObject[]);
    const coverage = wholeCoverage(entries);
    const reply = await onOneNode(context, { plan, nodeId: only, body: own, coverage });
    return reply.status === 200
      ? ((await refuseForeignFacets(context, plan, body)) ?? reply)
      : reply;
  }
  const facetOrder = await facetOrderRefusal(context, plan, entries);
  const own = [...missing, firstIncompatible(plan), facetOrder].filter(
    (refusal) => refusal !== undefined,
  );
  const result = await askFederation(context, { plan, entries, targets }, (answers) =>
    mergeFederated(plan, answers, {
      processingTimeMs: Math.floor(performance.now() - startedAt),
      requestUid: newRequestUid(Date.now()),
      ...metadata(context, plan),
    }),
  );
  if (result.kind === 'refused' || own.length > 0) {
    const refusals = [
      ...(result.kind === 'refused' ? result.refusals : []),
      ...(await refuseUnopened(context, body, missing)),
    ];
    const given = body['queries'] as JsonObject[];
    const isSame = given.every((query, at) => (even as JsonObject[])[at] === query);
    const asked = isSame ? undefined : given;
    return refuse(context, plan, { refusals, own, entries, asked });
  }
  const foreign = await refuseForeignFacets(context, plan, body);
  if (foreign !== undefined) return foreign;
  const { merged, headers, nodeIds, sources } = result;
  context.trace?.merged('', merged, sources);
  return {
    ...bytesReply(context.template, 200, merged.chunks, headers),
    plan: `federation of ${queries.length} searches, ${nodeIds.length} nodes`,
  };
}

/** The node's own ranking of all queries, without the gateway's fields. */
async function onOneNode(
  context: RouteContext,
  asked: { plan: FederatedPlan; nodeId: NodeId; body: JsonObject; coverage: HeaderPair },
): Promise<GatewayReply> {
  const { plan, nodeId, body, coverage } = asked;
  const outcome = await askNode(context, nodeId, {
    method: 'POST',
    path: '/multi-search',
    body: JSON.stringify(body),
  });
  if (outcome.kind !== 'answered' || outcome.status >= 500) throw outcomeError(outcome);
  if (outcome.status !== 200) {
    const positions = plan.queries.map((_, place) => place);
    return relay(context, inClientsWords(plan, { answer: outcome, request: { positions } }));
  }
  const read = tryRead(() => stripFederated(plan, outcome.body));
  if (read === undefined) throw unreadable();
  const stripped = read.value;
  context.trace?.merged('', stripped, [nodeId]);
  return {
    ...bytesReply(context.template, 200, stripped.chunks, [coverage]),
    plan: `federation of ${plan.queries.length} searches, one node`,
  };
}

/** Nodes know the marker and would count the gateway's fields: neither is there for a client. */
function refuseReservedFacets(facetsByIndex: unknown): void {
  if (typeof facetsByIndex !== 'object' || facetsByIndex === null) return;
  for (const [uid, facets] of Object.entries(facetsByIndex)) {
    refuseReservedUid(uid);
    refuseReservedNames({ facets });
  }
}

/** The copies to read of each index. */
function chooseCopies(
  context: RouteContext,
  entries: ReadonlyMap<string, IndexEntry>,
  queries: readonly { readonly indexUid: string; readonly body: JsonObject }[],
): ReadonlyMap<string, CoveringSet> {
  const coverings = new Map<string, CoveringSet>();
  for (const [uid, entry] of entries) {
    const first = queries.find(({ indexUid }) => indexUid === uid);
    const covering = coveringFor(context, entry, first?.body ?? {});
    context.trace?.chose(context, entry, covering);
    coverings.set(uid, covering);
  }
  return coverings;
}

/** The indexes as ranking sees them. */
async function indexesFor(
  context: RouteContext,
  entries: ReadonlyMap<string, IndexEntry>,
  queries: readonly { readonly indexUid: string; readonly body: JsonObject }[],
): Promise<ReadonlyMap<string, RankedIndex>> {
  const known = [...entries].map(async ([uid, entry]) => {
    const own = queries.filter(({ indexUid }) => indexUid === uid);
    const fields = own.flatMap(({ body }) => namedFields(body, entry.settings));
    return [uid, await indexForFields(context, entry, fields)] as const;
  });
  return new Map(await Promise.all(known));
}

function wholeCoverage(entries: ReadonlyMap<string, IndexEntry>): HeaderPair {
  const count = [...entries.values()].reduce((sum, { shardCount }) => sum + shardCount, 0);
  return ['x-miroir-coverage', `${count}/${count}`];
}

function missingIndex(indexUid: string, position: number): OwnRefusal {
  const message = `Inside \`.queries[${position}]\`: ${indexNotFound(indexUid).message}`;
  return { position, error: new MiroirError('index_not_found', message), isOfIndex: true };
}

/**
 * What a node finds wrong with queries on indexes that are nowhere, before it looks for the indexes: any
 * node is as good.
 */
async function refuseUnopened(
  context: RouteContext,
  body: JsonObject,
  missing: readonly OwnRefusal[],
): Promise<FederatedRefusal[]> {
  if (missing.length === 0) return [];
  const positions = missing.map(({ position }) => position);
  const queries = positions.map((position) => (body['queries'] as unknown[])[position]);
  const { facetsByIndex: _facets, ...federation } = body['federation'] as JsonObject;
  const asked = { federation, queries };
  const answer = await askAnyNode(context, {
    method: 'POST',
    path: '/multi-search',
    body: JSON.stringify(asked),
  });
  if (answer.status < 400 || decodeObject(answer.body)['code'] === 'index_not_found') return [];
  return [{ answer, request: { body: asked, indexUid: '', positions, part: 'whole' } }];
}

interface Refusals {
  readonly refusals: readonly FederatedRefusal[];
  readonly own: readonly OwnRefusal[];
  readonly entries: ReadonlyMap<string, IndexEntry>;
  /** The client's queries where nodes were asked others. */
  readonly asked: readonly JsonObject[] | undefined;
}

/** Of several refusals, the one that a single node would have told. */
async function refuse(
  context: RouteContext,
  plan: FederatedPlan,
  found: Refusals,
): Promise<GatewayReply> {
  const answers = found.refusals.map((refusal) => inClientsWords(plan, refusal));
  const words = answers.map(({ body }) => {
    const { code, message } = decodeObject(body);
    return { code: String(code), message: String(message) };
  });
  const first = firstRefusal(plan, words, found.own);
  if (typeof first === 'object') {
    const { code, message } = first.error;
    return jsonReply(context.template, 400, errorBody(code, message));
  }
  const [answer, refusal] = [answers[first ?? 0], found.refusals[first ?? 0]];
  assert(answer !== undefined && refusal !== undefined, 'a refused search has a refusal');
  const { request } = refusal;
  const entry = found.entries.get(request.indexUid);
  if (entry === undefined) return relay(context, answer);
  const body = JSON.stringify(withFilters(request, found.asked));
  const question = { method: 'POST', path: '/multi-search', body } as const;
  const again = found.asked === undefined ? undefined : await askOwner(context, entry, question);
  const named = await withAllNames(context, entry, again ?? refusal.answer, question);
  return relay(context, inClientsWords(plan, { answer: named, request }));
}

/** What a node was asked, with the client's own filters where nodes had been given others. */
function withFilters(
  { body, positions }: FederatedNodeRequest,
  asked: readonly JsonObject[] | undefined,
): JsonObject {
  if (asked === undefined) return body;
  const queries = (body['queries'] as JsonObject[]).map((query, at) => {
    return { ...query, filter: asked[positions[at] ?? at]?.['filter'] };
  });
  return { ...body, queries };
}

interface Refused {
  readonly answer: Answered;
  readonly request: { readonly positions: readonly number[]; readonly indexUid?: string };
}

/** A node counts only the queries it was sent, and names what the user hides. */
function inClientsWords(plan: FederatedPlan, { answer, request }: Refused): Answered {
  const said = decodeObject(answer.body);
  const text = String(said['message']);
  const indexUid = request.indexUid ?? /Index `([^`]+)`: /.exec(text)?.[1] ?? '';
  const message = refusalText(plan, { positions: request.positions, indexUid }, text);
  return { ...answer, body: Buffer.from(JSON.stringify({ ...said, message })) };
}

function metadata(context: RouteContext, plan: FederatedPlan): { metadataJson?: string } {
  const header = context.request.headers.get('meili-include-metadata')?.trim().toLowerCase();
  if (header !== 'true' && header !== '1') return {};
  const list = plan.queries.map(({ indexUid, body }) => {
    const primaryKey = plan.indexes.get(indexUid)?.primaryKey ?? null;
    const query = body['q'];
    return {
      ...(typeof query === 'string' ? { query } : {}),
      queryUid: newRequestUid(Date.now()),
      indexUid,
      ...(primaryKey === null ? {} : { primaryKey }),
    };
  });
  return { metadataJson: JSON.stringify(list) };
}
