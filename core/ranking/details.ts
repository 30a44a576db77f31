/**
 * `_rankingScoreDetails` of a hit, read into what the merge compares: one Rule per ranking rule, in the
 * order in which the node applied them (contract 4.2 to 4.4).
 *
 * Absolute counts come before ratios: two shards may divide the same count by different maxima, since
 * the maximum depends on the words each of them knows.
 */
import {
  decodeNumber,
  decodeString,
  isText,
  MalformedAnswer,
  skipString,
  skipValue,
} from '../json/slice.ts';

/** What a rule's result is. RANK: larger `first`, then larger `second`, is better. */
export const RULE_RANK = 0;
/** A sort rule; `valueKind` says what its value is. */
export const RULE_SORT = 1;
/** A sort by distance; `first` is the metres, or NaN where the document has no point. */
export const RULE_GEO = 2;
/** Similarity of a vector; `first`, or -1 where the document has no vector. */
export const RULE_VECTOR = 3;
/** The node ran out of time before this rule: worst possible rank. */
export const RULE_SKIPPED = 4;
/** Placed by a dynamic rule at position `first`. */
export const RULE_PIN = 5;
/** Our own last rule: says no more than the version does. */
export const RULE_VERSION = 6;

/** Kinds of a sort value, in the order in which they sort (null is last in both directions). */
export const VALUE_NUMBER = 0;
/** See VALUE_NUMBER. */
export const VALUE_TEXT = 1;
/** See VALUE_NUMBER. */
export const VALUE_NULL = 2;

/** Result of one ranking rule for one hit. One shape for all kinds, so that engines keep it fast. */
export class Rule {
  kind = RULE_RANK;
  first = 0;
  second = 0;
  /** Of `score`, as the node gave it; 0 to 1. */
  score = 0;
  /** How many steps the rule has, or 0 where the details do not say. */
  max = 0;
  isAscending = false;
  valueKind = VALUE_NULL;
  /** A text value with its quotes: decoded only where it is compared. */
  textStart = 0;
  textEnd = 0;
  #text: string | undefined = undefined;
  readonly #bytes: Uint8Array;
  order = 0;
  /** Name of the rule: between these positions of the answer's bytes. */
  nameStart = 0;
  nameEnd = 0;
  /** The rule's object. */
  valueStart = 0;
  valueEnd = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The text that is compared; empty unless valueKind is VALUE_TEXT. */
  get text(): string {
    if (this.#text === undefined) {
      const { textStart, textEnd } = this;
      this.#text = textEnd === 0 ? '' : decodeString(this.#bytes, textStart, textEnd);
    }
    return this.#text;
  }

  set text(text: string) {
    this.#text = text;
  }
}

/** Reads the object at `start`; an empty list for `{}`. */
export function readDetails(bytes: Uint8Array, start: number): Rule[] {
  const rules: Rule[] = [];
  let at = start + 1;
  let isSorted = true;
  while (bytes[at] !== CLOSE_BRACE) {
    if (bytes[at] === COMMA) at += 1;
    if (bytes[at] !== QUOTE) throw new MalformedAnswer(`no ranking rule at byte ${at}`);
    const nameEnd = skipString(bytes, at);
    const rule = readRule(bytes, at + 1, nameEnd - 1);
    const previous = rules[rules.length - 1];
    if (previous !== undefined && previous.order > rule.order) isSorted = false;
    rules.push(rule);
    at = rule.valueEnd;
  }
  if (!isSorted) rules.sort((left, right) => left.order - right.order);
  return rules;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SMALL_N = 0x6e;

/**
 * Reads one rule: its name lies between the positions, its object follows the closing quote and a colon.
 * This runs for every hit that is compared, so members are told apart by their length and first letter
 * and nothing is allocated besides the Rule.
 */
export function readRule(bytes: Uint8Array, nameStart: number, nameEnd: number): Rule {
  const rule = new Rule(bytes);
  rule.nameStart = nameStart;
  rule.nameEnd = nameEnd;
  rule.valueStart = nameEnd + 2;
  let at = rule.valueStart;
  if (bytes[at] !== OPEN_BRACE) throw new MalformedAnswer(`no ranking rule at byte ${at}`);
  do {
    const memberStart = at + 2;
    let memberEnd = memberStart;
    while (bytes[memberEnd] !== QUOTE) {
      if (memberEnd >= bytes.length) throw new MalformedAnswer(`rule at byte ${at} does not end`);
      memberEnd += 1;
    }
    at = readMember(rule, bytes, memberStart, memberEnd);
  } while (bytes[at] === COMMA);
  if (bytes[at] !== CLOSE_BRACE) throw new MalformedAnswer(`rule at byte ${at} does not end`);
  rule.valueEnd = at + 1;
  settle(rule, bytes);
  return rule;
}

/** Reads one member's value into the rule; returns its end. */
function readMember(rule: Rule, bytes: Uint8Array, start: number, end: number): number {
  const at = end + 2;
  switch (end - start) {
    case 'order'.length:
      if (bytes[start] === 0x76) return readSortValue(rule, bytes, at);
      if (bytes[start] === 0x73) return readNumber(rule, 'score', bytes, at);
      return readNumber(rule, 'order', bytes, at);
    case 'matchingWords'.length:
      return readNumber(rule, isWords(rule, bytes) ? 'first' : 'second', bytes, at);
    case 'maxMatchingWords'.length:
    case 'maxTypoCount'.length:
      return readNumber(rule, 'max', bytes, at);
    case 'typoCount'.length:
      if (bytes[start] === 0x6d) return readMatchType(rule, bytes, at);
      return readNumber(rule, 'first', bytes, at);
    case 'attributeRankingOrderScore'.length:
      return readNumber(rule, 'first', bytes, at);
    case 'queryWordDistanceScore'.length:
      return readNumber(rule, 'second', bytes, at);
    case 'similarity'.length:
    case 'distance'.length:
      return readNumber(rule, 'first', bytes, at);
    default:
      return skipValue(bytes, at);
  }
}

function isWords(rule: Rule, bytes: Uint8Array): boolean {
  return bytes[rule.nameStart] === 0x77;
}

/** Powers of ten up to which dividing is as exact as a comparison within an epsilon needs. */
const TENTHS = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
  1e18, 1e19,
];

/** Reads a count or ratio; NaN for null. */
function readNumber(
  rule: Rule,
  into: 'order' | 'score' | 'first' | 'second' | 'max',
  bytes: Uint8Array,
  start: number,
): number {
  let at = start;
  let digits = 0;
  let decimals = -1;
  for (;;) {
    const byte = bytes[at] as number;
    if (byte >= 0x30 && byte <= 0x39) {
      digits = digits * 10 + byte - 0x30;
      if (decimals >= 0) decimals += 1;
    } else if (byte === 0x2e && decimals < 0) {
      decimals = 0;
    } else {
      break;
    }
    at += 1;
  }
  const byte = bytes[at];
  if ((byte === COMMA || byte === CLOSE_BRACE) && decimals < TENTHS.length) {
    rule[into] = decimals <= 0 ? digits : digits / (TENTHS[decimals] as number);
    return at;
  }
  const end = skipValue(bytes, start);
  rule[into] = bytes[start] === SMALL_N ? Number.NaN : decodeNumber(bytes, start, end);
  return end;
}

const MATCH_TYPES = ['noExactMatch', 'matchesStart', 'exactMatch'] as const;

function readMatchType(rule: Rule, bytes: Uint8Array, start: number): number {
  const end = skipString(bytes, start);
  rule.first = MATCH_TYPES.findIndex((type) => isText(bytes, start + 1, end - 1, type));
  return end;
}

function readSortValue(rule: Rule, bytes: Uint8Array, start: number): number {
  const end = skipValue(bytes, start);
  const byte = bytes[start] as number;
  if (byte === QUOTE) {
    rule.valueKind = VALUE_TEXT;
    rule.textStart = start;
    rule.textEnd = end;
  } else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
    rule.valueKind = VALUE_NUMBER;
    rule.first = decodeNumber(bytes, start, end);
  } else {
    rule.valueKind = VALUE_NULL;
  }
  return end;
}

/** Makes one scale of what was read: which kind it is, and which number is compared. */
function settle(rule: Rule, bytes: Uint8Array): void {
  const { nameStart, nameEnd } = rule;
  switch (nameEnd - nameStart) {
    case 'pin'.length:
      if (isText(bytes, nameStart, nameEnd, 'pin')) rule.kind = RULE_PIN;
      else settleSort(rule, bytes);
      return;
    case 'typo'.length:
      if (isText(bytes, nameStart, nameEnd, 'typo')) {
        rule.first = -rule.first;
        rule.max += 1;
      } else settleSort(rule, bytes);
      return;
    case 'words'.length:
      if (!isText(bytes, nameStart, nameEnd, 'words')) settleSort(rule, bytes);
      return;
    case 'skipped'.length:
      if (isText(bytes, nameStart, nameEnd, 'skipped')) rule.kind = RULE_SKIPPED;
      else settleSort(rule, bytes);
      return;
    default:
      settleLong(rule, bytes);
  }
}

function settleLong(rule: Rule, bytes: Uint8Array): void {
  const { nameStart, nameEnd } = rule;
  const last = bytes[nameEnd - 1];
  const isSort = last === 0x63 && bytes[nameEnd - 4] === 0x3a ? true : bytes[nameEnd - 5] === 0x3a;
  if (isSort) {
    settleSort(rule, bytes);
  } else if (isText(bytes, nameStart, nameEnd, 'vectorSort')) {
    rule.kind = RULE_VECTOR;
    if (Number.isNaN(rule.first)) rule.first = -1;
  } else if (isScored(bytes, nameStart, nameEnd)) {
    rule.first = rule.score;
  } else if (rule.max > 0) {
    // exactness: three match types, and within the last of them 0 to all words
    rule.max = MATCH_TYPES.length * (rule.max + 1);
  }
}

/** Rules of which only the ratio is shown. */
function isScored(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    isText(bytes, start, end, 'proximity') ||
    isText(bytes, start, end, 'attributeRank') ||
    isText(bytes, start, end, 'wordPosition')
  );
}

const VERSION_RULE = '_miroir_version:asc';
const GEO_PREFIX = '_geoPoint(';

function settleSort(rule: Rule, bytes: Uint8Array): void {
  const { nameStart, nameEnd } = rule;
  rule.isAscending = isText(bytes, nameEnd - 4, nameEnd, ':asc');
  if (isText(bytes, nameStart, nameEnd, VERSION_RULE)) rule.kind = RULE_VERSION;
  else if (isText(bytes, nameStart, nameStart + GEO_PREFIX.length, GEO_PREFIX))
    rule.kind = RULE_GEO;
  else rule.kind = RULE_SORT;
}
