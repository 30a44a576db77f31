/**
 * Explains other totals: under distinct or a score threshold a node only estimates how many hits there
 * are, as long as pages are not asked for. The estimate lies between the exact count and the count
 * without that restriction.
 */
import { countAt, distinctOf, omit, type SubCase, WINDOW_NAMES, windowOf } from './sub-case.ts';
import type { Verdict } from './verdict.ts';

/** Grants `estimate`, or says why not. */
export async function explainTotals(one: SubCase): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const isDistinct = distinctOf(one) !== undefined;
  const hasThreshold = one.params['rankingScoreThreshold'] !== undefined;
  if (!isDistinct && !hasThreshold) return no('a total that is no estimate differs');
  const { isPage } = windowOf(one.params, one.evidence.settings(one.uid));
  if (isPage) return no('a total counted to the end differs');
  const given = countAt(one.target, 'estimatedTotalHits');
  const base = omit(one.params, WINDOW_NAMES);
  const exact = await one.arena.reference.send({
    method: 'POST',
    path: `/indexes/${one.uid}/search`,
    body: { ...base, page: 1, hitsPerPage: 1 },
  });
  // a hybrid search counts either half, whichever is good enough: both stay within the universe
  const isHybrid = one.params['hybrid'] !== undefined;
  const free = await one.evidence.search('wide', one.uid, {
    ...omit(base, ['distinct', 'rankingScoreThreshold', ...(isHybrid ? ['q', 'hybrid'] : [])]),
    page: 1,
    hitsPerPage: 1,
  });
  const low = isHybrid ? 0 : countAt(exact.tree, 'totalHits');
  const high = countAt(free.tree, 'totalHits');
  if (given === undefined || low === undefined || high === undefined) {
    return no('the bounds of the estimate could not be fetched');
  }
  if (given < low || given > high) return no(`estimate ${given} is not from ${low} to ${high}`);
  return {
    class: 'estimate',
    why: isDistinct ? 'total under distinct' : 'total under a threshold',
  };
}
