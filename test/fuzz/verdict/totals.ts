/**
 * Explains other totals: under distinct or a score threshold a node only estimates how many hits there
 * are, as long as pages are not asked for. The estimate lies between the exact count and the count
 * without that restriction.
 */
import type { TreeObject } from '../../stories/lossless.ts';
import { explainTies } from './hits.ts';
import {
  countAt,
  distinctOf,
  hitsOf,
  listAt,
  omit,
  type SubCase,
  WINDOW_NAMES,
  windowOf,
} from './sub-case.ts';

import type { Verdict } from './verdict.ts';

const ALL_HITS = 1000;

/** Grants `estimate`, or says why not. */
export async function explainTotals(one: SubCase): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const isDistinct = distinctOf(one) !== undefined;
  const hasThreshold = one.params['rankingScoreThreshold'] !== undefined;
  if (!isDistinct && !hasThreshold) return no('a total that is no estimate differs');
  const settings = one.evidence.settings(one.uid);
  const { isPage, offset, limit } = windowOf(one.params, settings);
  // there a node stops to rank; what it came upon until then depends on the order
  const most = windowOf({ limit: Number.MAX_SAFE_INTEGER }, settings).limit;
  const isStopped = hasThreshold && offset + limit === most;
  // a hybrid search takes off only what its page came upon, in pages too
  const isHybrid = one.params['hybrid'] !== undefined;
  if (isPage && !isStopped && !(isHybrid && isDistinct)) {
    if (isDistinct && (await isOtherWithHits(one))) {
      return { class: 'estimate', why: 'total under distinct where no hits are asked for' };
    }
    return isDistinct ? explainCountedTies(one) : no('a total counted to the end differs');
  }
  const given = countAt(one.target, isPage ? 'totalHits' : 'estimatedTotalHits');
  const base = omit(one.params, WINDOW_NAMES);
  const exact = await one.arena.reference.send({
    method: 'POST',
    path: `/indexes/${one.uid}/search`,
    body: { ...base, page: 1, hitsPerPage: 1 },
  });
  // a hybrid search counts either half, whichever is good enough: both stay within the universe
  const free = await one.evidence.search('wide', one.uid, {
    ...omit(base, [
      'distinct',
      'rankingScoreThreshold',
      ...(isHybrid ? ['q', 'hybrid', 'vector'] : []),
    ]),
    page: 1,
    hitsPerPage: 1,
  });
  // which documents survive, and so how many, can depend on the order of ties
  const isOpen = isHybrid || (isDistinct && one.evidence.isChurned(one.uid));
  const counted = isOpen ? listAt(one.target, 'hits').length : countAt(exact.tree, 'totalHits');
  // what is left out by values as they are written is taken off the estimate alone
  const own =
    countAt(one.reference, isPage ? 'totalHits' : 'estimatedTotalHits') ?? Number.POSITIVE_INFINITY;
  const low = counted === undefined ? undefined : Math.min(counted, own);
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

/**
 * Whether the node, where it lists no hits, goes through documents in the order in which they came, and
 * so counts others than it does by rank; by rank it must count as the gateway does.
 */
async function isOtherWithHits(one: SubCase): Promise<boolean> {
  if (windowOf(one.params, one.evidence.settings(one.uid)).limit > 0) return false;
  const body = { ...omit(one.params, WINDOW_NAMES), page: 1, hitsPerPage: 1 };
  const path = `/indexes/${one.uid}/search`;
  const listed = await one.arena.reference.send({ method: 'POST', path, body });
  return countAt(listed.tree, 'totalHits') === countAt(one.target, 'totalHits');
}

/**
 * Where a distinct field holds several values, how many documents survive depends on the order of ties.
 * The total must then be the length of the gateway's own whole list, and that list a right one. A node
 * counts in the order in which documents came and lists by rank; where some were replaced, neither says
 * what the other does.
 */
async function explainCountedTies(one: SubCase): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const whole = { ...omit(one.params, WINDOW_NAMES), limit: ALL_HITS };
  const list = hitsOf(
    await one.arena.target.send({
      method: 'POST',
      path: `/indexes/${one.uid}/search`,
      body: whole,
    }),
  );
  const total = countAt(one.target, 'totalHits');
  if (list === undefined || total === undefined) return no('the whole list could not be fetched');
  const cap = windowOf({ limit: ALL_HITS }, one.evidence.settings(one.uid)).limit;
  if (list.length === cap && total > cap) {
    return { class: 'estimate', why: 'total under distinct beyond pagination.maxTotalHits' };
  }
  const isOther = total !== list.length && !one.evidence.isChurned(one.uid);
  if (isOther) return no(`total ${total} of a list of ${list.length}`);
  const target: TreeObject = new Map([...one.target, ['hits', list]]);
  const verdict = await explainTies({ ...one, params: whole, target });
  return verdict.class === 'ties'
    ? { class: 'ties', why: 'total under distinct by the order of ties' }
    : no(`a total counted to the end differs: ${verdict.why}`);
}
