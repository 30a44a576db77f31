/**
 * Distinct where documents hold several values. A node drops a document for any of its values; if the
 * better hit it was dropped for does not survive the merge, the document is missing there. Then nodes are
 * asked for their hits without distinct, deep enough that the gateway alone decides.
 */
import { VERSION_FIELD } from '../reserved/index.ts';
import type { SearchAnswer } from './answer.ts';
import type { Hit } from './hits.ts';
import { hitsInReach } from './list-parts.ts';
import type { SearchPlan } from './plan-search.ts';
import type { PurposeRequest, SearchPurpose } from './types.ts';
import type { SearchWindow } from './window.ts';

/** Lists of hits and what the same list is called without distinct. */
const OPEN_PURPOSES: ReadonlyMap<SearchPurpose, SearchPurpose> = new Map([
  ['main', 'open-main'],
  ['keyword', 'open-keyword'],
  ['semantic', 'open-semantic'],
  ['distinct-list', 'open-list'],
]);

/** The purpose of a list asked without distinct. */
export function openPurpose(purpose: SearchPurpose): SearchPurpose | undefined {
  return OPEN_PURPOSES.get(purpose);
}

const DEPTH_FACTOR = 4;
const DEPTH_MIN = 40;

/** How many hits of each node are asked for first, and after `depth` was too few. */
export function nextDepth(window: SearchWindow, depth: number | undefined): number {
  return DEPTH_FACTOR * (depth ?? Math.max(window.end, DEPTH_MIN / DEPTH_FACTOR));
}

/** Lists longer than a node shows at once are read in parts: those for a page down to here, */
const DEEPEST = 10_000;
/** and those to be counted if they end before here. */
const LONGEST = 1_000;

/** The most hits of each node that are looked at for a page, where it shows `hitsTotalMax` at once. */
export function deepestList(hitsTotalMax: number): number {
  return hitsInReach(hitsTotalMax, DEEPEST);
}

/** The most hits of each node that are looked at to be counted. */
export function longestList(hitsTotalMax: number): number {
  return hitsInReach(hitsTotalMax, LONGEST);
}

/** The plan's lists without distinct, `depth` hits each: all differ in their versions. */
export function openRequests(plan: SearchPlan, depth: number): PurposeRequest[] {
  return plan.requests.flatMap(({ purpose, body }) => {
    const open = OPEN_PURPOSES.get(purpose);
    if (open === undefined) return [];
    const { facets: _facets, ...list } = body;
    // What is counted is asked whole, whatever the depth.
    const count = purpose === 'distinct-list' ? longestList(plan.hitsTotalMax) : depth;
    const size = body['hitsPerPage'] === undefined ? { limit: count } : { hitsPerPage: count };
    return [{ purpose: open, body: { ...list, distinct: VERSION_FIELD, ...size } }];
  });
}

/** Counts down lists that a node cut off: behind their ends other nodes' hits may not be next. */
export class CutLists {
  readonly #left = new Map<number, number>();

  /**
   * `depth`: how many hits were asked for; undefined: no list counts as cut. `isMerged`: which hits are
   * taken at all.
   */
  constructor(
    answers: readonly SearchAnswer[],
    depth: number | undefined,
    isMerged: (hit: Hit) => boolean,
  ) {
    for (const { source, hits } of answers) {
      if (depth === undefined || hits.length < depth) continue;
      this.#left.set(source, hits.filter(isMerged).length);
    }
  }

  /** Notes that a hit was taken; true if it was the last of a list that was cut off. */
  take(source: number): boolean {
    const left = this.#left.get(source);
    if (left === undefined) return false;
    this.#left.set(source, left - 1);
    return left === 1;
  }
}
