/** A query as terms: words, the last one a prefix, phrases in quotes, and what must not occur. */
import { isSeparator, normalizeWord, type TokenRules, tokenize } from './tokenize.ts';

const WORDS_MAX = 10;

/** One thing to look for. */
export interface Term {
  /** More than one word: a phrase. */
  readonly words: readonly string[];
  readonly isPrefix: boolean;
  readonly isPhrase: boolean;
}

/** A whole query. No terms: everything matches (placeholder search). */
export interface Query {
  readonly terms: readonly Term[];
  readonly negatives: readonly Term[];
}

/** Reads a query text. */
export function parseQuery(
  text: string,
  rules: TokenRules,
  options: { readonly stopWords: ReadonlySet<string>; readonly hasPrefixes: boolean },
): Query {
  const terms: Term[] = [];
  const negatives: Term[] = [];
  const last = text.at(-1);
  const endsOpen = last !== undefined && !isSeparator(last, rules);
  const pattern = /(-?)"([^"]*)(?:"|$)|([^"]+)/g;
  for (const found of text.matchAll(pattern)) {
    const [, minus, phrase, plain] = found;
    if (phrase !== undefined) {
      const words = tokenize(phrase, rules).map((word) => word.text);
      if (words.length === 0) continue;
      const term: Term = { words, isPrefix: false, isPhrase: true };
      (minus === '-' ? negatives : terms).push(term);
    } else if (plain !== undefined) {
      const isEnd = found.index + plain.length === text.length;
      addWords(plain.replace(/-$/, ''), { rules, terms, negatives, ...options });
      const newest = terms.at(-1);
      if (isEnd && endsOpen && options.hasPrefixes && newest?.isPhrase === false) {
        const isNegativeLast = /(^|\s)-\S+$/.test(plain);
        const tail = tokenize(plain, rules).at(-1)?.text;
        if (!isNegativeLast && tail === newest.words[0]) {
          terms[terms.length - 1] = { ...newest, isPrefix: true };
        }
      }
    }
  }
  return { terms: limitWords(terms), negatives };
}

interface Collecting {
  readonly rules: TokenRules;
  readonly terms: Term[];
  readonly negatives: Term[];
  readonly stopWords: ReadonlySet<string>;
}

function addWords(plain: string, into: Collecting): void {
  for (const part of plain.split(/\s+/)) {
    const isNegative = part.length > 1 && part.startsWith('-');
    const words = tokenize(isNegative ? part.slice(1) : part, into.rules);
    words.forEach((word, i) => {
      const term: Term = { words: [word.text], isPrefix: false, isPhrase: false };
      if (isNegative && i === 0) into.negatives.push(term);
      else if (!into.stopWords.has(normalizeWord(word.text))) into.terms.push(term);
    });
  }
}

function limitWords(terms: readonly Term[]): Term[] {
  const kept: Term[] = [];
  let count = 0;
  for (const term of terms) {
    if (count + term.words.length > WORDS_MAX) break;
    count += term.words.length;
    kept.push(term);
  }
  return kept;
}
