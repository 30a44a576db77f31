/**
 * Marks of the words of a query: a node marks the words that it knows, so hits of an index over several
 * nodes are compared without them where only they tell two hits apart.
 */
import type { Tree } from '../../stories/lossless.ts';
import { type Arrangement, stripped } from './arrangement.ts';

const MARKS = new Set(['_formatted', '_matchesPosition']);

/** The arrangement without marks. */
export function withoutMarks(arrangement: Arrangement): Arrangement {
  return stripped(arrangement, strip);
}

function strip(hit: Tree): Tree {
  if (!(hit instanceof Map)) return hit;
  return new Map([...hit].filter(([name]) => !MARKS.has(name)));
}
