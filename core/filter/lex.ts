/**
 * Splits a filter into tokens as a node's own lexer does (filter-parser/src/value.rs): words of letters,
 * digits, `_`, `-` and `.`; texts in single or double quotes with `\` before a quote; operators.
 */

import { unescapeText } from './unescape.ts';

/** A piece of a filter. */
export interface Token {
  /** `word` bare, `quoted` in quotes, `mark` an operator or bracket. */
  readonly kind: 'word' | 'quoted' | 'mark';
  /** Without quotes and escapes. */
  readonly text: string;
  /** Where it begins in the filter, and where what follows it does. */
  readonly start: number;
  readonly end: number;
}

const WORD = /[\p{Alphabetic}\p{N}_\-.]+/uy;
const MARKS = ['!=', '>=', '<=', '=', '>', '<', '(', ')', '[', ']', ','] as const;
const SPACE = /\s+/uy;

/** The tokens of a filter, or undefined if it holds what no token may be. */
export function lexFilter(filter: string): Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  while (at < filter.length) {
    SPACE.lastIndex = at;
    if (SPACE.test(filter)) {
      at = SPACE.lastIndex;
      continue;
    }
    const first = filter[at] as string;
    if (first === '"' || first === "'") {
      const quoted = readQuoted(filter, at, first);
      if (quoted === undefined) return undefined;
      tokens.push({ kind: 'quoted', text: quoted.text, start: at, end: quoted.end });
      at = quoted.end;
      continue;
    }
    WORD.lastIndex = at;
    if (WORD.test(filter)) {
      const end = WORD.lastIndex;
      tokens.push({ kind: 'word', text: filter.slice(at, end), start: at, end });
      at = end;
      continue;
    }
    const mark = MARKS.find((candidate) => filter.startsWith(candidate, at));
    if (mark === undefined) return undefined;
    tokens.push({ kind: 'mark', text: mark, start: at, end: at + mark.length });
    at += mark.length;
  }
  return tokens;
}

function readQuoted(
  filter: string,
  start: number,
  quote: string,
): { text: string; end: number } | undefined {
  for (let at = start + 1; at < filter.length; at += 1) {
    const character = filter[at];
    if (character === '\\') at += 1;
    if (character !== quote) continue;
    const text = unescapeText(filter.slice(start + 1, at));
    return text === undefined ? undefined : { text, end: at + 1 };
  }
  return undefined;
}
