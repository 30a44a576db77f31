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
  Members,
  skipString,
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
export const VALUE_TEXT = 1;
export const VALUE_NULL = 2;

/** Result of one ranking rule for one hit. One shape for all kinds, so that engines keep it fast. */
export class Rule {
  kind = RULE_RANK;
  first = 0;
  second = 0;
  /** Of `score`, as the node gave it; 0 to 1. */
  score = 0;
  /** Largest possible count of the rule, or 0 where the details do not say. */
  max = 0;
  isAscending = false;
  valueKind = VALUE_NULL;
  text = '';
  order = 0;
  /** Name of the rule: between these positions of the answer's bytes. */
  nameStart = 0;
  nameEnd = 0;
  /** The rule's object. */
  valueStart = 0;
  valueEnd = 0;
}

const inner = new Members(Buffer.from('{}'), 0);

/** Reads the object at `start`; an empty list for `{}`. */
export function readDetails(bytes: Uint8Array, start: number): Rule[] {
  const rules: Rule[] = [];
  let at = start + 1;
  let isSorted = true;
  while (bytes[at] !== CLOSE_BRACE) {
    if (bytes[at] === COMMA) at += 1;
    if (bytes[at] !== QUOTE) throw new MalformedAnswer(`no ranking rule at byte ${at}`);
    const nameEnd = skipString(bytes, at);
    const rule = readRule(bytes, at + 1, nameEnd - 1, nameEnd + 1);
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
const CLOSE_BRACE = 0x7d;
const SMALL_N = 0x6e;

const MATCH_TYPES = ['noExactMatch', 'matchesStart', 'exactMatch'] as const;

function readRule(bytes: Uint8Array, nameStart: number, nameEnd: number, valueAt: number): Rule {
  const rule = new Rule();
  rule.nameStart = nameStart;
  rule.nameEnd = nameEnd;
  rule.valueStart = valueAt;
  const name = knownName(bytes, nameStart, nameEnd);
  inner.reset(bytes, valueAt);
  while (inner.next()) readField(rule, name, bytes);
  rule.valueEnd = inner.end;
  settle(rule, name, bytes);
  return rule;
}

type KnownName = (typeof NAMES)[number] | '';
const NAMES = [
  'words',
  'typo',
  'proximity',
  'attribute',
  'attributeRank',
  'wordPosition',
  'exactness',
  'vectorSort',
  'skipped',
  'pin',
] as const;

function knownName(bytes: Uint8Array, start: number, end: number): KnownName {
  for (const name of NAMES) if (isText(bytes, start, end, name)) return name;
  return '';
}

function readField(rule: Rule, name: KnownName, bytes: Uint8Array): void {
  const { valueStart, valueEnd } = inner;
  if (inner.isNamed('order')) {
    rule.order = decodeNumber(bytes, valueStart, valueEnd);
  } else if (inner.isNamed('score')) {
    rule.score = decodeNumber(bytes, valueStart, valueEnd);
  } else if (inner.isNamed('matchingWords')) {
    const words = decodeNumber(bytes, valueStart, valueEnd);
    if (name === 'words') rule.first = words;
    else rule.second = words;
  } else if (inner.isNamed('typoCount')) {
    rule.first = -decodeNumber(bytes, valueStart, valueEnd);
  } else if (inner.isNamed('maxMatchingWords') || inner.isNamed('maxTypoCount')) {
    rule.max = decodeNumber(bytes, valueStart, valueEnd) + (name === 'typo' ? 1 : 0);
  } else if (inner.isNamed('attributeRankingOrderScore')) {
    rule.first = decodeNumber(bytes, valueStart, valueEnd);
  } else if (inner.isNamed('queryWordDistanceScore')) {
    rule.second = decodeNumber(bytes, valueStart, valueEnd);
  } else if (inner.isNamed('matchType')) {
    rule.first = MATCH_TYPES.findIndex((type) => isText(bytes, valueStart + 1, valueEnd - 1, type));
  } else if (inner.isNamed('value')) {
    readSortValue(rule, bytes, valueStart, valueEnd);
  } else if (
    inner.isNamed('distance') ||
    inner.isNamed('similarity') ||
    inner.isNamed('position')
  ) {
    const isNull = bytes[valueStart] === SMALL_N;
    rule.first = isNull ? Number.NaN : decodeNumber(bytes, valueStart, valueEnd);
  }
}

function readSortValue(rule: Rule, bytes: Uint8Array, start: number, end: number): void {
  const byte = bytes[start] as number;
  if (byte === QUOTE) {
    rule.valueKind = VALUE_TEXT;
    rule.text = decodeString(bytes, start, end);
  } else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
    rule.valueKind = VALUE_NUMBER;
    rule.first = decodeNumber(bytes, start, end);
  } else {
    rule.valueKind = VALUE_NULL;
  }
}

/** Makes one scale of what was read: which kind it is, and which number is compared. */
function settle(rule: Rule, name: KnownName, bytes: Uint8Array): void {
  switch (name) {
    case 'words':
    case 'typo':
    case 'attribute':
    case 'exactness':
      return;
    case 'proximity':
    case 'attributeRank':
    case 'wordPosition':
      rule.first = rule.score;
      return;
    case 'vectorSort':
      rule.kind = RULE_VECTOR;
      if (Number.isNaN(rule.first)) rule.first = -1;
      return;
    case 'skipped':
      rule.kind = RULE_SKIPPED;
      return;
    case 'pin':
      rule.kind = RULE_PIN;
      return;
    default:
      settleSort(rule, bytes);
  }
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
