/**
 * Sort rules over a document's own values, for answers that bring no score details (document lists).
 */
import { decodeNumber, decodeString } from '../json/slice.ts';
import { compareNumbers } from './compare.ts';
import { RULE_GEO, RULE_SORT, Rule, VALUE_NUMBER, VALUE_TEXT } from './details.ts';
import { distanceMetres, readPoint } from './geo.ts';
import type { Hit } from './hits.ts';
import { compareUtf8, normalizeFacet } from './normalize.ts';
import { visitLeaves } from './select.ts';

/** One entry of `sort`. */
export interface SortRule {
  /** Field name; `_geo` with a point for a sort by distance. */
  readonly field: string;
  readonly isAscending: boolean;
  readonly point: { readonly latitude: number; readonly longitude: number } | undefined;
}

const GEO_ENTRY = /^_geoPoint\(\s*([^,\s]+)\s*,\s*([^)\s]+)\s*\)$/;

/** Reads a `sort` list; undefined if an entry is none, which a node refuses. */
export function readSort(entries: readonly string[]): SortRule[] | undefined {
  const rules: SortRule[] = [];
  for (const entry of entries) {
    const colon = entry.lastIndexOf(':');
    const direction = entry.slice(colon + 1);
    if (colon < 0 || (direction !== 'asc' && direction !== 'desc')) return undefined;
    const name = entry.slice(0, colon).trim();
    const geo = GEO_ENTRY.exec(name);
    rules.push({
      field: geo === null ? name : '_geo',
      isAscending: direction === 'asc',
      point: geo === null ? undefined : { latitude: Number(geo[1]), longitude: Number(geo[2]) },
    });
  }
  return rules;
}

/**
 * Results of the sort rules for a document. A node lists a document twice for each rule whose field holds
 * numbers and texts: under its number, then under its text, and so again within each for the next such
 * rule. `place` counts how often the node has listed it before.
 */
export function sortResults(hit: Hit, sort: readonly SortRule[], place: number): Rule[] {
  const values = sort.map((entry) => (entry.point === undefined ? bestValues(hit, entry) : NONE));
  let mixedBehind = values.filter(isMixed).length;
  return sort.map((entry, at) => {
    const value = values[at] as BestValues;
    const rule = new Rule(hit.bytes);
    rule.isAscending = entry.isAscending;
    if (entry.point !== undefined) {
      rule.kind = RULE_GEO;
      rule.first = distanceFrom(entry.point, hit);
      return rule;
    }
    rule.kind = RULE_SORT;
    if (isMixed(value)) mixedBehind -= 1;
    const isTextsTurn = isMixed(value) && Math.floor(place / 2 ** mixedBehind) % 2 === 1;
    writeValue(rule, value, isTextsTurn);
    return rule;
  });
}

type Point = NonNullable<SortRule['point']>;

/** Metres; NaN for a document without a place. */
function distanceFrom({ latitude, longitude }: Point, hit: Hit): number {
  const point = readPoint(hit);
  if (point === undefined) return Number.NaN;
  return distanceMetres(latitude, longitude, point.latitude, point.longitude);
}

/** What a document is sorted by under one rule. */
interface BestValues {
  readonly number: number | undefined;
  readonly text: string | undefined;
}

const NONE: BestValues = { number: undefined, text: undefined };

function isMixed({ number, text }: BestValues): boolean {
  return number !== undefined && text !== undefined;
}

/** Smallest values ascending, largest descending. */
function bestValues(hit: Hit, { field, isAscending }: SortRule): BestValues {
  let number: number | undefined;
  let text: string | undefined;
  const sign = isAscending ? 1 : -1;
  visitLeaves(hit.bytes, hit.start, field, (start, end) => {
    const first = hit.bytes[start] as number;
    if (first === MINUS || (first >= DIGIT_0 && first <= DIGIT_9)) {
      const value = decodeNumber(hit.bytes, start, end);
      if (number === undefined || compareNumbers(value, number) * sign < 0) number = value;
      return;
    }
    const value = readText(hit.bytes, start, end);
    if (value === undefined) return;
    if (text === undefined || compareUtf8(value, text) * sign < 0) text = value;
  });
  return { number, text };
}

/** Any number stands before any text. */
function writeValue(rule: Rule, { number, text }: BestValues, isTextsTurn: boolean): void {
  if (number !== undefined && !isTextsTurn) {
    rule.valueKind = VALUE_NUMBER;
    rule.first = number;
  } else if (text !== undefined) {
    rule.valueKind = VALUE_TEXT;
    rule.text = text;
  }
}

const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const QUOTE = 0x22;
const SMALL_T = 0x74;
const SMALL_F = 0x66;

function readText(bytes: Buffer, start: number, end: number): string | undefined {
  const first = bytes[start];
  if (first === SMALL_T || first === SMALL_F) return first === SMALL_T ? 'true' : 'false';
  if (first !== QUOTE || end - start === 2) return undefined;
  return normalizeFacet(decodeString(bytes, start, end));
}
