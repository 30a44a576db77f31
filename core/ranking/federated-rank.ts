/**
 * The order of a federated search, in the two steps of a node. First each index by itself: its queries'
 * lists become one, in which a document stands once and, under distinct, a value once. Then the indexes'
 * lists become one. An index on one node comes in order from there; the lists of several nodes are put
 * together here, rule by rule, the earlier query and then the older document first among equals.
 */
import { decodeNumber } from '../json/slice.ts';
import { DistinctFilter } from './distinct.ts';
import type { RankedHit, ReadAnswer } from './federated-answer.ts';
import { FederatedDistinct } from './federated-distinct.ts';
import type { FederatedPlan, FederatedQuery } from './federated-plan.ts';
import { HeadMerge, mergeHeads } from './heads.ts';
import { compareByRules, compareVersions } from './hits.ts';
import { compareUtf8 } from './normalize.ts';
import type { RankedIndex } from './types.ts';
import { compareWeighted, type WeightedValue, weightedValues } from './weighted.ts';

/** The first hits, and those left out under distinct. */
export interface FederatedRanking {
  readonly hits: readonly RankedHit[];
  /** Left out within their index, on other nodes than the hit that has their value. */
  readonly rejectedInIndex: readonly RankedHit[];
  /** Left out for a hit of another index. */
  readonly rejected: readonly RankedHit[];
}

/** Ranks the hits of all answers and takes the first `count`. */
export function rankFederated(
  plan: FederatedPlan,
  answers: readonly ReadAnswer[],
  count: number,
): FederatedRanking {
  const rejectedInIndex: RankedHit[] = [];
  const lists: (readonly RankedHit[])[] = [];
  for (const uid of [...plan.indexes.keys()].sort(compareUtf8)) {
    const index = plan.indexes.get(uid) as RankedIndex;
    const own = answers.filter(({ indexUid }) => indexUid === uid).map(({ hits }) => hits);
    const most = Math.min(count, plan.hitsTotalMax.get(uid) ?? count);
    if (!index.hasSeveralOwners) lists.push((own[0] ?? []).slice(0, most));
    else lists.push(rankIndex(plan, own, { uid, most, rejected: rejectedInIndex }));
  }
  if (plan.distinct === undefined) {
    return { hits: mergeHeads(lists, compareAcross, count), rejectedInIndex, rejected: [] };
  }
  const filter = new FederatedDistinct(plan.distinct);
  const heads = new HeadMerge(lists, compareAcross);
  const hits: RankedHit[] = [];
  const rejected: RankedHit[] = [];
  // To the end: a node takes every double off its counts that it comes upon.
  for (let entry = heads.next(); entry !== undefined; entry = heads.next()) {
    if (!filter.accepts(entry.hit)) rejected.push(entry);
    else if (hits.length < count) hits.push(entry);
  }
  return { hits, rejectedInIndex, rejected };
}

interface IndexLimits {
  readonly uid: string;
  readonly most: number;
  /** Takes what is left out. */
  readonly rejected: RankedHit[];
}

/** The lists of an index on several nodes as one. */
function rankIndex(
  plan: FederatedPlan,
  lists: readonly (readonly RankedHit[])[],
  limits: IndexLimits,
): RankedHit[] {
  const isMixed = plan.queries.length > 1;
  const heads = new HeadMerge(
    lists.map((list) => (isMixed ? withTiesInOrder(list) : list)),
    compareInIndex,
  );
  const filters = new QueryFilters(plan);
  const whole = plan.distinct === undefined ? undefined : new FederatedDistinct(plan.distinct);
  // What one query leaves out is a candidate still where another one lets everything in.
  const isCounted = plan.distinct === undefined && plan.queries.some(isOfAll(limits.uid));
  const known = new Set<string>();
  const hits: RankedHit[] = [];
  while (hits.length < limits.most) {
    const entry = heads.next();
    if (entry === undefined) break;
    if (!filters.accepts(entry)) {
      if (!isCounted) limits.rejected.push(entry);
      continue;
    }
    if (isMixed && isKnown(known, entry)) continue;
    if (whole?.accepts(entry.hit) === false) limits.rejected.push(entry);
    else hits.push(entry);
  }
  return hits;
}

/** Whether a query has every document of that index as a candidate. */
function isOfAll(uid: string): (query: FederatedQuery) => boolean {
  return ({ indexUid, distinct, body }) => {
    const { q } = body;
    const isOpen = NARROWING.every((name) => body[name] === undefined || body[name] === null);
    const hasWords = typeof q === 'string' && q.trim() !== '';
    return indexUid === uid && distinct === undefined && isOpen && !hasWords;
  };
}

const NARROWING = ['filter', 'vector', 'media', 'hybrid', 'rankingScoreThreshold'] as const;

/** Whether an earlier query found the document: where each query went by itself, nodes do not tell. */
function isKnown(known: Set<string>, { hit }: RankedHit): boolean {
  if (hit.versionStart < 0) return false;
  const version = hit.bytes.toString('latin1', hit.versionStart, hit.versionEnd);
  if (known.has(version)) return true;
  known.add(version);
  return false;
}

/** The hits of each query are distinct by themselves. */
class QueryFilters {
  readonly #byQuery: readonly (DistinctFilter | undefined)[];

  constructor({ distinct, queries }: FederatedPlan) {
    this.#byQuery = queries.map((query) => {
      const field = distinct ?? query.distinct;
      return field === undefined ? undefined : new DistinctFilter(field);
    });
  }

  accepts({ hit, position }: RankedHit): boolean {
    return this.#byQuery[position]?.accepts(hit) ?? true;
  }
}

/** Order of hits by their rules and scores alone: 0 is a tie. */
export function compareScores(left: RankedHit, right: RankedHit): number {
  return left.position === right.position
    ? compareByRules(left.hit, right.hit)
    : compareWeighted(
        valuesOf(left),
        valuesOf(right),
        // Whoever has more groups of rules left goes first, else the better score of all ranks together.
        (_, __, remaining) => remaining || weightedScoreOf(right) - weightedScoreOf(left),
      );
}

/** The score of all ranks of a hit together, times the weight of its query. */
export function weightedScoreOf({ hit, weightedScore: { start, end } }: RankedHit): number {
  return decodeNumber(hit.bytes, start, end);
}

function compareAcross(left: RankedHit, right: RankedHit): number {
  return compareScores(left, right) || left.position - right.position;
}

function compareInIndex(left: RankedHit, right: RankedHit): number {
  return compareScores(left, right) || compareTied(left, right);
}

/** Among equals the earlier query goes first, then the older document. */
function compareTied(left: RankedHit, right: RankedHit): number {
  return (
    left.position - right.position ||
    compareVersions(left.hit, right.hit) ||
    left.hit.source - right.hit.source
  );
}

/** A node's last rule, the version, stands before the place of the query in ties: sets that right. */
function withTiesInOrder(list: readonly RankedHit[]): readonly RankedHit[] {
  const hits = [...list];
  let start = 0;
  for (let at = 1; at <= hits.length; at += 1) {
    const hit = hits[at];
    const previous = hits[at - 1] as RankedHit;
    if (hit !== undefined && compareScores(previous, hit) === 0) continue;
    if (at - start > 1) {
      hits.splice(start, at - start, ...hits.slice(start, at).sort(compareTied));
    }
    start = at;
  }
  return hits;
}

function valuesOf(entry: RankedHit): WeightedValue[] {
  entry.values ??= weightedValues(entry.hit, entry.query.weight);
  return entry.values;
}
