/**
 * Turns a client's search body into what the nodes are asked (architecture section 4, contract 4).
 *
 * The body is data: values of a wrong type pass on as they are, so that a node refuses them with its own
 * error. Only lists that the plan must read are rewritten. Each node is asked from offset 0, so that the
 * merge sees every hit that may stand before the window.
 */
import { VERSION_FIELD } from '../reserved/index.ts';
import { type FacetRules, facetRules } from './facets.ts';
import { expandFacets, isFilterable } from './filterable.ts';
import { NEVER_KEYWORDS_ALONE } from './hybrid.ts';
import {
  EVERYTHING,
  isTextArray,
  nodeLists,
  type Projection,
  searchProjection,
  wholeMembers,
} from './projection.ts';
import type { JsonObject, PurposeRequest, RankedIndex } from './types.ts';
import { readHitsTotalMax, readWindow, type SearchWindow } from './window.ts';

/** How a search is asked and merged. A plain value: printing it explains the search. */
export interface SearchPlan {
  /**
   * `merge`: send every request to every node of the covering set. `single`: one node holds all, its
   * answer only needs stripSearch. `needs-vector`: send the one request to one node, then plan again
   * with the `queryVector` of its answer.
   */
  readonly kind: 'merge' | 'single' | 'needs-vector';
  readonly requests: readonly PurposeRequest[];
  /** Undefined if the body's paging is of a wrong type: a node will refuse it. */
  readonly window: SearchWindow | undefined;
  readonly projection: Projection;
  /** Field by which hits are distinct. */
  readonly distinct: string | undefined;
  /** Whether the request names that field: then values are compared as they are written, too. */
  readonly isDistinctAsked: boolean;
  readonly hasThreshold: boolean;
  /** Most hits a node shows: pagination.maxTotalHits. */
  readonly hitsTotalMax: number;
  /** Share of the semantic half; undefined unless both halves are asked. */
  readonly semanticRatio: number | undefined;
  /** Whether nothing but vectors is searched by. */
  readonly isSemantic: boolean;
  /**
   * Whether one node ranks every candidate, and so knows what is above the threshold: in pages, but for
   * the last that maxTotalHits leaves room for, where it stops at so many.
   */
  readonly isRankedWhole: boolean;
  readonly primaryKey: string | null;
  readonly facetRules: FacetRules;
  /** Whether the nodes' facet limits are raised, so that the user's are applied to their answers. */
  readonly hasRaisedFacets: boolean;
  /** Whether hits are sorted by distance, in buckets that must be rebuilt. */
  readonly hasGeoSort: boolean;
  /** Whether words are searched: then scores depend on what each node holds. */
  readonly hasWords: boolean;
  /** Whether nodes rank this search by any rule of the user: else everything is one tie. */
  readonly isPlaceholder: boolean;
  /** Whether the words of a hybrid search are marked in its hits. */
  readonly marksWords: boolean;
}

/** What planSearch works from. */
export interface SearchRequest {
  /** The client's parsed body; for GET the same names and types, read from the query. */
  readonly body: JsonObject;
  readonly index: RankedIndex;
  /** One node in one copy holds all that is asked. */
  readonly isSingleNode?: boolean;
  /** What a `needs-vector` plan brought back. */
  readonly queryVector?: readonly number[];
  /** Nodes cannot embed the query: each then answers a hybrid search with its keyword half alone. */
  readonly isKeywordOnly?: boolean;
}

/** Plans a search. */
export function planSearch(request: SearchRequest): SearchPlan {
  const { index } = request;
  const body = withVector(request);
  const settings = index.settings;
  const hitsTotalMax = readHitsTotalMax(settings);
  const window = readWindow(body, hitsTotalMax);
  const hybrid = request.isKeywordOnly === true ? NOT_HYBRID : readHybrid(body);
  const projection = searchProjection(body, settings);
  const distinct = readDistinct(body, settings);
  const hasThreshold = typeof body['rankingScoreThreshold'] === 'number';
  const shape = {
    window,
    projection,
    distinct,
    isDistinctAsked: typeof body['distinct'] === 'string',
    hitsTotalMax,
    hasThreshold,
    semanticRatio: hybrid.kind === 'both' ? hybrid.ratio : undefined,
    isSemantic: hybrid.kind === 'semantic',
    isRankedWhole: hasThreshold && window?.isPaged === true && window.end < hitsTotalMax,
    primaryKey: index.primaryKey,
    facetRules: facetRules(settings, body['facets']),
    hasRaisedFacets: index.hasSeveralOwners,
    hasGeoSort: hasGeoSort(body),
    hasWords: hybrid.kind !== 'semantic' && hasQuery(body),
    isPlaceholder: isPlaceholderSearch(body, settings, hybrid.kind),
    marksWords:
      hybrid.kind === 'both' &&
      hasQuery(body) &&
      (projection.formatsFor.length > 0 || body['showMatchesPosition'] === true),
  };
  if (request.isSingleNode === true) return singlePlan(body, settings, shape);
  if (hybrid.kind !== 'none' && !isGiven(body['vector'])) {
    const requests: PurposeRequest[] = [{ purpose: 'main', body: vectorRequest(body) }];
    return { ...shape, kind: 'needs-vector', requests };
  }
  return { ...shape, kind: 'merge', requests: mergeRequests(body, index, shape) };
}

type PlanShape = Omit<SearchPlan, 'kind' | 'requests'>;

/** The client's own body, unless the user hides attributes or asks for all facets. */
function singlePlan(body: JsonObject, settings: JsonObject, shape: PlanShape): SearchPlan {
  const { projection } = shape;
  if (projection.displayed === undefined) {
    const own = { ...body, ...facetLists(body, settings) };
    const requests: PurposeRequest[] = [{ purpose: 'main', body: own }];
    return { ...shape, kind: 'single', projection: EVERYTHING, requests };
  }
  const asked = { ...body, ...facetLists(body, settings), ...nodeLists(body, projection, []) };
  return { ...shape, kind: 'single', requests: [{ purpose: 'main', body: asked }] };
}

function mergeRequests(body: JsonObject, index: RankedIndex, shape: PlanShape): PurposeRequest[] {
  const { window, distinct } = shape;
  const main = mainBody(body, index, shape);
  const requests: PurposeRequest[] = [];
  if (shape.semanticRatio === undefined) {
    requests.push({ purpose: 'main', body: main });
  } else {
    const { hybrid: _hybrid, vector: _vector, ...keyword } = main;
    requests.push({ purpose: 'keyword', body: keyword });
    requests.push({ purpose: 'semantic', body: semanticBody(body, main) });
  }
  if (window === undefined) return requests;
  const base = candidateBody(body, index.primaryKey);
  const { rankingScoreThreshold: _threshold, ...open } = base;
  const isSplit = shape.semanticRatio !== undefined;
  const wantsFacets = isTextArray(body['facets']);
  const isPlain = !isSplit || !shape.hasThreshold;
  if (distinct !== undefined && isPlain && isFilterable(distinct, index.settings)) {
    const values = { ...open, facets: [distinct], limit: 0 };
    requests.push({ purpose: 'distinct-values', body: values });
    // A hybrid search for nothing is answered by its keyword half: the semantic half has to be asked.
    if (isSplit) requests.push({ purpose: 'universe-values', body: semanticBody(body, values) });
  }
  // Facets of the distinct field count a document with several values under each of them.
  if (distinct !== undefined && countsDistinct(shape) && !isSplit) {
    requests.push({ purpose: 'distinct-list', body: listToCount(main, shape) });
  }
  if (!shape.hasThreshold) return requests;
  const facets = wantsFacets ? { facets: body['facets'], ...facetLists(body, index.settings) } : {};
  if (isSplit) {
    const hybrid = { ...(body['hybrid'] as JsonObject), semanticRatio: NEVER_KEYWORDS_ALONE };
    // How many neighbours a node finds goes by how many it is asked for, be it only to count them.
    const hitsPerPage = Math.max(1, window.end);
    requests.push({
      purpose: 'union',
      body: { ...base, ...facets, hybrid, page: 1, hitsPerPage },
    });
  }
  const counted = { ...open, ...facets, limit: 0 };
  if (!isSplit) requests.push({ purpose: 'no-threshold', body: counted });
  else if (!window.isPaged) {
    requests.push({ purpose: 'universe', body: semanticBody(body, counted) });
  }
  return requests;
}

/** All hits of a node, as long as they are counted as one node does. */
function listToCount(main: JsonObject, shape: PlanShape): JsonObject {
  const {
    facets: _facets,
    attributesToHighlight: _marks,
    attributesToCrop: _crops,
    rankingScoreThreshold,
    ...list
  } = main;
  // Asked for as many hits as it may show, a node would rank no more, and take nothing off behind them.
  return shape.isRankedWhole
    ? { ...list, rankingScoreThreshold, page: 1, hitsPerPage: shape.hitsTotalMax - 1 }
    : { ...list, page: 1, hitsPerPage: shape.hitsTotalMax };
}

/** Whether one node makes all candidates distinct to count them; of vectors alone it never does. */
export function countsDistinct(plan: Omit<SearchPlan, 'kind' | 'requests'>): boolean {
  return plan.window?.isPaged === true && (!plan.isSemantic || plan.isRankedWhole);
}

/**
 * What nodes are asked for the semantic half. A node takes words that the query excludes off that half too,
 * but not if it is asked for it alone: then both are asked, twice as many, and the merge drops keyword hits.
 */
function semanticBody(body: JsonObject, asked: JsonObject): JsonObject {
  const isAlone = !excludesWords(body);
  const semanticRatio = isAlone ? 1 : NEVER_KEYWORDS_ALONE;
  const hybrid = { ...(body['hybrid'] as JsonObject), semanticRatio };
  if (isAlone) return { ...asked, hybrid };
  const { limit, hitsPerPage } = asked;
  return {
    ...asked,
    hybrid,
    ...(typeof limit === 'number' ? { limit: twice(limit) } : {}),
    ...(typeof hitsPerPage === 'number' ? { hitsPerPage: twice(hitsPerPage) } : {}),
  };
}

/** A hybrid search for nothing would be answered by its keyword half alone. */
function twice(count: number): number {
  return Math.max(1, 2 * count);
}

/** Whether a query may exclude words or phrases. */
function excludesWords({ q }: JsonObject): boolean {
  return typeof q === 'string' && /(?:^|\s)-\S/.test(q);
}

/** Whether a query does nothing but exclude: to the engine it has no words then. */
function excludesAlone({ q }: JsonObject): boolean {
  if (typeof q !== 'string' || !excludesWords({ q })) return false;
  const words = q.replaceAll(/-"[^"]*"?/g, ' ').trim();
  return words === '' || words.split(/\s+/).every((word) => word.startsWith('-'));
}

function mainBody(body: JsonObject, index: RankedIndex, shape: PlanShape): Record<string, unknown> {
  const { window, projection, distinct, semanticRatio } = shape;
  const needed: string[] = [VERSION_FIELD, ...wholeMembers(projection, index)];
  if (distinct !== undefined) needed.push(distinct);
  if (shape.hasGeoSort) needed.push('_geo');
  if (semanticRatio !== undefined && index.primaryKey !== null) needed.push(index.primaryKey);
  const main: Record<string, unknown> = {
    ...body,
    ...facetLists(body, index.settings),
    ...nodeLists(body, projection, needed),
    showRankingScoreDetails: orRefused(body['showRankingScoreDetails'], true),
    showRankingScore: orRefused(
      body['showRankingScore'],
      projection.keepsScore || semanticRatio !== undefined,
    ),
  };
  if (window === undefined) return main;
  if (window.isPaged) return { ...main, page: 1, hitsPerPage: window.end };
  return { ...main, offset: 0, limit: window.end };
}

/** Our own value, unless the client's is of a wrong type. */
function orRefused(value: unknown, own: boolean): unknown {
  return value === undefined || typeof value === 'boolean' ? own : value;
}

/** Parameters that decide which documents are candidates. */
const CANDIDATE_PARAMETERS = [
  'q',
  'filter',
  'matchingStrategy',
  'attributesToSearchOn',
  'locales',
  'hybrid',
  'vector',
  'media',
  'rankingScoreThreshold',
] as const;

function candidateBody(body: JsonObject, primaryKey: string | null): Record<string, unknown> {
  const base: Record<string, unknown> = {};
  for (const name of CANDIDATE_PARAMETERS) {
    if (body[name] !== undefined) base[name] = body[name];
  }
  base['attributesToRetrieve'] = primaryKey === null ? [] : [primaryKey];
  return base;
}

function facetLists(body: JsonObject, settings: JsonObject): { facets?: readonly string[] } {
  const facets = body['facets'];
  return isTextArray(facets) && facets.includes('*')
    ? { facets: expandFacets(facets, settings) }
    : {};
}

function readDistinct(body: JsonObject, settings: JsonObject): string | undefined {
  const distinct = body['distinct'] ?? settings['distinctAttribute'];
  return typeof distinct === 'string' ? distinct : undefined;
}

function hasGeoSort(body: JsonObject): boolean {
  const sort = body['sort'];
  return isTextArray(sort) && sort.some((rule) => rule.trimStart().startsWith('_geoPoint('));
}

/** How much of a search goes by vectors. */
export interface HybridShape {
  readonly kind: 'none' | 'semantic' | 'both';
  readonly ratio: number;
}

const NOT_HYBRID: HybridShape = { kind: 'none', ratio: 0 };

const SEMANTIC_RATIO_DEFAULT = 0.5;

/** The engine's own choice of search kind (its routes/indexes/search.rs, search_kind). */
export function readHybrid(body: JsonObject): HybridShape {
  const hybrid = body['hybrid'];
  if (typeof hybrid !== 'object' || hybrid === null || Array.isArray(hybrid)) return NOT_HYBRID;
  const given = (hybrid as JsonObject)['semanticRatio'];
  const ratio = given === undefined ? SEMANTIC_RATIO_DEFAULT : given;
  if (typeof ratio !== 'number' || ratio <= 0 || ratio > 1) return NOT_HYBRID;
  const isAsked = hasQuery(body);
  if (!isAsked && !isGiven(body['vector']) && !isGiven(body['media'])) return NOT_HYBRID;
  return {
    kind: ratio === 1 || (!isAsked && !isGiven(body['media'])) ? 'semantic' : 'both',
    ratio,
  };
}

function withVector(request: SearchRequest): JsonObject {
  if (request.queryVector === undefined) return request.body;
  const { media: _media, ...body } = request.body;
  return { ...body, vector: request.queryVector };
}

/** Asks one node to embed the query: its answer's `queryVector`. */
function vectorRequest(body: JsonObject): JsonObject {
  const hybrid = { ...(body['hybrid'] as JsonObject), semanticRatio: 1 };
  return { q: body['q'], media: body['media'], hybrid, limit: 0, retrieveVectors: true };
}

function isPlaceholderSearch(body: JsonObject, settings: JsonObject, hybrid: string): boolean {
  if (hybrid !== 'none') return false;
  if (hasQuery(body) && !excludesAlone(body)) return false;
  const sort = body['sort'];
  if (isTextArray(sort) && sort.length > 0) return false;
  const rules = settings['rankingRules'];
  return !isTextArray(rules) || !rules.some((rule) => /:(asc|desc)$/.test(rule));
}

/** Whether a body brings words to search for. */
export function hasQuery(body: JsonObject): boolean {
  const query = body['q'];
  return typeof query === 'string' && query.trim() !== '';
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
