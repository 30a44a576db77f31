/** Values in queries that several routes read alike. */

/** Words between commas; one comma may end them. */
export function readList(text: string): string[] {
  const words = text.split(',');
  if (words.at(-1) === '') words.pop();
  return words;
}

/** `true` or `false` in this spelling; undefined for anything else. */
export function readFlag(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

/** A decimal number; undefined for anything else. */
export function readNumber(text: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** A filter: JSON if it is JSON, else one expression. */
export function readFilter(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Sort rules between commas, but not split at the one inside `_geoPoint(lat,lng)`. */
export function readSort(text: string): string[] {
  const rules: string[] = [];
  let isInPoint = false;
  for (const part of text.replace(/^"+|"+$/g, '').split(',')) {
    const word = part.trim();
    if (word.startsWith('_geoPoint(')) {
      rules.push(word);
      isInPoint = true;
    } else if (isInPoint) {
      rules.push(`${rules.pop()},${word}`);
      isInPoint = !(word.endsWith('):desc') || word.endsWith('):asc'));
    } else {
      rules.push(word);
    }
  }
  return rules;
}
