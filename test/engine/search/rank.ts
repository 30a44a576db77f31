/**
 * How well a document matches, rule by rule, each as "rank of max". Words, exact words, attribute and
 * position are counted truly, proximity simply; there are no typos to count.
 */
import type { StoredDocument } from '../store.ts';
import type { Term } from './query.ts';
import { BREAK, type Entry, WordIndex } from './word-index.ts';

/** How well a document does by one rule. */
export interface Rank {
  readonly rank: number;
  readonly max: number;
}

/** A document that matches; the query is cut to the terms it matches. */
export interface Match {
  readonly document: StoredDocument;
  /** Undefined if the query has no words. */
  readonly entry: Entry | undefined;
  readonly terms: readonly PreparedTerm[];
}

/** A term with the entries that match it. */
export interface PreparedTerm {
  readonly term: Term;
  /** 1 for each entry that matches. */
  readonly hits: Uint8Array;
  /** 1 for each word that counts as this term (phrases: one table per word). */
  readonly wordFlags: readonly Uint8Array[];
  readonly exactIds: readonly (number | undefined)[];
}

/** Looks up which entries match a term. */
export function prepareTerm(
  words: WordIndex,
  term: Term,
  synonyms: readonly (readonly string[])[],
  fields: ReadonlySet<number> | undefined,
): PreparedTerm {
  const hits = new Uint8Array(words.entries.length);
  const wordFlags = term.words.map(() => new Uint8Array(words.wordIds.size));
  for (const alternative of [term.words, ...synonyms]) {
    const isOwn = alternative === term.words;
    const found = alternative.map((word) => findWords(words, word, isOwn && term.isPrefix));
    if (alternative.length === term.words.length) {
      found.forEach((list, i) => {
        for (const [id] of list) (wordFlags[i] as Uint8Array)[id] = 1;
      });
    }
    markHits(words, found, { hits, fields });
  }
  return {
    term,
    hits,
    wordFlags,
    exactIds: term.words.map((word) => words.wordIds.get(word)),
  };
}

type WordList = readonly (readonly [number, readonly number[]])[];

/** Ids of the words that match, with their postings. */
function findWords(words: WordIndex, word: string, isPrefix: boolean): WordList {
  if (!isPrefix) {
    const id = words.wordIds.get(word);
    return id === undefined ? [] : [[id, words.postings.get(word) ?? []]];
  }
  const found: [number, readonly number[]][] = [];
  for (const [candidate, id] of words.wordsFrom(word)) {
    found.push([id, words.postings.get(candidate) ?? []]);
  }
  return found;
}

function markHits(
  words: WordIndex,
  found: readonly WordList[],
  into: { readonly hits: Uint8Array; readonly fields: ReadonlySet<number> | undefined },
): void {
  const [first] = found;
  if (first === undefined) return;
  const isPlain = found.length === 1 && into.fields === undefined;
  const flags = isPlain
    ? []
    : found.map((list) => {
        const table = new Uint8Array(words.wordIds.size);
        for (const [id] of list) table[id] = 1;
        return table;
      });
  for (const [, postings] of first) {
    for (const slot of postings) {
      if (into.hits[slot] === 1) continue;
      if (isPlain || holdsRun(words.entries[slot] as Entry, flags, into.fields)) {
        into.hits[slot] = 1;
      }
    }
  }
}

/** Whether the words stand one after the other in one of the fields. */
function holdsRun(
  entry: Entry,
  flags: readonly Uint8Array[],
  fields: ReadonlySet<number> | undefined,
): boolean {
  let isInField = fields === undefined;
  const { words } = entry;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    if (word < 0) isInField = fields === undefined || fields.has(WordIndex.fieldOf(word));
    else if (isInField && startsRun(words, i, flags)) return true;
  }
  return false;
}

function startsRun(words: Int32Array, at: number, flags: readonly Uint8Array[]): boolean {
  for (let k = 0; k < flags.length; k++) {
    if ((flags[k] as Uint8Array)[words[at + k] ?? BREAK] !== 1) return false;
  }
  return true;
}

/** Words of the query that a match covers. */
export function wordCount(match: Match): number {
  let count = 0;
  for (const prepared of match.terms) count += prepared.term.words.length;
  return count;
}

/** Sum over terms of the best place among searchable attributes. */
export function attributeRank(words: WordIndex, match: Match): Rank {
  const weights = words.weightCount;
  if (weights === 1) return { rank: 1, max: 1 };
  const max = 1 + (weights - 1) * match.terms.length;
  let cost = 0;
  for (const prepared of match.terms) {
    let best = weights - 1;
    scan(match, prepared, (fieldId) => {
      best = Math.min(best, Math.max(0, words.weightOf(words.fields[fieldId] ?? '')));
    });
    cost += best;
  }
  return { rank: max - cost, max };
}

const POSITION_STEPS = [0, 1, 4, 7, 11, 16, 24, 64, 256, 1024];

/** Sum over terms of how far each stands from its place in the query. */
export function wordPosition(match: Match): Rank {
  const max = 1 + 10 * match.terms.length;
  let cost = 0;
  let place = 0;
  for (const prepared of match.terms) {
    let best = Number.POSITIVE_INFINITY;
    scan(match, prepared, (_, position) => {
      best = Math.min(best, Math.abs(position - place));
    });
    const step = POSITION_STEPS.findIndex((limit) => best <= limit);
    cost += step < 0 ? 10 : step;
    place += prepared.term.words.length;
  }
  return { rank: max - cost, max };
}

const GAP_MAX = 3;

/** Gaps between neighbouring terms of the query, at most 3 each. */
export function proximity(match: Match): Rank {
  const pairs = match.terms.length - 1;
  const max = 1 + GAP_MAX * pairs;
  let cost = 0;
  for (let i = 0; i < pairs; i++) {
    const left = match.terms[i];
    const right = match.terms[i + 1];
    if (left !== undefined && right !== undefined) cost += gapBetween(match, left, right);
  }
  return { rank: Math.max(1, max - cost), max };
}

function gapBetween(match: Match, left: PreparedTerm, right: PreparedTerm): number {
  const before: [number, number][] = [];
  scan(match, left, (field, position) => before.push([field, position]));
  let best = GAP_MAX;
  scan(match, right, (field, position) => {
    for (const [otherField, other] of before) {
      if (otherField !== field) continue;
      const distance =
        position > other ? position - other - left.term.words.length : other - position;
      if (distance >= 0 && distance < best) best = distance;
    }
  });
  return best;
}

const BREAK_DISTANCE = 7;

/** Calls back with field and position of every place where a term stands. */
function scan(
  match: Match,
  prepared: PreparedTerm,
  found: (fieldId: number, position: number) => void,
): void {
  const words = match.entry?.words;
  if (words === undefined) return;
  const { wordFlags } = prepared;
  const first = wordFlags[0] as Uint8Array;
  let field = 0;
  let position = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    if (word < 0) {
      field = WordIndex.fieldOf(word);
      position = 0;
    } else if (word === BREAK) {
      position += BREAK_DISTANCE;
    } else {
      if (first[word] === 1 && startsRun(words, i, wordFlags)) found(field, position);
      position += 1;
    }
  }
}

/** Exactness: a whole attribute, its start, or so many exact words. */
export interface Exactness {
  readonly matchType: 'exactMatch' | 'matchesStart' | 'noExactMatch';
  readonly matchingWords: number;
  readonly maxMatchingWords: number;
}

/** How exactly a document holds the query. */
export function exactness(match: Match): Exactness {
  const query = match.terms.flatMap((prepared) => prepared.exactIds);
  const words = match.entry?.words ?? new Int32Array(0);
  const isKnown = query.every((id) => id !== undefined);
  const matching = query.filter((id) => id !== undefined && words.includes(id)).length;
  return {
    matchType: isKnown ? matchAttribute(words, query) : 'noExactMatch',
    matchingWords: matching,
    maxMatchingWords: query.length,
  };
}

function matchAttribute(
  words: Int32Array,
  query: readonly (number | undefined)[],
): Exactness['matchType'] {
  let best: Exactness['matchType'] = 'noExactMatch';
  for (let i = 0; i < words.length; i++) {
    if ((words[i] as number) >= 0) continue;
    if (!query.every((id, k) => words[i + 1 + k] === id)) continue;
    if (endsField(words, i + 1 + query.length)) return 'exactMatch';
    best = 'matchesStart';
  }
  return best;
}

function endsField(words: Int32Array, from: number): boolean {
  for (let i = from; i < words.length; i++) {
    const word = words[i] as number;
    if (word < 0) return true;
    if (word !== BREAK) return false;
  }
  return true;
}

/** Exactness as one rank. */
export function exactnessRank(value: Exactness): Rank {
  const inner = value.maxMatchingWords + 1;
  const outer = { noExactMatch: 1, matchesStart: 2, exactMatch: 3 }[value.matchType];
  const rank = outer === 1 ? value.matchingWords + 1 : outer * inner;
  return { rank, max: 3 * inner };
}

/** Typos that a node would allow for the terms of a query. */
export function maxTypos(terms: readonly PreparedTerm[]): number {
  return terms.reduce((sum, { term }) => {
    if (term.isPhrase) return sum;
    return sum + ([...(term.words[0] ?? '')].length < 9 ? 1 : 2);
  }, 0);
}

/** One rank out of many, the first weighing most. */
export function globalScore(ranks: readonly Rank[]): number {
  let rank = 1;
  let max = 1;
  for (const inner of ranks) {
    rank = (rank - 1) * inner.max + inner.rank;
    max *= inner.max;
  }
  return rank / max;
}
