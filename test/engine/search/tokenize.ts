/** Splits text into words as a node does for space-separated languages: case and accents fall away. */

/** One word of a text. */
export interface Word {
  /** Lowercase, without accents. */
  readonly text: string;
  /** Offsets in the original, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Whether a sentence end or the like lies before it. */
  readonly isAfterBreak: boolean;
}

const SEPARATOR = /[\s\p{P}+`\u2200-\u22ff]/u;
const SINGLE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
const CJK_FROM = 0x0e00;

/** What decides where words end. */
export interface TokenRules {
  readonly separators: ReadonlySet<string>;
  readonly nonSeparators: ReadonlySet<string>;
}

const ASCII_SEPARATORS = Uint8Array.from({ length: 128 }, (_, code) =>
  code === 0 || SEPARATOR.test(String.fromCharCode(code)) ? 1 : 0,
);

/** The words of a text in order. */
export function tokenize(text: string, rules: TokenRules): Word[] {
  const words: Word[] = [];
  const isPlain = rules.separators.size === 0 && rules.nonSeparators.size === 0;
  let start = -1;
  let isAscii = true;
  let isAfterBreak = false;
  const close = (end: number) => {
    const slice = text.slice(start, end);
    const word = isAscii ? slice.toLowerCase() : normalizeWord(slice);
    if (word !== '') {
      words.push({ text: word, start, end, isAfterBreak });
      isAfterBreak = false;
    }
    start = -1;
    isAscii = true;
  };
  for (let i = 0; i < text.length; ) {
    const code = text.codePointAt(i) as number;
    const size = code > 0xffff ? 2 : 1;
    const parts =
      code < 128 && isPlain
        ? ASCII_SEPARATORS[code] === 1
        : isSeparator(String.fromCodePoint(code), rules);
    if (parts) {
      if (start >= 0) close(i);
      if (isBreak(code, text, i)) isAfterBreak = true;
    } else if (code >= CJK_FROM && SINGLE.test(String.fromCodePoint(code))) {
      if (start >= 0) close(i);
      start = i;
      isAscii = false;
      close(i + size);
    } else {
      if (start < 0) start = i;
      if (code >= 128) isAscii = false;
    }
    i += size;
  }
  if (start >= 0) close(text.length);
  return words;
}

/** `!` `;` `?`, a new line, and a point or comma before white space. */
function isBreak(code: number, text: string, at: number): boolean {
  if (code === 0x21 || code === 0x3b || code === 0x3f || code === 0x0a) return true;
  if (code !== 0x2e && code !== 0x2c) return false;
  const next = text.charCodeAt(at + 1);
  return next === 0x20 || next === 0x0a || next === 0x09;
}

/** Whether a character parts words. */
export function isSeparator(char: string, rules: TokenRules): boolean {
  const code = char.charCodeAt(0);
  const isPlain = code < 128 ? ASCII_SEPARATORS[code] === 1 : SEPARATOR.test(char);
  if (isPlain) return rules.nonSeparators.size === 0 || !rules.nonSeparators.has(char);
  return rules.separators.size > 0 && rules.separators.has(char);
}

/** A word as it is compared. */
export function normalizeWord(text: string): string {
  if (/^[a-z0-9]*$/.test(text)) return text;
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}
