/**
 * Explains a keyword search by vocabulary: a node that holds a part of the documents knows other words,
 * so its scores may differ. Granted only if
 * - the same search without its words is equal, or off only by ties or estimates,
 * - some score really differs, or the found sets differ and a query word can be split in two known
 *   words or is weighed by frequency,
 * - the gateway's order follows its own scores, rule by rule,
 * - values of sort, distance and vector rules are the same for each document.
 */
import type { Tree } from '../../stories/lossless.ts';
import type { Reply } from '../server.ts';
import { sortedText } from './arrangement.ts';
import { compareDetails, KEYWORD_RULES, ruleNames } from './own-order.ts';
import {
  countAt,
  hitsOf,
  isKeyword,
  listAt,
  omit,
  type SubCase,
  WINDOW_NAMES,
  windowOf,
} from './sub-case.ts';
import type { Verdict } from './verdict.ts';
import { isVocabularyBound } from './word-limits.ts';

const WINDOW_MIN = 1000;
const SHOWN_NAMES = [
  'attributesToRetrieve',
  'attributesToHighlight',
  'attributesToCrop',
  'showMatchesPosition',
  'showRankingScore',
  'showRankingScoreDetails',
  'facets',
];

/** Judges the search without its words. */
export type JudgeControl = (one: SubCase, params: SubCase['params']) => Promise<Verdict>;

/** Grants `vocabulary`, or says why not. */
export async function explainVocabulary(
  one: SubCase,
  judgeControl: JudgeControl,
): Promise<Verdict> {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  if (!one.arena.freedom.hasSpread) return no('every owner knows all words');
  if (!isKeyword(one.params)) return no('no query words');
  const control = await judgeControl(one, { ...omit(one.params, ['q']), q: '' });
  if (control.class === 'difference') return no(`without its words too: ${control.why}`);
  const { offset, limit } = windowOf(one.params, one.evidence.settings(one.uid));
  const params = {
    ...omit(one.params, [...WINDOW_NAMES, ...SHOWN_NAMES]),
    limit: Math.max(WINDOW_MIN, offset + limit),
    showRankingScoreDetails: true,
  };
  const path = `/indexes/${one.uid}/search`;
  const [before, after] = await Promise.all([
    one.arena.reference.send({ method: 'POST', path, body: params }),
    one.arena.target.send({ method: 'POST', path, body: params }),
  ]);
  return weigh(one, before, after);
}

function weigh(one: SubCase, before: Reply, after: Reply): Verdict {
  const no = (why: string): Verdict => ({ class: 'difference', why });
  const [mine, theirs] = [hitsOf(before), hitsOf(after)];
  if (mine === undefined || theirs === undefined) return no('the scores could not be fetched');
  for (let at = 1; at < theirs.length; at++) {
    const order = compareDetails(detailsOf(theirs[at - 1]), detailsOf(theirs[at]));
    if (order > 0) return no(`hit ${at} scores better than the hit above it`);
  }
  const known = new Map(mine.map((hit) => [identity(hit), detailsOf(hit)]));
  const found = new Set(theirs.map(identity));
  const isSameSet = found.size === known.size && [...found].every((id) => known.has(id));
  let scoresDiffer = false;
  for (const hit of theirs) {
    const details = known.get(identity(hit));
    if (details === undefined) continue;
    const [a, b] = [details, detailsOf(hit)];
    if (sortedText(a) === sortedText(b)) continue;
    scoresDiffer = true;
    const other = otherRule(a, b);
    if (other !== undefined) return no(`${other} differs for one document`);
  }
  if (!isSameSet && !canChangeSets(one)) return no('other documents are found');
  // what a node shows of a long list may be the same, and what it counts another
  const mayBeOther = isCut(after) && canChangeSets(one);
  if (isSameSet && !scoresDiffer && !mayBeOther) return no('all scores are the same');
  return { class: 'vocabulary', why: isSameSet ? 'scores differ' : 'other documents are found' };
}

/** Whether there are more hits than are shown. */
function isCut({ tree }: Reply): boolean {
  return listAt(tree, 'hits').length < (countAt(tree, 'estimatedTotalHits') ?? 0);
}

/** A rule beyond those that weigh words whose value differs. */
function otherRule(a: Tree, b: Tree): string | undefined {
  if (!(a instanceof Map) || !(b instanceof Map)) return 'the details';
  return ruleNames(a, b).find((name) => {
    if (KEYWORD_RULES.has(name)) return false;
    const value = (tree: Tree | undefined) => (tree instanceof Map ? tree.get('value') : undefined);
    // a rule may be passed over where earlier rules already left one document
    const [one, other] = [a.get(name), b.get(name)];
    if (one === undefined || other === undefined) return false;
    return sortedText(value(one) ?? null) !== sortedText(value(other) ?? null);
  });
}

/** True if the words themselves allow other documents to be found. */
function canChangeSets(one: SubCase): boolean {
  if (one.params['matchingStrategy'] === 'frequency') return true;
  const plan = one.evidence.plan(one.uid);
  return plan !== undefined && isVocabularyBound(String(one.params['q']), plan.writes);
}

function detailsOf(hit: Tree | undefined): Tree {
  return (hit instanceof Map ? hit.get('_rankingScoreDetails') : undefined) ?? null;
}

/** A document by its own fields. */
function identity(hit: Tree): string {
  if (!(hit instanceof Map)) return '';
  const own = [...hit].filter(([key]) => !key.startsWith('_rankingScore'));
  return sortedText(new Map(own));
}
