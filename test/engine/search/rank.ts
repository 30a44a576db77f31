/**
 * Finds and orders documents: the ranking rules of the settings, each as "rank of max". Words, exact
 * words, attribute and position are counted truly, proximity simply; there are no typos to count.
 */
import type { StoredDocument } from '../store.ts';
import type { Term } from './query.ts';
import { BREAK, type Entry, WordIndex } from './word-index.ts';

/** How well a document does by one rule. */
export interface Rank {
  readonly rank: number;
  readonly max: number;
}

/** A document that matches, with what its words tell. */
export interface Match {
  readonly document: StoredDocument;
  readonly entry: Entry;
  /** How many query words it matches; the query is cut to them. */
  readonly wordCount: number;
  readonly terms: readonly PreparedTerm[];
}

/** A term with the entries that match it. */
export interface PreparedTerm {
  readonly term: Term;
  readonly hits: Uint8Array;
  /** Ids of all words that count as this term (phrases: of each word). */
  readonly wordIds: readonly ReadonlySet<number>[];
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
  const alternatives = [term.words, ...synonyms];
  const ids = term.words.map(() => new Set<number>());
  for (const alternative of alternatives) {
    const isOwn = alternative === term.words;
    const sets = alternative.map((word) => idsOf(words, word, isOwn && term.isPrefix));
    if (isOwn || alternative.length === term.words.length) {
      sets.forEach((set, i) => {
        for (const id of set.keys()) ids[i]?.add(id);
      });
    }
    markHits(words, sets, { hits, fields, isPhrase: alternative.length > 1 || term.isPhrase });
  }
  return {
    term,
    hits,
    wordIds: ids,
    exactIds: term.words.map((word) => words.wordIds.get(word)),
  };
}

/** Ids of the words that match, with their postings. */
function idsOf(words: WordIndex, word: string, isPrefix: boolean): Map<number, readonly number[]> {
  const found = new Map<number, readonly number[]>();
  if (!isPrefix) {
    const id = words.wordIds.get(word);
    if (id !== undefined) found.set(id, words.postings.get(word) ?? []);
    return found;
  }
  for (const [candidate, id] of words.wordIds) {
    if (candidate.startsWith(word)) found.set(id, words.postings.get(candidate) ?? []);
  }
  return found;
}

function markHits(
  words: WordIndex,
  sets: readonly ReadonlyMap<number, readonly number[]>[],
  into: {
    readonly hits: Uint8Array;
    readonly fields: ReadonlySet<number> | undefined;
    readonly isPhrase: boolean;
  },
): void {
  const [first] = sets;
  if (first === undefined) return;
  const isPlain = sets.length === 1 && into.fields === undefined;
  for (const [, postings] of first) {
    for (const slot of postings) {
      if (into.hits[slot] === 1) continue;
      const entry = words.entries[slot];
      if (entry !== undefined && (isPlain || holdsRun(entry, sets, into.fields))) {
        into.hits[slot] = 1;
      }
    }
  }
}

/** Whether the words stand one after the other in one of the fields. */
function holdsRun(
  entry: Entry,
  sets: readonly { has(id: number): boolean }[],
  fields: ReadonlySet<number> | undefined,
): boolean {
  let isInField = fields === undefined;
  const { words } = entry;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    if (word < 0) isInField = fields === undefined || fields.has(WordIndex.fieldOf(word));
    else if (isInField && sets.every((set, k) => set.has(words[i + k] ?? BREAK))) return true;
  }
  return false;
}

/** Sum over terms of the best place among searchable attributes. */
export function attributeRank(words: WordIndex, match: Match): Rank {
  const weights = words.weightCount;
  const max = 1 + (weights - 1) * match.terms.length;
  if (weights === 1) return { rank: 1, max: 1 };
  let cost = 0;
  for (const prepared of match.terms) {
    let best = weights - 1;
    scan(match.entry, prepared, (fieldId) => {
      best = Math.min(best, Math.max(0, words.weightOf(words.fields[fieldId] ?? '')));
    });
    cost += best;
  }
  return { rank: max - cost, max };
}

const POSITION_STEPS = [0, 1, 4, 7, 11, 16, 24, 64, 256, 1024];

/** Sum over terms of how far from a field's start they stand. */
export function wordPosition(match: Match): Rank {
  const max = 1 + 10 * match.terms.length;
  let cost = 0;
  for (const prepared of match.terms) {
    let best = Number.POSITIVE_INFINITY;
    scan(match.entry, prepared, (_, position) => {
      best = Math.min(best, position);
    });
    const step = POSITION_STEPS.findIndex((limit) => best <= limit);
    cost += step < 0 ? 10 : step;
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
    if (left === undefined || right === undefined) continue;
    cost += gapBetween(match.entry, left, right);
  }
  return { rank: Math.max(1, max - cost), max };
}

function gapBetween(entry: Entry, left: PreparedTerm, right: PreparedTerm): number {
  const before: [number, number][] = [];
  scan(entry, left, (field, position) => before.push([field, position]));
  let best = GAP_MAX;
  scan(entry, right, (field, position) => {
    for (const [otherField, other] of before) {
      if (otherField !== field) continue;
      const distance =
        position > other ? position - other - left.term.words.length : other - position;
      if (distance >= 0) best = Math.min(best, distance);
    }
  });
  return best;
}

/** Calls back with field and position of every place where a term stands. */
function scan(
  entry: Entry,
  prepared: PreparedTerm,
  found: (fieldId: number, position: number) => void,
): void {
  const { words } = entry;
  let field = 0;
  let position = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    if (word < 0) {
      field = WordIndex.fieldOf(word);
      position = 0;
    } else if (word === BREAK) {
      position += 7;
    } else {
      if (prepared.wordIds.every((ids, k) => ids.has(words[i + k] ?? BREAK)))
        found(field, position);
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
  let matchType: Exactness['matchType'] = 'noExactMatch';
  if (query.every((id) => id !== undefined)) matchType = matchAttribute(match.entry, query);
  const present = new Set(match.entry.words);
  const matching = query.filter((id) => id !== undefined && present.has(id)).length;
  return { matchType, matchingWords: matching, maxMatchingWords: query.length };
}

function matchAttribute(entry: Entry, query: readonly number[]): Exactness['matchType'] {
  const { words } = entry;
  let best: Exactness['matchType'] = 'noExactMatch';
  for (let i = 0; i < words.length; i++) {
    if ((words[i] as number) >= 0) continue;
    if (!query.every((id, k) => words[i + 1 + k] === id)) continue;
    const after = words[i + 1 + query.length];
    const isWhole = after === undefined || after < 0 || isOnlyBreaks(words, i + 1 + query.length);
    if (isWhole) return 'exactMatch';
    best = 'matchesStart';
  }
  return best;
}

function isOnlyBreaks(words: Int32Array, from: number): boolean {
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
