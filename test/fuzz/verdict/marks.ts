/**
 * Marks of the words of a query: a node marks the words that it knows, so hits of an index over several
 * nodes are compared without them where only they tell two hits apart.
 */
import type { Tree } from '../../stories/lossless.ts';
import { type Listed, type Lists, stripped } from './arrangement.ts';

const MARKS = new Set(['_formatted', '_matchesPosition']);

/** The arrangement without the marks of hits of which a query with words is the finder. */
export function withoutMarks<One extends Listed>(
  arrangement: Lists<One>,
  isOfWords: (hit: Tree) => boolean = () => true,
): Lists<One> {
  return stripped(arrangement, (hit) => (isOfWords(hit) ? strip(hit) : hit));
}

function strip(hit: Tree): Tree {
  if (!(hit instanceof Map)) return hit;
  return new Map([...hit].filter(([name]) => !MARKS.has(name)));
}
