/**
 * Plans a federated multi-search (contract 4.1, 4.2): every node is sent the federation itself, with the
 * queries on indexes it holds, so that unions of candidates over the queries are counted by the nodes;
 * the gateway ranks the nodes' lists against each other.
 */
import { composeFilter } from '../filter/compose.ts';
import { VERSION_FIELD } from '../reserved/index.ts';
import { expandFacets } from './filterable.ts';
import { isTextArray, nodeLists, type Projection, searchProjection } from './projection.ts';
import type { JsonObject, RankedIndex } from './types.ts';
import { readHitsTotalMax, readWindow, type SearchWindow } from './window.ts';

/** One query of the federation. */
export interface FederatedQuery {
  readonly indexUid: string;
  readonly weight: number;
  readonly projection: Projection;
  /** Field by which the hits of this query are distinct: its own, else the index's. */
  readonly distinct: string | undefined;
  /** As nodes are asked, without internal filter. */
  readonly body: JsonObject;
}

/** How a federated search is asked and merged. */
export interface FederatedPlan {
  /** Undefined if the paging is of a wrong type: a node will refuse it. */
  readonly window: SearchWindow | undefined;
  readonly queries: readonly FederatedQuery[];
  readonly indexes: ReadonlyMap<string, RankedIndex>;
  /** Most hits of each index. */
  readonly hitsTotalMax: ReadonlyMap<string, number>;
  readonly federation: JsonObject;
  readonly distinct: string | undefined;
  /** Present if facets of all indexes become one list. */
  readonly mergeFacets: { readonly valuesMax: number | undefined } | undefined;
}

/** What planFederated works from. */
export interface FederatedRequest {
  readonly body: JsonObject;
  /** Every index that a query names; a query on another is for a node to refuse. */
  readonly indexes: ReadonlyMap<string, RankedIndex>;
}

/** What one node is asked, and which of the client's queries they are. */
export interface FederatedNodeRequest {
  readonly body: JsonObject;
  /** Place among the client's queries of each query sent. */
  readonly positions: readonly number[];
}

/** Plans a federated search; undefined if the body is not one that can be read. */
export function planFederated(request: FederatedRequest): FederatedPlan | undefined {
  const { body, indexes } = request;
  const federation = body['federation'];
  const wanted = body['queries'];
  if (!isObject(federation) || !Array.isArray(wanted)) return undefined;
  const distinct = federation['distinct'];
  const queries: FederatedQuery[] = [];
  for (const query of wanted as unknown[]) {
    const read = isObject(query) ? readQuery(query, indexes, distinct) : undefined;
    if (read === undefined) return undefined;
    queries.push(read);
  }
  const merge = federation['mergeFacets'];
  if (!isMergeOfFacets(merge)) return undefined;
  const valuesMax = isObject(merge) ? merge['maxValuesPerFacet'] : undefined;
  return {
    window: readWindow(federation, Number.MAX_SAFE_INTEGER),
    queries,
    indexes,
    hitsTotalMax: new Map(
      [...indexes].map(([uid, index]) => [uid, readHitsTotalMax(index.settings)]),
    ),
    federation,
    distinct: typeof distinct === 'string' ? distinct : undefined,
    mergeFacets: isObject(merge)
      ? { valuesMax: typeof valuesMax === 'number' ? valuesMax : undefined }
      : undefined,
  };
}

/** Nodes are not sent this member, so what they would refuse is found here. */
function isMergeOfFacets(merge: unknown): boolean {
  if (merge === undefined || merge === null) return true;
  if (!isObject(merge)) return false;
  const { maxValuesPerFacet = null, ...others } = merge;
  const isCount = Number.isSafeInteger(maxValuesPerFacet) && (maxValuesPerFacet as number) >= 0;
  return Object.keys(others).length === 0 && (maxValuesPerFacet === null || isCount);
}

function readQuery(
  query: JsonObject,
  indexes: ReadonlyMap<string, RankedIndex>,
  distinct: unknown,
): FederatedQuery | undefined {
  const indexUid = query['indexUid'];
  const index = typeof indexUid === 'string' ? indexes.get(indexUid) : undefined;
  if (index === undefined) return undefined;
  const options = query['federationOptions'];
  const weight = isObject(options) ? options['weight'] : undefined;
  const projection = searchProjection(query, index.settings);
  const own = query['distinct'] ?? index.settings['distinctAttribute'];
  const needed = [VERSION_FIELD];
  for (const field of [distinct, own]) if (typeof field === 'string') needed.push(field);
  if (isTextArray(query['sort']) && query['sort'].some((rule) => rule.includes('_geoPoint('))) {
    needed.push('_geo');
  }
  const lists = nodeLists(query, projection, needed);
  const shows = query['showRankingScoreDetails'];
  return {
    indexUid: index.uid,
    weight: typeof weight === 'number' ? weight : 1,
    projection,
    distinct: typeof own === 'string' ? own : undefined,
    body: {
      ...query,
      ...lists,
      ...(shows === undefined || typeof shows === 'boolean'
        ? { showRankingScoreDetails: true, showRankingScore: true }
        : {}),
    },
  };
}

/**
 * What a node is asked: the queries on the indexes it is to answer, with an internal filter where it
 * holds more of an index than it is asked for.
 */
export function federatedRequest(
  plan: FederatedPlan,
  node: {
    readonly indexes: ReadonlySet<string>;
    readonly filters?: ReadonlyMap<string, string>;
  },
): FederatedNodeRequest {
  const positions: number[] = [];
  const queries: JsonObject[] = [];
  for (const [position, query] of plan.queries.entries()) {
    if (!node.indexes.has(query.indexUid)) continue;
    const filter = node.filters?.get(query.indexUid);
    positions.push(position);
    queries.push(
      filter === undefined
        ? query.body
        : { ...query.body, filter: composeFilter(query.body['filter'], filter) },
    );
  }
  return { positions, body: { federation: nodeFederation(plan, node.indexes), queries } };
}

function nodeFederation(plan: FederatedPlan, indexes: ReadonlySet<string>): JsonObject {
  const { federation, window } = plan;
  // Facets are merged here, by each index's own rules first.
  const { mergeFacets: _merge, ...asked } = federation;
  const facets = federation['facetsByIndex'];
  const facetsByIndex = isObject(facets)
    ? { facetsByIndex: nodeFacets(facets, plan.indexes, indexes) }
    : {};
  if (window === undefined) return { ...federation, ...facetsByIndex };
  const paging = window.isPaged
    ? { page: 1, hitsPerPage: window.end }
    : { offset: 0, limit: window.end };
  return { ...asked, ...facetsByIndex, ...paging };
}

/** The federation for a node that holds everything. */
export function forwardedFederation(plan: FederatedPlan): JsonObject {
  const { federation } = plan;
  const facets = federation['facetsByIndex'];
  if (!isObject(facets)) return federation;
  const uids = new Set(plan.indexes.keys());
  return { ...federation, facetsByIndex: nodeFacets(facets, plan.indexes, uids) };
}

function nodeFacets(
  facets: JsonObject,
  known: ReadonlyMap<string, RankedIndex>,
  indexes: ReadonlySet<string>,
): JsonObject {
  const asked: Record<string, unknown> = {};
  for (const [uid, list] of Object.entries(facets)) {
    const index = known.get(uid);
    // An index that no query names is for a node to refuse.
    if (index !== undefined && !indexes.has(uid)) continue;
    asked[uid] =
      index !== undefined && isTextArray(list) ? expandFacets(list, index.settings) : list;
  }
  return asked;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
