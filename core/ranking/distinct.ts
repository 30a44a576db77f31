/**
 * Distinct over several nodes: each node keeps its best hit per value, and the merged list is deduped
 * once more by value.
 *
 * Why no over-fetch is needed: a global survivor stands, in its node's own deduped list, behind only
 * hits that are survivors too or whose value another node's better hit has taken; each of those values
 * has a survivor before it. So the first n survivors are among the first n of each node. That fails
 * only where documents hold several values: a shard may drop a document that the whole would keep
 * (open-distinct.ts).
 */
import { decodeNumber, decodeString } from '../json/slice.ts';
import type { FacetField } from './facets.ts';
import { FederatedDistinct } from './federated-distinct.ts';
import type { Hit } from './hits.ts';
import { normalizeFacet } from './normalize.ts';
import { visitLeaves } from './select.ts';

/** Values under which a hit is distinct: normalized texts and numbers; empty if it lacks the field. */
export function distinctValues(hit: Hit, field: string): string[] {
  const values = new Set<string>();
  visitLeaves(hit.bytes, hit.start, field, (start, end) => {
    const first = hit.bytes[start] as number;
    if (first === QUOTE) {
      // An empty text is no value; one of white space alone is the value that is empty when normalized.
      if (end - start > 2) values.add(textKey(normalizeFacet(decodeString(hit.bytes, start, end))));
    } else if (first === SMALL_T || first === SMALL_F) {
      values.add(textKey(first === SMALL_T ? 'true' : 'false'));
    } else if (first === MINUS || (first >= DIGIT_0 && first <= DIGIT_9)) {
      values.add(numberKey(decodeNumber(hit.bytes, start, end)));
    }
  });
  return [...values];
}

const QUOTE = 0x22;
const SMALL_T = 0x74;
const SMALL_F = 0x66;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

function textKey(normalized: string): string {
  return `s${normalized}`;
}

/** -0 is a value of its own. */
function numberKey(value: number): string {
  return Object.is(value, -0) ? 'n-0' : `n${value}`;
}

/** Drops hits of which a value was seen before. */
export class DistinctFilter {
  readonly seen = new Set<string>();
  /** By the values that a node has filed. */
  readonly survivors = new Set<Hit>();
  /** Values that survivors hold, counted once for each survivor. */
  survivorValueCount = 0;
  /** Hits left out. */
  rejectedCount = 0;
  /** True once a hit with several values came by: the node may have dropped too much. */
  hasSeveralValues = false;
  /** Hits left out for a value that only as it is written equals one seen before. */
  writtenRejectedCount = 0;
  /** Values of rejected hits that hold several. */
  readonly #rejected: string[][] = [];
  readonly #field: string;
  readonly #written: FederatedDistinct | undefined;

  /** `isAsked`: the request names the field, not the settings; then a node compares what is written, too. */
  constructor(field: string, isAsked = false) {
    this.#field = field;
    this.#written = isAsked ? new FederatedDistinct(field) : undefined;
  }

  /**
   * Whether a hit of the page has a value that only as it is written equals others': of its node's own list
   * such hits may be missing, which took their places in the page.
   */
  get hasTwins(): boolean {
    return this.#written?.hasTwins === true;
  }

  /** Whether a hit with several values was left out: its node may have dropped others for them. */
  get hasLost(): boolean {
    return this.#rejected.length > 0;
  }

  /** How many values of the hit survivors have; its own, if it is one. */
  sharedCount(hit: Hit): number {
    return distinctValues(hit, this.#field).filter((value) => this.seen.has(value)).length;
  }

  /**
   * Whether the hit survives; its values are then seen. `isShown`: it is in reach of the page. There a node
   * leaves out, of those that survive by the values it has filed, what is equal as it is written, and takes
   * no other in its place.
   */
  accepts(hit: Hit, isShown = true): boolean {
    const values = distinctValues(hit, this.#field);
    if (values.length > 1) this.hasSeveralValues = true;
    if (values.some((value) => this.seen.has(value))) {
      this.rejectedCount += 1;
      if (values.length > 1) this.#rejected.push(values);
      return false;
    }
    this.survivors.add(hit);
    for (const value of values) this.seen.add(value);
    this.survivorValueCount += values.length;
    if (!isShown || this.#written?.accepts(hit) !== false) return true;
    this.rejectedCount += 1;
    this.writtenRejectedCount += 1;
    return false;
  }

  /** How often rejected hits are counted under a second seen value. */
  rejectedOverlap(): number {
    let overlap = 0;
    for (const values of this.#rejected) {
      overlap += values.filter((value) => this.seen.has(value)).length - 1;
    }
    return overlap;
  }
}

/** Counts of the distinct field's values among all candidates, keyed as `seen` is. */
export function distinctCounts(field: FacetField | undefined): Map<string, number> {
  const counts = new Map<string, number>();
  if (field === undefined) return counts;
  for (const value of field.numbers.values()) {
    // -0 and 0 are two values of the engine, shown as "-0" and "0".
    counts.set(numberKey(value.shown === '-0' ? -0 : Number(value.shown)), value.count);
  }
  for (const [normalized, value] of field.texts) counts.set(textKey(normalized), value.count);
  return counts;
}

/**
 * Total in page mode: of the candidates, one document for each value and every document that lacks the
 * field. Exact where no document has several values.
 */
export function exhaustiveDistinctTotal(
  candidateCount: number,
  counts: ReadonlyMap<string, number>,
): number {
  let total = candidateCount;
  for (const count of counts.values()) total -= count - 1;
  return atLeastOne(candidateCount, total);
}

/**
 * Total in window mode: the engine takes off only documents whose value was seen on the way. A document
 * with several values is counted under each; those at hand are set right.
 */
export function estimatedDistinctTotal(
  candidateCount: number,
  counts: ReadonlyMap<string, number>,
  filter: DistinctFilter,
): number {
  const { survivorValueCount, writtenRejectedCount } = filter;
  let total = candidateCount + survivorValueCount + filter.rejectedOverlap() - writtenRejectedCount;
  // A text that reads as a number may be missing among the texts; its survivor is there all the same.
  for (const value of filter.seen) total -= counts.get(value) ?? 1;
  return atLeastOne(candidateCount, total);
}

/**
 * Total in window mode where documents hold several values, from hits listed without distinct. What is not
 * listed is known by the counts of its values alone: there a document is taken to hold as many of them as
 * the listed ones do.
 */
export function openDistinctTotal(
  candidateCount: number,
  counts: ReadonlyMap<string, number>,
  { listed, filter }: { readonly listed: readonly Hit[]; readonly filter: DistinctFilter },
): number {
  let excludedCount = 0;
  let sharingCount = 0;
  let listedValueCount = 0;
  for (const hit of listed) {
    const shared = filter.sharedCount(hit);
    if (shared === 0) continue;
    sharingCount += 1;
    listedValueCount += shared;
    if (!filter.survivors.has(hit)) excludedCount += 1;
  }
  let valueCount = 0;
  for (const value of filter.seen) valueCount += counts.get(value) ?? 0;
  const unlisted = Math.max(0, valueCount - listedValueCount);
  const unlistedCount = listedValueCount === 0 ? 0 : (unlisted * sharingCount) / listedValueCount;
  return Math.round(candidateCount - excludedCount - unlistedCount - filter.writtenRejectedCount);
}

/** Documents with several values are taken off once for each: where they are many, too often. */
function atLeastOne(candidateCount: number, total: number): number {
  return Math.max(Math.min(1, candidateCount), total);
}
