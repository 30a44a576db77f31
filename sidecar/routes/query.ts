/** Query strings as a node reads them: form-encoded, of repeated names the last wins. */

/** Names and values, decoded. */
export type Query = ReadonlyMap<string, string>;

/** Parses what follows the `?`. */
export function parseQuery(text: string): Query {
  return text === '' ? EMPTY : new Map(new URLSearchParams(text));
}

const EMPTY: Query = new Map();

/** The same names and values with nothing in it that a URL may not hold. */
export function safeQuery(text: string): string {
  return text === '' ? '' : `?${new URLSearchParams(text).toString()}`;
}

/** A whole number without sign or with `+`, as Rust parses one; undefined for any other text. */
export function parseCount(
  text: string,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (!/^\+?\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}
