/**
 * Plans a federated multi-search (contract 4.1, 4.2): every node is sent the federation itself, with the
 * queries on indexes it holds, so that unions of candidates over the queries are counted by the nodes;
 * the gateway ranks the nodes' lists against each other.
 */
import { composeFilter } from '../filter/compose.ts';
import { VERSION_FIELD } from '../reserved/index.ts';
import { VERSION_RANKING_RULE } from '../settings/shape.ts';
import { areApartOnNodes, isSortedFirst, rankedBy } from './federated-rules.ts';
import { refusableFacets } from './filterable.ts';
import {
  isTextArray,
  nodeLists,
  type Projection,
  searchProjection,
  wholeMembers,
} from './projection.ts';
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
  /** Indexes that are nowhere: their queries are read and asked of nobody. */
  readonly missing?: ReadonlySet<string>;
}

/** What one node is asked of one index, and which of the client's queries they are. */
export interface FederatedNodeRequest {
  readonly body: JsonObject;
  readonly indexUid: string;
  /** Place among the client's queries of each query sent. */
  readonly positions: readonly number[];
  /** What its answer is for: everything, or one of two things that cannot be had in one request. */
  readonly part: 'whole' | 'hits' | 'counts';
}

/** Plans a federated search; undefined if the body is not one that can be read. */
export function planFederated(request: FederatedRequest): FederatedPlan | undefined {
  const { body, indexes, missing } = request;
  const known = new Map(indexes);
  for (const uid of missing ?? []) {
    known.set(uid, { uid, primaryKey: null, settings: {}, hasSeveralOwners: false });
  }
  const federation = body['federation'];
  const wanted = body['queries'];
  if (!isObject(federation) || !Array.isArray(wanted)) return undefined;
  const distinct = federation['distinct'];
  const queries: FederatedQuery[] = [];
  for (const query of wanted as unknown[]) {
    const read = isObject(query) ? readQuery(query, known, federation) : undefined;
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
  federation: JsonObject,
): FederatedQuery | undefined {
  const { distinct } = federation;
  const indexUid = query['indexUid'];
  const index = typeof indexUid === 'string' ? indexes.get(indexUid) : undefined;
  if (index === undefined) return undefined;
  const options = query['federationOptions'];
  const weight = isObject(options) ? options['weight'] : undefined;
  const projection = searchProjection(query, index.settings);
  const own = query['distinct'] ?? index.settings['distinctAttribute'];
  const needed = [VERSION_FIELD, ...wholeMembers(projection, index)];
  for (const field of [distinct, own]) if (typeof field === 'string') needed.push(field);
  if (typeof distinct === 'string') needed.push(...facetFields(federation, index));
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

/** The fields that facets count: a document that is rejected later is taken off them. */
function facetFields(federation: JsonObject, index: RankedIndex): readonly string[] {
  const facets = federation['facetsByIndex'];
  const own = isObject(facets) ? facets[index.uid] : undefined;
  if (!isTextArray(own)) return [];
  return own.some((facet) => facet.startsWith('*') || facet.endsWith('*')) ? ['*'] : own;
}

/**
 * What a node is asked of one index, with an internal filter where it holds more of it than it is asked
 * for. One request for each index, as a node too ranks each index by itself first. Where nodes would
 * refuse to compare the queries, each goes by itself, and all together without a rank to be counted; also
 * where what one leaves out may come in by another.
 */
export function federatedRequests(
  plan: FederatedPlan,
  index: RankedIndex,
  filter?: string,
): FederatedNodeRequest[] {
  const indexUid = index.uid;
  const positions: number[] = [];
  const queries: JsonObject[] = [];
  for (const [position, query] of plan.queries.entries()) {
    if (query.indexUid !== indexUid) continue;
    const { body } = query;
    positions.push(position);
    queries.push(
      filter === undefined ? body : { ...body, filter: composeFilter(body['filter'], filter) },
    );
  }
  const federation = nodeFederation(plan, index);
  const isRankedApart = areApartOnNodes(plan, index);
  const isApart = isRankedApart || (index.hasSeveralOwners && isDistinctApart(plan, positions));
  if (positions.length < 2 || !isApart) {
    return [{ indexUid, positions, part: 'whole', body: { federation, queries } }];
  }
  const { facetsByIndex: _facets, ...own } = federation;
  const nothing = plan.window?.isPaged === true ? { page: 0 } : { limit: 0 };
  // Under distinct a node takes off what it comes upon, up to the window's end.
  const isDistinct = positions.some((at) => isDistinctQuery(plan, plan.queries[at]));
  const counted = isDistinct ? {} : nothing;
  return [
    ...positions.map((position, at): FederatedNodeRequest => {
      const body = { federation: own, queries: [queries[at]] };
      return { indexUid, positions: [position], part: 'hits', body };
    }),
    {
      indexUid,
      positions,
      part: 'counts',
      body: {
        federation: { ...federation, ...counted },
        queries: isRankedApart ? withoutRank(index, queries) : queries,
      },
    },
  ];
}

/**
 * Whether a query lists one document for each value where the federation need not: a document that it leaves
 * out here, for one of another node, may come in by another query, and its node shows it by one only.
 */
function isDistinctApart(plan: FederatedPlan, positions: readonly number[]): boolean {
  return (
    plan.distinct === undefined && positions.some((at) => isDistinctQuery(plan, plan.queries[at]))
  );
}

function isDistinctQuery(plan: FederatedPlan, query: FederatedQuery | undefined): boolean {
  return (plan.distinct ?? query?.distinct) !== undefined;
}

/** To the engine a query of separators alone is none, yet it compares with queries that have words. */
const WORDLESS = '\u2290';

/** The queries as they are counted: the same documents, ranked by rules that all of them share. */
function withoutRank(index: RankedIndex, queries: readonly JsonObject[]): JsonObject[] {
  const words = queries.find((body) => rankedBy(body) === 'keyword');
  // A query of which all words must match has no `words`: a sort that is common to all comes first, if it may.
  const common = isSortedFirst(index) ? { sort: [VERSION_RANKING_RULE] } : {};
  return queries.map(({ sort: _sort, ...rest }) => {
    const query = { ...rest, ...common };
    if (words === undefined || rankedBy(rest) !== 'placeholder') return query;
    // Of nothing all words match, by whatever strategy; but the rules depend on it.
    return { ...query, q: WORDLESS, matchingStrategy: words['matchingStrategy'] ?? 'last' };
  });
}

function nodeFederation(plan: FederatedPlan, index: RankedIndex): JsonObject {
  const { federation, window } = plan;
  // Facets are merged here, by each index's own rules first.
  const { mergeFacets: _merge, facetsByIndex, ...asked } = federation;
  const own = isObject(facetsByIndex) ? facetsByIndex[index.uid] : undefined;
  const facets =
    own === undefined ? {} : { facetsByIndex: { [index.uid]: facetsOf(own, index.settings) } };
  if (window === undefined) return { ...federation, ...facets };
  const paging = window.isPaged
    ? { page: 1, hitsPerPage: window.end }
    : { offset: 0, limit: window.end };
  return { ...asked, ...facets, ...paging };
}

function facetsOf(list: unknown, settings: JsonObject): unknown {
  return isTextArray(list) ? refusableFacets(list, settings) : list;
}

/** The federation for a node that holds everything. */
export function forwardedFederation(plan: FederatedPlan): JsonObject {
  const { federation } = plan;
  const facets = federation['facetsByIndex'];
  if (!isObject(facets)) return federation;
  const asked = Object.entries(facets).map(([uid, list]) => {
    return [uid, facetsOf(list, plan.indexes.get(uid)?.settings ?? {})] as const;
  });
  return { ...federation, facetsByIndex: Object.fromEntries(asked) };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
