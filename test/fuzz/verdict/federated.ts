/**
 * Explains federated answers in another order. Hits tie if they come from the same query and all their
 * ranking score details and weighted scores are equal; the whole list is asked for on both sides, once
 * with details and once as the client sees it.
 */
import { printTree, type Tree } from '../../stories/lossless.ts';
import { isObj, type Json, type Obj } from '../json.ts';
import type { Arena } from '../run.ts';
import { type Candidate, faultOf, isSameList, sortedText } from './arrangement.ts';
import type { Evidence } from './evidence.ts';
import { rankOf } from './hits.ts';
import type { Case } from './judge.ts';
import { isKeyword, listAt, omit, WINDOW_NAMES, windowOf } from './sub-case.ts';
import type { Verdict } from './verdict.ts';

const ALL_HITS = 1000;

/** Grants `ties`, or says why not. */
export async function explainFederated(
  one: Case,
  arena: Arena,
  evidence: Evidence,
): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const { body } = one.request;
  const federation = isObj(body) ? body['federation'] : undefined;
  const queries = isObj(body) ? body['queries'] : undefined;
  if (!isObj(federation) || !Array.isArray(queries)) return no('not a federated search');
  if (one.differences.some(({ pointer }) => !pointer.startsWith('/hits'))) {
    return no('more than hits differs');
  }
  const uids = queries.map((query) => String(isObj(query) ? query['indexUid'] : ''));
  const isDistinct =
    federation['distinct'] !== undefined ||
    queries.some((query) => isObj(query) && query['distinct'] !== undefined) ||
    uids.some((uid) => typeof evidence.settings(uid)['distinctAttribute'] === 'string');
  if (isDistinct) return no('federated and distinct');
  if (!uids.some((uid) => evidence.isChurned(uid))) {
    return no('out of order, though no document was replaced');
  }
  const ask = (isDetailed: boolean): Obj => ({
    federation: { ...omit(federation, [...WINDOW_NAMES, 'facetsByIndex']), limit: ALL_HITS },
    queries: queries.map((query): Json => {
      return isObj(query) && isDetailed ? { ...query, showRankingScoreDetails: true } : query;
    }),
  });
  const path = '/multi-search';
  const [plain, detailed, whole] = await Promise.all([
    arena.reference.send({ method: 'POST', path, body: ask(false) }),
    arena.reference.send({ method: 'POST', path, body: ask(true) }),
    arena.target.send({ method: 'POST', path, body: ask(false) }),
  ]);
  const hits = listAt(plain.tree, 'hits');
  const ranked = listAt(detailed.tree, 'hits');
  const list = listAt(whole.tree, 'hits');
  const candidates = hits.map((hit, at): Candidate => {
    return { hit, rank: federatedRank(ranked[at] ?? null), distinct: [] };
  });
  const { offset, limit } = windowOf(federation, {});
  const page = listAt(one.target.tree, 'hits');
  if (!isSameList(list.slice(offset, offset + limit), page)) return no('pages do not fit');
  const fault = faultOf({ candidates, hits: list, limit: ALL_HITS });
  if (fault === undefined) return { class: 'ties', why: 'federated hits of equal rank' };
  const hasWords = queries.some((query) => isObj(query) && isKeyword(query));
  return no(hasWords ? `${fault} (federated keyword search)` : fault);
}

/** Query, weighted score and details. */
function federatedRank(hit: Tree): string {
  const mark = hit instanceof Map ? hit.get('_federation') : undefined;
  return `${mark === undefined ? '' : printTree(mark)} ${rankOf(hit)} ${sortedText(null)}`;
}
