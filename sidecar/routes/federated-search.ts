/**
 * POST /multi-search with federation. Each node of the queries' covering sets is sent the federation with
 * the queries on indexes it holds (core/ranking, federated-plan); their lists are then ranked against
 * each other. A node that cannot be asked fails the whole: a hole in one query would shift all ranks.
 */

import { inFilter } from '../../core/filter/index.ts';
import { decodeObject } from '../../core/json/slice.ts';
import type { ShardRead } from '../../core/placement/index.ts';
import {
  cleanMessage,
  type FederatedNodeRequest,
  type FederatedPlan,
  federatedRequest,
  forwardFederated,
  type JsonObject,
  mergeFederated,
  planFederated,
  stripFederated,
} from '../../core/ranking/index.ts';
import { encodeShard, SHARD_FIELD } from '../../core/reserved/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { IndexUid, NodeId } from '../../core/types.ts';
import { mayUseIndex } from '../auth/access.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { type Answered, askNode, outcomeError, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { coveringFor, rankedIndex } from './index-plan.ts';
import { evenQueries } from './known-fields.ts';
import { bytesReply, type HeaderPair } from './reply.ts';
import { refuseReservedNames } from './reserved-names.ts';
import type { ReadTrace } from './trace.ts';
import { findIndex, refuseReservedUid } from './uid.ts';
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
  for (const { indexUid, body: query } of queries) {
    refuseReservedNames(query);
    const entry = findIndex(context.view, indexUid as IndexUid);
    if (entry === undefined || !mayUseIndex(context.access, indexUid)) return undefined;
    entries.set(indexUid, entry);
  }
  const federation = body['federation'] as JsonObject;
  refuseReservedNames({ distinct: federation['distinct'] });
  refuseReservedFacets(federation['facetsByIndex']);
  const indexes = new Map([...entries].map(([uid, entry]) => [uid, rankedIndex(entry)]));
  const even = await evenQueries(context, entries, body['queries']);
  const request = withoutForeignFacets(context, { ...body, queries: even }, entries);
  const plan = planFederated({ body: request, indexes });
  if (plan?.window === undefined || queries.length === 0) return undefined;
  const startedAt = performance.now();
  const { targets, coverage } = chooseNodes(entries, queries, context.trace);
  if (targets === undefined) return undefined;
  const [only] = targets.keys();
  const isOnOne = targets.size === 1 && only !== undefined && context.services.isFollowing();
  if (isOnOne && [...indexes.values()].every((index) => !index.hasSeveralOwners)) {
    const own = forwardFederated(plan, even as JsonObject[]);
    return onOneNode(context, { plan, nodeId: only, body: own, coverage });
  }
  const asked = await Promise.all(
    [...targets].map(([nodeId, reads]) => askFederated(context, { plan, nodeId, reads })),
  );
  const refused = asked.find(({ answer }) => answer.status !== 200);
  if (refused !== undefined) return relay(context, inClientsWords(refused));
  const merged = mergeFederated(
    plan,
    asked.map(({ answer, request }) => ({ body: answer.body, positions: request.positions })),
    {
      processingTimeMs: Math.floor(performance.now() - startedAt),
      requestUid: newRequestUid(Date.now()),
      ...metadata(context, plan),
    },
  );
  context.trace?.merged('', merged, [...targets.keys()]);
  return {
    ...bytesReply(context.template, 200, merged.chunks, [coverage]),
    plan: `federation of ${queries.length} searches, ${asked.length} nodes`,
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
    return relay(context, inClientsWords({ answer: outcome, request: { body, positions } }));
  }
  const stripped = stripFederated(plan, outcome.body);
  return {
    ...bytesReply(context.template, 200, stripped.chunks, [coverage]),
    plan: `federation of ${plan.queries.length} searches, one node`,
  };
}

/**
 * Facets of an index that no query searches count nothing. The node that is asked may not hold it and
 * would not find it; what is nowhere is left for a node to refuse.
 */
function withoutForeignFacets(
  context: RouteContext,
  body: JsonObject,
  entries: ReadonlyMap<string, IndexEntry>,
): JsonObject {
  const federation = body['federation'] as JsonObject;
  const { facetsByIndex } = federation;
  if (typeof facetsByIndex !== 'object' || facetsByIndex === null) return body;
  const kept = Object.entries(facetsByIndex).filter(
    ([uid]) => entries.has(uid) || findIndex(context.view, uid as IndexUid) === undefined,
  );
  return { ...body, federation: { ...federation, facetsByIndex: Object.fromEntries(kept) } };
}

/** Nodes know the marker and would count the gateway's fields: neither is there for a client. */
function refuseReservedFacets(facetsByIndex: unknown): void {
  if (typeof facetsByIndex !== 'object' || facetsByIndex === null) return;
  for (const [uid, facets] of Object.entries(facetsByIndex)) {
    refuseReservedUid(uid);
    refuseReservedNames({ facets });
  }
}

type Reads = ReadonlyMap<string, ShardRead>;

/** What each node answers, by index; undefined if a shard has no readable copy. */
function chooseNodes(
  entries: ReadonlyMap<string, IndexEntry>,
  queries: readonly { readonly indexUid: string; readonly body: JsonObject }[],
  trace: ReadTrace | undefined,
): { targets: ReadonlyMap<NodeId, Reads> | undefined; coverage: HeaderPair } {
  const targets = new Map<NodeId, Map<string, ShardRead>>();
  let shardCount = 0;
  for (const [uid, entry] of entries) {
    const first = queries.find(({ indexUid }) => indexUid === uid);
    const covering = coveringFor(entry, first?.body ?? {});
    const { reads, uncovered } = covering;
    trace?.chose(entry, covering);
    shardCount += entry.shardCount;
    if (uncovered.length > 0) return { targets: undefined, coverage: NO_COVERAGE };
    for (const read of reads) {
      const known = targets.get(read.nodeId) ?? new Map<string, ShardRead>();
      targets.set(read.nodeId, known.set(uid, read));
    }
  }
  return { targets, coverage: ['x-miroir-coverage', `${shardCount}/${shardCount}`] };
}

const NO_COVERAGE: HeaderPair = ['x-miroir-coverage', '0/0'];

interface AskedNode {
  readonly answer: Answered;
  readonly request: FederatedNodeRequest;
}

async function askFederated(
  context: RouteContext,
  target: { readonly plan: FederatedPlan; readonly nodeId: NodeId; readonly reads: Reads },
): Promise<AskedNode> {
  const { plan, nodeId, reads } = target;
  const filters = new Map<string, string>();
  for (const [uid, read] of reads) {
    if (read.isWhole && context.services.isFollowing()) continue;
    filters.set(uid, inFilter(SHARD_FIELD, read.shards.map(encodeShard)));
  }
  const request = federatedRequest(plan, { indexes: new Set(reads.keys()), filters });
  const outcome = await askNode(context, nodeId, {
    method: 'POST',
    path: '/multi-search',
    body: JSON.stringify(request.body),
  });
  if (outcome.kind !== 'answered' || outcome.status >= 500) throw outcomeError(outcome);
  return { answer: outcome, request };
}

/** A node counts only the queries it was sent. */
function inClientsWords({ answer, request }: AskedNode): Answered {
  const said = decodeObject(answer.body);
  const message = cleanMessage(String(said['message']), {}).replace(
    /\.queries\[(\d+)\]/g,
    (_, place: string) => `.queries[${request.positions[Number(place)] ?? place}]`,
  );
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
