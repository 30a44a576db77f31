/**
 * The hits of a node's answer as spans of its bytes, with what the merge asks of them found on demand.
 */

import { asBuffer, decodeNumber, Items, Members } from '../json/slice.ts';
import { VERSION_FIELD } from '../reserved/index.ts';
import { compareRules } from './compare.ts';
import { compareDetailBytes } from './compare-bytes.ts';
import { type Rule, readDetails } from './details.ts';

/** One hit (or listed document) inside an answer. */
export class Hit {
  readonly bytes: Buffer;
  /** Which of the answers it came in. */
  readonly source: number;
  readonly start: number;
  readonly end: number;
  /** Value of `_rankingScoreDetails`; -1 if absent. */
  detailsStart = -1;
  detailsEnd = -1;
  /** Value of `_rankingScore`; -1 if absent. */
  scoreStart = -1;
  scoreEnd = -1;
  /** Inside the quotes of `_miroir_version`; -1 if absent. */
  versionStart = -1;
  versionEnd = -1;
  /** Whether the node made `_formatted`. */
  hasFormatted = false;
  /** The first hit of the geo bucket this one was put into, by place of the rule, if not itself. */
  geoLeaders: (Hit | undefined)[] | undefined = undefined;
  #rules: Rule[] | undefined = undefined;

  constructor(bytes: Buffer, source: number, start: number, end: number) {
    this.bytes = bytes;
    this.source = source;
    this.start = start;
    this.end = end;
  }

  /** Whether the rules were read, and may have been changed since. */
  get isRead(): boolean {
    return this.#rules !== undefined;
  }

  /** The ranking rules' results; empty if the answer has none. */
  get rules(): Rule[] {
    this.#rules ??= this.detailsStart < 0 ? [] : readDetails(this.bytes, this.detailsStart);
    return this.#rules;
  }

  /** For listed documents, which bring values and no score details. */
  set rules(rules: Rule[]) {
    this.#rules = rules;
  }

  /** `_rankingScore`, or 0 if absent. */
  get score(): number {
    return this.scoreStart < 0 ? 0 : decodeNumber(this.bytes, this.scoreStart, this.scoreEnd);
  }
}

const UNDERSCORE = 0x5f;

/** Reads the array at `at` of an answer into hits. */
export function readHits(bytes: Uint8Array, at: number, source: number): Hit[] {
  const hits: Hit[] = [];
  readHitsInto(hits, bytes, at, source);
  return hits;
}

/** As readHits, into a list; returns the array's end. */
export function readHitsInto(hits: Hit[], bytes: Uint8Array, at: number, source: number): number {
  const buffer = asBuffer(bytes);
  const items = new Items(buffer, at);
  const members = new Members(EMPTY_OBJECT, 0);
  while (items.nextStart()) {
    const start = items.start;
    members.reset(buffer, start);
    let detailsStart = -1;
    let detailsEnd = -1;
    let scoreStart = -1;
    let scoreEnd = -1;
    let versionStart = -1;
    let versionEnd = -1;
    let hasFormatted = false;
    while (members.next()) {
      if (buffer[members.nameStart] !== UNDERSCORE) continue;
      if (members.isNamed(VERSION_FIELD)) {
        versionStart = members.valueStart + 1;
        versionEnd = members.valueEnd - 1;
      } else if (members.isNamed('_rankingScoreDetails')) {
        detailsStart = members.valueStart;
        detailsEnd = members.valueEnd;
      } else if (members.isNamed('_rankingScore')) {
        scoreStart = members.valueStart;
        scoreEnd = members.valueEnd;
      } else if (members.isNamed('_formatted')) {
        hasFormatted = true;
      }
    }
    items.advance(members.end);
    const hit = new Hit(buffer, source, start, members.end);
    hit.detailsStart = detailsStart;
    hit.detailsEnd = detailsEnd;
    hit.scoreStart = scoreStart;
    hit.scoreEnd = scoreEnd;
    hit.versionStart = versionStart;
    hit.versionEnd = versionEnd;
    hit.hasFormatted = hasFormatted;
    hits.push(hit);
  }
  return items.end;
}

const EMPTY_OBJECT = Buffer.from('{}');

/** Order of two hits by the user's rules alone: 0 is a tie. */
export function compareByRules(left: Hit, right: Hit): number {
  if (!left.isRead && !right.isRead && left.detailsStart >= 0 && right.detailsStart >= 0) {
    const order = compareDetailBytes(left, right);
    if (order !== undefined) return order;
  }
  return compareRules(left.rules, right.rules);
}

/** Order of two hits: rules, then version, then the node's place among the answers. */
export function compareHits(left: Hit, right: Hit): number {
  return compareByRules(left, right) || compareVersions(left, right) || left.source - right.source;
}

/** Bytes of the lane's part of a version: ten digits of three bytes. */
const SEQ_BYTES = 30;

/**
 * Order of two versions. The digits compare as bytes; the part after the lane's ten digits may be five
 * or six digits wide, the shorter one standing for the smaller number of leading zeros.
 */
export function compareVersions(left: Hit, right: Hit): number {
  if (left.versionStart < 0 || right.versionStart < 0) return 0;
  const leftBytes = left.versionEnd - left.versionStart;
  const rightBytes = right.versionEnd - right.versionStart;
  if (leftBytes === rightBytes) {
    return left.bytes.compare(
      right.bytes,
      right.versionStart,
      right.versionEnd,
      left.versionStart,
      left.versionEnd,
    );
  }
  return compareWidths(versionText(left), versionText(right));
}

function compareWidths(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

const DIGIT_ZERO = '\u2290';
const DIGIT_BYTES = 3;

function versionText(hit: Hit): string {
  const text = hit.bytes.toString('utf8', hit.versionStart, hit.versionEnd);
  const seqDigits = SEQ_BYTES / DIGIT_BYTES;
  return text.slice(0, seqDigits) + text.slice(seqDigits).padStart(6, DIGIT_ZERO);
}
