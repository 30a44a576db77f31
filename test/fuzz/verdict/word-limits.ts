/**
 * Where the words that a node knows decide which documents are found: a query word that can be split
 * into two known words, a prefix of more words than a node looks at, and more words one or two typos
 * away than it looks at. The limits are the engine's own.
 */
import type { Write } from '../history.ts';
import { isObj, type Json } from '../json.ts';

const PREFIX_WORDS_MAX = 1000;
const ONE_TYPO_WORDS_MAX = 150;
const TWO_TYPO_WORDS_MAX = 50;
const BREAK = /[^\p{L}\p{N}\p{M}]+/u;

/** True if any word of the query is bound so. */
export function isVocabularyBound(q: string, writes: readonly Write[]): boolean {
  const known = knownWords(writes);
  const words = q
    .toLowerCase()
    .split(BREAK)
    .filter((word) => word !== '');
  const last = words.at(-1) ?? '';
  if (countAtLeast(known, PREFIX_WORDS_MAX, (word) => word.startsWith(last))) return true;
  const joined = words.slice(1).map((word, at) => `${words[at]}${word}`);
  return [...words, ...joined].some(
    (word) =>
      isSplit(word, known) ||
      countAtLeast(known, TWO_TYPO_WORDS_MAX, (other) => isWithin(word, other, 2)) ||
      countAtLeast(known, ONE_TYPO_WORDS_MAX, (other) => isWithin(word, other, 1)),
  );
}

/** True if both halves of a word are known. */
function isSplit(word: string, known: ReadonlySet<string>): boolean {
  const letters = [...word];
  return letters.some((_, at) => {
    if (at === 0) return false;
    return known.has(letters.slice(0, at).join('')) && known.has(letters.slice(at).join(''));
  });
}

function knownWords(writes: readonly Write[]): ReadonlySet<string> {
  const words = new Set<string>();
  const collect = (value: Json | undefined): void => {
    if (typeof value === 'string') {
      for (const word of value.toLowerCase().split(BREAK)) if (word !== '') words.add(word);
    } else if (Array.isArray(value)) value.forEach(collect);
    else if (value instanceof Map) [...value.values()].forEach(collect);
    else if (isObj(value)) Object.values(value).forEach(collect);
  };
  for (const write of writes) write.documents?.forEach(collect);
  return words;
}

function countAtLeast(
  words: ReadonlySet<string>,
  limit: number,
  test: (word: string) => boolean,
): boolean {
  let count = 0;
  for (const word of words) {
    if (test(word)) count += 1;
    if (count >= limit) return true;
  }
  return false;
}

/** True if so many typos are enough; also for a beginning of the other word. */
function isWithin(word: string, other: string, typos: number): boolean {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= word.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] as number) + (word[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return Math.min(...row) <= typos;
}
