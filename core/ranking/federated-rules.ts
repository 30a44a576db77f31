/**
 * Which queries of a federated search can be ranked against each other, by the user's rules and by those
 * that nodes have: where several nodes share an index, their rules end with an order of writes.
 */
import { DEFAULT_RANKING_RULES, VERSION_RANKING_RULE } from '../settings/shape.ts';
import { isRelevancy, type RankedBy, type SortRule } from './canonical-rules.ts';
import {
  areOfUnequalLength,
  findIncompatible,
  type Incompatible,
  type PlacedRules,
} from './compatible-rules.ts';
import type { FederatedPlan, FederatedQuery } from './federated-plan.ts';
import { compareUtf8 } from './normalize.ts';
import { hasQuery, readHybrid } from './plan-search.ts';
import { isTextArray } from './projection.ts';
import type { JsonObject, RankedIndex } from './types.ts';

/** How a query ranks. */
export function rankedBy(body: JsonObject): RankedBy {
  if (readHybrid(body).kind === 'semantic') return 'vector';
  return hasQuery(body) ? 'keyword' : 'placeholder';
}

/**
 * The first query that a single node would refuse to compare with those before it: it takes index after
 * index in the order of their names. Undefined if it would take all, or stop at a rule of `sort` first.
 */
export function firstIncompatible(plan: FederatedPlan): Incompatible | undefined {
  const rules: PlacedRules[] = [];
  for (const uid of [...plan.indexes.keys()].sort(compareUtf8)) {
    const index = plan.indexes.get(uid) as RankedIndex;
    for (const [position, query] of plan.queries.entries()) {
      if (query.indexUid !== uid) continue;
      const placed = placedRules(index, query, position);
      if (placed === undefined) return findIncompatible(rules);
      rules.push(placed);
    }
  }
  return findIncompatible(rules);
}

/**
 * Whether queries on one index must be asked of nodes one by one: where nodes would refuse to compare them,
 * or compare them amiss, merely by their own last rule. Without words many documents tie, and that rule
 * would order them before the queries' places do.
 */
export function areApartOnNodes(plan: FederatedPlan, index: RankedIndex): boolean {
  if (!index.hasSeveralOwners) return false;
  const rules: PlacedRules[] = [];
  for (const [position, query] of plan.queries.entries()) {
    if (query.indexUid !== index.uid) continue;
    const placed = placedRules(index, query, position);
    if (placed === undefined) return false;
    const criteria = [...placed.rules.criteria, VERSION_RANKING_RULE];
    rules.push({ ...placed, rules: { ...placed.rules, criteria } });
  }
  if (findIncompatible(rules) !== undefined || areOfUnequalLength(rules)) return true;
  return rules.length > 1 && rules.every((one) => one.rules.rankedBy === 'placeholder');
}

/** Whether what a query sorts by ranks before its words. */
export function isSortedFirst({ settings }: RankedIndex): boolean {
  return criteriaOf(settings).find((rule) => rule === 'sort' || isRelevancy(rule)) === 'sort';
}

function criteriaOf({ rankingRules }: JsonObject): readonly string[] {
  return isTextArray(rankingRules) ? rankingRules : DEFAULT_RANKING_RULES;
}

/** Undefined if `sort` cannot be read: a node refuses it. */
function placedRules(
  index: RankedIndex,
  query: FederatedQuery,
  position: number,
): PlacedRules | undefined {
  const { body } = query;
  const given = body['sort'] ?? undefined;
  const sort = given === undefined ? undefined : readSort(given);
  if (given !== undefined && sort === undefined) return undefined;
  return {
    position,
    indexUid: index.uid,
    rules: {
      criteria: criteriaOf(index.settings),
      sort,
      matchesAll: body['matchingStrategy'] === 'all',
      rankedBy: rankedBy(body),
    },
  };
}

const SORT_RULE = /^(.*):(asc|desc)$/s;
const GEO_POINT = /^_geoPoint\([^,]*,[^,]*\)$/;
const RESERVED_SORT = /^(?:_geo|_geoDistance|_geo(?:Radius|BoundingBox|Distance|Point)?\(.*)$/s;

function readSort(given: unknown): SortRule[] | undefined {
  if (!isTextArray(given)) return undefined;
  const rules: SortRule[] = [];
  for (const text of given) {
    const found = SORT_RULE.exec(text);
    if (found === null) return undefined;
    const name = found[1] ?? '';
    const isGeo = GEO_POINT.test(name);
    if (!isGeo && RESERVED_SORT.test(name)) return undefined;
    const direction = found[2] === 'desc' ? 'desc' : 'asc';
    rules.push({ field: isGeo ? undefined : name, direction });
  }
  return rules;
}
