/**
 * Distances in score details. All documents within a metre show the place of the first of them, and of
 * documents that tie any may be the first; where they stand is judged all the same.
 */
import type { Tree } from '../../stories/lossless.ts';
import { type Listed, type Lists, stripped } from './arrangement.ts';

const DETAILS = '_rankingScoreDetails';

/** The arrangement without the places that rules by distance show. */
export function withoutGeoLeaders<One extends Listed>(arrangement: Lists<One>): Lists<One> {
  return stripped(arrangement, strip);
}

function strip(hit: Tree): Tree {
  const details = hit instanceof Map ? hit.get(DETAILS) : undefined;
  if (!(hit instanceof Map) || !(details instanceof Map)) return hit;
  const kept = [...details].map(([rule, detail]): [string, Tree] => {
    return [rule, rule.startsWith('_geoPoint(') ? null : detail];
  });
  return new Map([...hit, [DETAILS, new Map(kept)]]);
}
