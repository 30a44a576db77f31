/**
 * Hits of different queries in another order than a node's, where the ranking rules have a sort between
 * the rules of words: a node compares the scores of parts of the rules, of which its answers show less
 * than it compares. Granted only where each pair of neighbours that stands the other way round has such
 * parts, and the score of one of them is what settles their order.
 */
import type { Tree } from '../../stories/lossless.ts';
import { type Lists, sortedText } from './arrangement.ts';
import type { Pair } from './pairs.ts';
import { type Weighed, weigh } from './weighted-order.ts';

/** Whether each pair of neighbours in the wrong order is of that kind; `weights` by group. */
export function areApartByGroups(
  { candidates, hits }: Lists<Pair>,
  weights: ReadonlyMap<number, Weighed>,
): boolean {
  const groups = new Map(candidates.map(({ hit, group }) => [sortedText(hit), group] as const));
  const ranked = hits.map((hit) => groups.get(sortedText(hit)) ?? -1);
  return ranked.every((group, at) => {
    const above = ranked[at - 1];
    if (above === undefined || above <= group) return true;
    const [left, right] = [weights.get(above), weights.get(group)];
    if (left === undefined || right === undefined) return false;
    return [left, right].every(hasParts) && weigh(left, right).isByScore;
  });
}

/** Scores of several parts, which a sort divides. */
function hasParts({ values }: Weighed): boolean {
  const isPart = (value: Tree) => value instanceof Map && value.has('weightedScore');
  return values.filter(isPart).length > 1;
}
