/**
 * Words to make texts of: common ones (so that many documents tie), families one typo or one prefix
 * apart, compounds that can be split, and other scripts.
 */
import type { Rng } from './rng.ts';

/** Everyday words; a query of one of them finds many documents. */
export const COMMON: readonly string[] =
  'ocean quiet star night train whale harbour winter garden light river stone paper music engine signal market bridge forest letter mirror copper silver window summer table orange circle number shadow'.split(
    ' ',
  );

/** Families: prefixes of one another, one or two typos apart. */
export const CLOSE: readonly string[] =
  'star start stars stark starlight stat stay night nights knight nightly light lights slight lighthouse read reads reader ready red reed read-only cat cats cart card care cared careful car'.split(
    ' ',
  );

/** Compounds and their parts. */
export const COMPOUND: readonly string[] =
  'sun flower sunflower rain bow rainbow note book notebook fire wall firewall air port airport'.split(
    ' ',
  );

/** Words of other scripts and with marks. */
export const WORLD: readonly string[] = [
  'crème',
  'brûlée',
  'naïve',
  'Ångström',
  'straße',
  'İstanbul',
  'Ελλάδα',
  'Привет',
  'мир',
  'שלום',
  'سلام',
  '上海',
  '北京',
  'สวัสดี',
  'हिन्दी',
  'ﬁne',
  'e\u0301te\u0301',
  '🚀',
  '👩‍👩‍👧',
  'Ⅷ',
];

/** Words that are often stop words. */
export const STOPPERS: readonly string[] = ['the', 'of', 'a', 'and', 'in', 'to'];

/** Separators between the words of a text. */
const GLUE: readonly string[] = [
  ' ',
  ' ',
  ' ',
  ' ',
  ' ',
  ', ',
  '. ',
  '; ',
  '-',
  '_',
  "'s ",
  '/',
  '! ',
];

/** A word, most often a common one. */
export function word(rng: Rng): string {
  return rng.weighted<() => string>([
    [60, () => rng.pick(COMMON)],
    [20, () => rng.pick(CLOSE)],
    [7, () => rng.pick(COMPOUND)],
    [6, () => rng.pick(STOPPERS)],
    [4, () => rng.pick(WORLD)],
    [2, () => String(rng.int(0, 2025))],
    [1, () => `x${rng.int(0, 99)}y`],
  ])();
}

/** A text of so many words. */
export function text(rng: Rng, low: number, high: number): string {
  let result = '';
  const count = rng.int(low, high);
  for (let i = 0; i < count; i++) {
    const next = word(rng);
    const cased = i === 0 || rng.chance(0.1) ? next.charAt(0).toUpperCase() + next.slice(1) : next;
    result += i === 0 ? cased : rng.pick(GLUE) + cased;
  }
  return rng.chance(0.3) ? `${result}.` : result;
}

/** The word with one letter changed, left out, added or swapped. */
export function misspell(rng: Rng, original: string): string {
  const letters = [...original];
  if (letters.length < 3) return original;
  const at = rng.int(0, letters.length - 1);
  const letter = String.fromCharCode(97 + rng.int(0, 25));
  rng.pick([
    () => letters.splice(at, 1),
    () => letters.splice(at, 1, letter),
    () => letters.splice(at, 0, letter),
    () => {
      const other = Math.min(at + 1, letters.length - 1);
      [letters[at], letters[other]] = [letters[other] as string, letters[at] as string];
    },
  ])();
  return letters.join('');
}
