/**
 * Facets that a federated search asks of an index none of its queries searches: they count nothing, yet
 * a node looks whether they could be counted, after everything else. The nodes of the queries may not
 * hold the index, so a node that does is asked.
 */
import { type ErrorCode, errorBody, MiroirError } from '../../core/errors.ts';
import { inFilter } from '../../core/filter/index.ts';
import { decodeObject, MalformedAnswer } from '../../core/json/slice.ts';
import {
  canFacetOrdersDiffer,
  cleanMessage,
  compareUtf8,
  FacetOrders,
  type FederatedPlan,
  type JsonObject,
  type MergedFacetIndex,
  type OwnRefusal,
  refusableFacets,
  withoutMark,
} from '../../core/ranking/index.ts';
import { isReservedName, SHARD_FIELD } from '../../core/reserved/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { IndexUid } from '../../core/types.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { coverFor } from './copies.ts';
import { fanOut } from './fan-out.ts';
import { indexPath } from './missing-index.ts';
import { askOwner } from './refusal.ts';
import { jsonReply } from './reply.ts';
import { findIndex, indexNotFound, isIndexUid } from './uid.ts';

/** Whether a node would refuse such facets as it reads the body. */
export function hasUnreadableFacets(body: JsonObject): boolean {
  const { facetsByIndex } = body['federation'] as JsonObject;
  if (facetsByIndex === undefined) return false;
  if (!isObject(facetsByIndex)) return true;
  return Object.entries(facetsByIndex).some(([uid, facets]) => {
    return !isIndexUid(uid) || !(facets === null || isTextArray(facets));
  });
}

/** The body without such facets. */
export function withoutForeignFacets(
  body: JsonObject,
  entries: ReadonlyMap<string, IndexEntry>,
): JsonObject {
  const federation = body['federation'] as JsonObject;
  const { facetsByIndex } = federation;
  if (!isObject(facetsByIndex)) return body;
  const kept = Object.entries(facetsByIndex).filter(([uid]) => entries.has(uid));
  return { ...body, federation: { ...federation, facetsByIndex: Object.fromEntries(kept) } };
}

/**
 * The refusal of facets that are to be merged and have two orders, among the indexes that are searched;
 * undefined if they agree.
 */
export async function facetOrderRefusal(
  context: RouteContext,
  plan: FederatedPlan,
  entries: ReadonlyMap<string, IndexEntry>,
): Promise<OwnRefusal | undefined> {
  const indexes = mergedIndexes(plan.federation, (uid) => entries.get(uid));
  if (indexes.length < 2 || !canFacetOrdersDiffer(indexes)) return undefined;
  const orders = new FacetOrders();
  for (const index of indexes) {
    const conflict = orders.conflict(index, await seenFields(context, index));
    if (conflict === undefined) continue;
    const position = plan.queries.findIndex(({ indexUid }) => indexUid === index.uid);
    const message = `Inside \`.queries[${position}]\`: ${conflict}`;
    const error = new MiroirError('invalid_multi_search_facet_order', message);
    return { position, error, isOfIndex: true };
  }
  return undefined;
}

/**
 * The refusal of facets of indexes that are not searched, in the order of their names; undefined if there
 * is none. Those that are to be merged must also agree with the others in their order.
 */
export async function refuseForeignFacets(
  context: RouteContext,
  plan: FederatedPlan,
  body: JsonObject,
): Promise<GatewayReply | undefined> {
  const federation = body['federation'] as JsonObject;
  const { facetsByIndex } = federation;
  if (!isObject(facetsByIndex)) return undefined;
  const foreign = Object.keys(facetsByIndex).filter((uid) => !plan.indexes.has(uid));
  if (foreign.length === 0) return undefined;
  const entryOf = (uid: string) => findIndex(context.view, uid as IndexUid);
  const merged = mergedIndexes(federation, entryOf);
  const orders = new FacetOrders();
  const isCompared = canFacetOrdersDiffer(merged);
  for (const index of isCompared ? merged : []) {
    if (plan.indexes.has(index.uid)) orders.conflict(index, await seenFields(context, index));
  }
  for (const uid of foreign.sort(compareUtf8)) {
    const entry = entryOf(uid);
    if (entry === undefined) {
      const message = `Inside \`.federation.facetsByIndex.${uid}\`: ${indexNotFound(uid).message}`;
      return refused(context, 'index_not_found', message + noteOf(uid));
    }
    const index = isCompared ? merged.find((one) => one.uid === uid) : undefined;
    const fields = index === undefined ? [] : await seenFields(context, index);
    const conflict = index === undefined ? undefined : orders.conflict(index, fields);
    if (conflict !== undefined) {
      return refused(context, 'invalid_multi_search_facet_order', conflict + noteOf(uid));
    }
    const refusal = await refusalOf(context, entry, facetsByIndex[uid]);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

interface SeenIndex extends MergedFacetIndex {
  readonly entry: IndexEntry;
}

/** The indexes whose facets are to be merged, by name. */
function mergedIndexes(
  federation: JsonObject,
  entryOf: (uid: string) => IndexEntry | undefined,
): SeenIndex[] {
  const { facetsByIndex, mergeFacets } = federation;
  if (!isObject(mergeFacets) || !isObject(facetsByIndex)) return [];
  const found: SeenIndex[] = [];
  for (const uid of Object.keys(facetsByIndex).sort(compareUtf8)) {
    const entry = entryOf(uid);
    const facets = facetsByIndex[uid];
    if (entry === undefined || !isTextArray(facets)) continue;
    found.push({ uid, settings: entry.settings, facets, entry });
  }
  return found;
}

const noteOf = (uid: string) => `\n - Note: index \`${uid}\` is not used in queries`;

function refused(context: RouteContext, code: ErrorCode, message: string): GatewayReply {
  return jsonReply(context.template, 400, errorBody(code, message));
}

/** What a node that holds the index says of facets that no query needs. */
async function refusalOf(
  context: RouteContext,
  entry: IndexEntry,
  facets: unknown,
): Promise<GatewayReply | undefined> {
  const { uid, settings } = entry;
  const list = isTextArray(facets) ? refusableFacets(facets, settings) : facets;
  const answer = await askOwner(context, entry, {
    method: 'POST',
    path: '/multi-search',
    body: JSON.stringify({ federation: { facetsByIndex: { [uid]: list } }, queries: [] }),
  });
  if (answer === undefined) return undefined;
  const said = decodeObject(answer.body);
  const message = withoutMark(cleanMessage(String(said['message']), settings));
  return relay(context, { ...answer, body: Buffer.from(JSON.stringify({ ...said, message })) });
}

/** The fields that the facets stand for and that some node has seen; none if a node refuses them. */
async function seenFields(context: RouteContext, index: SeenIndex): Promise<string[]> {
  const { entry, facets } = index;
  const body = {
    limit: 0,
    filter: inFilter(SHARD_FIELD, ['']),
    facets: refusableFacets(facets, entry.settings),
  };
  const plan = {
    entry,
    path: indexPath(entry.uid, 'search'),
    requests: [{ purpose: 'fields', body }],
    covering: coverFor(context, entry),
    token: context.view.internalKey,
  };
  const result = await fanOut(context, plan, (answers) =>
    (answers.get('fields') ?? []).flatMap((bytes) => {
      const { facetDistribution } = decodeObject(bytes);
      if (!isObject(facetDistribution)) throw new MalformedAnswer('no facets');
      return Object.keys(facetDistribution);
    }),
  );
  if (result.kind === 'refused') return [];
  const names = new Set(result.merged.filter((name) => !isReservedName(name)));
  return [...names].sort(compareUtf8);
}

function isTextArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
