/**
 * Orders two hits by their score details without reading them whole: equal bytes are equal results, so
 * only the rule in which the bytes first differ is read. Most pairs differ in one rule, or only in our
 * own last one.
 *
 * Every rule reads `"name":{"order":N,…}`. Inside a text a quote is escaped, so the bytes `{"order":`
 * can only be the start of a rule.
 */
import { compareSameKind } from './compare.ts';
import { RULE_VERSION, readRule } from './details.ts';

const RULE_HEAD = Buffer.from('{"order":');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where the details of a hit lie: from the opening to after the closing brace. */
export interface DetailsSpan {
  readonly bytes: Buffer;
  readonly detailsStart: number;
  readonly detailsEnd: number;
}

/** Negative: left first. 0: a tie. Undefined: the details must be read whole to tell. */
export function compareDetailBytes(left: DetailsSpan, right: DetailsSpan): number | undefined {
  const a = left.bytes;
  const b = right.bytes;
  let i = left.detailsStart;
  let j = right.detailsStart;
  for (;;) {
    const from = i;
    const end = left.detailsEnd;
    while (i < end && a[i] === b[j]) {
      i += 1;
      j += 1;
    }
    // Neither of two whole objects is the beginning of the other.
    if (i >= end) return 0;
    const head = findRuleHead(a, from, i);
    if (head < 0) return undefined;
    const nameStart = findNameStart(a, from, head - 2);
    if (nameStart < 0) return undefined;
    const rule = readRule(a, nameStart, head - 2);
    if (rule.valueEnd <= i) return undefined;
    const other = readRule(b, nameStart + j - i, head - 2 + j - i);
    if (rule.kind !== other.kind) return undefined;
    if (rule.kind === RULE_VERSION) return 0;
    const order = compareSameKind(rule, other);
    if (order !== 0) return order;
    i = rule.valueEnd;
    j = other.valueEnd;
  }
}

/** The last rule's object that begins, whole head and all, between the positions; -1 if none does. */
function findRuleHead(bytes: Buffer, from: number, before: number): number {
  for (let at = before - RULE_HEAD.length; at > from; at -= 1) {
    if (bytes[at] === 0x7b && bytes[at + 1] === QUOTE && isHead(bytes, at)) return at;
  }
  return -1;
}

function isHead(bytes: Buffer, at: number): boolean {
  for (let place = 2; place < RULE_HEAD.length; place += 1) {
    if (bytes[at + place] !== RULE_HEAD[place]) return false;
  }
  return true;
}

/** First character of the name that ends before the quote at `end`; -1 if quotes in it are escaped. */
function findNameStart(bytes: Buffer, from: number, end: number): number {
  let at = end - 1;
  while (at >= from && bytes[at] !== QUOTE) at -= 1;
  return at < from || bytes[at - 1] === BACKSLASH || bytes[end - 1] === BACKSLASH ? -1 : at + 1;
}
