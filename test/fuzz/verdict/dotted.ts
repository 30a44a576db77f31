/**
 * Members of a document whose names hold dots: a node that has seen a field `a` and a field `a.b` leaves
 * a member that is named `a.b` out of `_formatted`, one that has not seen both shows it. So the hits of
 * an index over several nodes are compared without them, and without nothing else.
 */
import type { Tree } from '../../stories/lossless.ts';
import { type Arrangement, stripped } from './arrangement.ts';

/** The arrangement with such members taken out of `_formatted` everywhere. */
export function withoutDotted(arrangement: Arrangement): Arrangement {
  return stripped(arrangement, strip);
}

function strip(hit: Tree): Tree {
  const formatted = hit instanceof Map ? hit.get('_formatted') : undefined;
  if (!(hit instanceof Map) || !(formatted instanceof Map)) return hit;
  const kept = [...formatted].filter(([name]) => !name.includes('.'));
  return new Map([...hit, ['_formatted', new Map(kept)]]);
}
