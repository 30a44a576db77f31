/**
 * Explains a federated keyword search by vocabulary. Granted only if
 * - the same search without its words is equal, or off only by ties or estimates,
 * - each query by itself finds the same documents on both sides, or has words of which the engine looks
 *   at some only,
 * - some score of some document really differs,
 * - the gateway's order follows its own scores: hits of one query rule by rule, hits of two queries that
 *   are ranked by words alone by their weighted scores.
 */
import { NumberText, type Tree } from '../../stories/lossless.ts';
import { compareReplies } from '../compare.ts';
import type { Json, Obj } from '../json.ts';
import { sortedText } from './arrangement.ts';
import { type Federated, positionOf } from './federated-case.ts';
import { compareDetails, KEYWORD_RULES } from './own-order.ts';
import { isKeyword, listAt, omit, WINDOW_NAMES } from './sub-case.ts';
import type { Verdict } from './verdict.ts';
import { isVocabularyBound } from './word-limits.ts';

const ALL_HITS = 1000;
const PATH = '/multi-search';
const SHOWN_NAMES = [
  'attributesToHighlight',
  'attributesToCrop',
  'showMatchesPosition',
  'showRankingScore',
];

const no = (why: string): Verdict => ({ class: 'difference', why });

/** Grants `vocabulary`, or says why not. */
export async function explainFederatedWords(
  search: Federated,
  explainParts: (search: Federated) => Promise<Verdict>,
): Promise<Verdict> {
  const { arena, queries, federation, evidence } = search;
  if (!arena.freedom.hasSpread) return no('every owner knows all words');
  if (!queries.some(isKeyword)) return no('no query words');
  const control = await judgeControl(search, explainParts);
  if (control !== undefined && control.class === 'difference') {
    return no(`without its words too: ${control.why}`);
  }
  const asked = {
    federation: {
      ...omit(federation, [...WINDOW_NAMES, 'facetsByIndex', 'mergeFacets']),
      limit: ALL_HITS,
    },
    queries: queries.map((query): Json => {
      return { ...omit(query, SHOWN_NAMES), showRankingScoreDetails: true };
    }),
  };
  const [before, after] = await Promise.all([
    arena.reference.send({ method: 'POST', path: PATH, body: asked }),
    arena.target.send({ method: 'POST', path: PATH, body: asked }),
  ]);
  if (before.status !== 200 || after.status !== 200) return no('the scores could not be fetched');
  const [mine, theirs] = [listAt(before.tree, 'hits'), listAt(after.tree, 'hits')];
  const fault = orderFault(theirs);
  if (fault !== undefined) return no(fault);
  const known = new Map(mine.map((hit) => [identity(hit), detailsOf(hit)]));
  const found = new Set(theirs.map(identity));
  const isSameSet = found.size === known.size && [...found].every((id) => known.has(id));
  const canChange = queries.some((query) => {
    const plan = evidence.plan(String(query['indexUid']));
    const isFrequency = query['matchingStrategy'] === 'frequency';
    if (!isKeyword(query) || plan === undefined) return false;
    return isFrequency || isVocabularyBound(String(query['q']), plan.writes);
  });
  if (!isSameSet && !canChange && !hasCut(search)) return no('other documents are found');
  const scoresDiffer = theirs.some((hit) => {
    const details = known.get(identity(hit));
    return details !== undefined && sortedText(details) !== sortedText(detailsOf(hit));
  });
  if (isSameSet && !scoresDiffer) return no('all scores are the same');
  return { class: 'vocabulary', why: isSameSet ? 'scores differ' : 'other documents are found' };
}

/** The same search without words; undefined if it is equal. */
async function judgeControl(
  search: Federated,
  explainParts: (search: Federated) => Promise<Verdict>,
): Promise<Verdict | undefined> {
  const { arena, one, federation } = search;
  const queries = search.queries.map((query): Obj => {
    return query['q'] === undefined ? query : { ...query, q: '' };
  });
  const request = { ...one.request, body: { federation, queries: [...queries] } };
  const [reference, target] = await Promise.all([
    arena.reference.send(request),
    arena.target.send(request),
  ]);
  const differences = compareReplies(request, reference, target);
  if (differences.length === 0) return undefined;
  if (reference.status !== 200 || target.status !== 200) return no('status differs');
  return explainParts({ ...search, queries, one: { request, reference, target, differences } });
}

/** A threshold, distinct or a cap leaves out documents by their scores. */
function hasCut({ queries, distinct, evidence }: Federated): boolean {
  return (
    distinct.some((field) => field !== undefined) ||
    queries.some(
      (query) =>
        query['rankingScoreThreshold'] !== undefined ||
        evidence.settings(String(query['indexUid']))['pagination'] !== undefined,
    )
  );
}

/** The first hit that stands below one with a worse score. */
function orderFault(hits: readonly Tree[]): string | undefined {
  const last = new Map<number, Tree>();
  for (const [at, hit] of hits.entries()) {
    const position = positionOf(hit);
    const above = last.get(position);
    if (above !== undefined && compareDetails(detailsOf(above), detailsOf(hit)) > 0) {
      return `hit ${at} scores better than one above it`;
    }
    last.set(position, hit);
    const previous = hits[at - 1];
    // scores of one query are not always of one measure: they follow rule by rule
    if (previous === undefined || positionOf(previous) === position) continue;
    if (!isByWords(previous) || !isByWords(hit)) continue;
    if (weightedScore(hit) > weightedScore(previous) + 1e-9) {
      return `hit ${at} has a better weighted score than the hit above it`;
    }
  }
  return undefined;
}

/** True if rules that weigh words alone rank a hit, and there are such. */
function isByWords(hit: Tree): boolean {
  const details = detailsOf(hit);
  const names = details instanceof Map ? [...details.keys()] : [];
  return names.length > 0 && names.every((name) => KEYWORD_RULES.has(name));
}

function weightedScore(hit: Tree): number {
  const mark = hit instanceof Map ? hit.get('_federation') : undefined;
  const score = mark instanceof Map ? mark.get('weightedRankingScore') : undefined;
  return score instanceof NumberText ? Number(score.text) : 0;
}

function detailsOf(hit: Tree): Tree {
  return (hit instanceof Map ? hit.get('_rankingScoreDetails') : undefined) ?? null;
}

/** A document and its query, by its own fields. */
function identity(hit: Tree): string {
  if (!(hit instanceof Map)) return '';
  const own = [...hit].filter(([key]) => !key.startsWith('_rankingScore') && key !== '_federation');
  return `${positionOf(hit)} ${sortedText(new Map(own))}`;
}
