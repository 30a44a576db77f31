/**
 * Hybrid search over several nodes: keyword and semantic halves are asked and merged apart, then joined
 * as one node joins them (contract 4.6): keyword hits alone if they fill the window and are all good
 * enough, else head by head, the semantic side first among equals.
 */
import type { Hit } from './hits.ts';
import { compareWeighted, scoreWins, weightedValues } from './weighted.ts';

/** Weighted score that every keyword hit must reach for the semantic half to be left out. */
const GOOD_ENOUGH = 0.45;

/** A share at which no node finds its keyword hits good enough to leave the other half out. */
export const NEVER_KEYWORDS_ALONE = 0.999;

/** Whether the keyword half answers alone. */
export function isKeywordGoodEnough(
  keyword: readonly Hit[],
  wantedCount: number,
  semanticRatio: number,
): boolean {
  const weight = keywordWeight(semanticRatio);
  return keyword.length >= wantedCount && keyword.every((hit) => hit.score * weight >= GOOD_ENOUGH);
}

/** Joins the halves; `identify` tells the document of a hit, of which the first hit stays. */
export function joinHalves(
  keyword: readonly Hit[],
  semantic: readonly Hit[],
  semanticRatio: number,
  identify: (hit: Hit) => string,
): Hit[] {
  const keywordEntries = keyword.map((hit) => ({
    hit,
    values: weightedValues(hit, keywordWeight(semanticRatio)),
  }));
  const semanticEntries = semantic.map((hit) => ({
    hit,
    values: weightedValues(hit, Math.fround(semanticRatio)),
  }));
  const seen = new Set<string>();
  const joined: Hit[] = [];
  let left = 0;
  let right = 0;
  for (;;) {
    const vector = semanticEntries[left];
    const word = keywordEntries[right];
    if (vector === undefined && word === undefined) return joined;
    const takesVector =
      vector !== undefined &&
      (word === undefined || compareWeighted(vector.values, word.values, scoreWins) <= 0);
    const hit = (takesVector ? vector : (word as { hit: Hit })).hit;
    if (takesVector) left += 1;
    else right += 1;
    const id = identify(hit);
    if (seen.has(id)) continue;
    seen.add(id);
    joined.push(hit);
  }
}

function keywordWeight(semanticRatio: number): number {
  return Math.fround(1 - Math.fround(semanticRatio));
}
