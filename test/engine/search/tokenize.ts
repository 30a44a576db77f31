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
const HARD = /[!;?\n]|[.,](?=\s)/;

/** What decides where words end. */
export interface TokenRules {
  readonly separators: ReadonlySet<string>;
  readonly nonSeparators: ReadonlySet<string>;
}

/** The words of a text in order. */
export function tokenize(text: string, rules: TokenRules): Word[] {
  const words: Word[] = [];
  let start = -1;
  let isAfterBreak = false;
  const close = (end: number) => {
    if (start >= 0) {
      const word = normalizeWord(text.slice(start, end));
      if (word !== '') {
        words.push({ text: word, start, end, isAfterBreak });
        isAfterBreak = false;
      }
    }
    start = -1;
  };
  for (let i = 0; i < text.length; ) {
    const char = String.fromCodePoint(text.codePointAt(i) ?? 0);
    if (isSeparator(char, rules)) {
      close(i);
      if (HARD.test(text.slice(i, i + 2))) isAfterBreak = true;
    } else if (char > '\u2e7f' && SINGLE.test(char)) {
      close(i);
      start = i;
      close(i + char.length);
    } else if (start < 0) {
      start = i;
    }
    i += char.length;
  }
  close(text.length);
  return words;
}

/** Whether a character parts words. */
export function isSeparator(char: string, rules: TokenRules): boolean {
  const code = char.charCodeAt(0);
  const isPlain = code < 128 ? ASCII_SEPARATORS[code] === 1 : SEPARATOR.test(char);
  if (isPlain) return rules.nonSeparators.size === 0 || !rules.nonSeparators.has(char);
  return rules.separators.size > 0 && rules.separators.has(char);
}

const ASCII_SEPARATORS = Uint8Array.from({ length: 128 }, (_, code) =>
  code === 0 || SEPARATOR.test(String.fromCharCode(code)) ? 1 : 0,
);

/** A word as it is compared. */
export function normalizeWord(text: string): string {
  if (/^[a-z0-9]*$/.test(text)) return text;
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}
