/** Shapes of parsed filters, and the fixed texts of complaints about filters. */

/** A piece of the filter text. */
export interface Token {
  /** Value, quotes and escapes removed. */
  readonly text: string;
  /** As written, without quotes. */
  readonly raw: string;
  /** 0-based offset of `raw` in the filter. */
  readonly at: number;
}

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'CONTAINS' | 'STARTS WITH';

/** A parsed filter. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | {
      readonly kind: 'compare';
      readonly field: Token;
      readonly operator: Operator;
      readonly value: Token;
      /** Where the operator stands, for CONTAINS and STARTS WITH. */
      readonly keyword?: Token;
    }
  | { readonly kind: 'between'; readonly field: Token; readonly from: Token; readonly to: Token }
  | { readonly kind: 'in'; readonly field: Token; readonly values: readonly Token[] }
  | { readonly kind: 'exists' | 'null' | 'empty'; readonly field: Token }
  | { readonly kind: 'geo'; readonly name: string; readonly token: Token };

/** A filter that cannot be understood; the message ends with place and text of the filter. */
export class FilterError extends Error {
  override name = 'FilterError';
}

/** The last lines of a complaint: columns and text. */
export function placeOf(source: string, at: number, length: number): string {
  const column = [...source.slice(0, at)].length + 1;
  return `${column}:${column + length} ${source}`;
}

/** Operators as complaints list them. */
export const OPERATIONS =
  '`=`, `!=`, `>=`, `>`, `<=`, `<`, `IN`, `NOT IN`, `TO`, `EXISTS`, `NOT EXISTS`, `IS NULL`, `IS NOT NULL`, `IS EMPTY`, `IS NOT EMPTY`, `CONTAINS`, `NOT CONTAINS`, `STARTS WITH`, `NOT STARTS WITH`, `_geoRadius`, `_geoBoundingBox` or `_geoPolygon`';

/** What each geo rule should look like. */
export const GEO_FORMS = new Map([
  [
    '_geoRadius',
    'The `_geoRadius` filter must be in the form: `_geoRadius(latitude, longitude, radius, optionalResolution)`.',
  ],
  [
    '_geoBoundingBox',
    'The `_geoBoundingBox` filter expects two pairs of arguments: `_geoBoundingBox([latitude, longitude], [latitude, longitude])`.',
  ],
  [
    '_geoPolygon',
    "The `_geoPolygon` filter doesn't match the expected format: `_geoPolygon([latitude, longitude], [latitude, longitude])`.",
  ],
]);

/** A quoted value without its escapes. */
export function unescapeText(raw: string, quote: string): string {
  return raw.replace(/\\(.)/gs, (all, char: string) => {
    if (char === quote || char === '\\' || char === '"' || char === "'") return char;
    const simple: Record<string, string> = {
      n: '\n',
      t: '\t',
      r: '\r',
      b: '\b',
      f: '\f',
      '/': '/',
    };
    return simple[char] ?? all;
  });
}

/** Text as Rust's escape_debug prints it. */
export function escapeDebug(text: string): string {
  return text
    .replace(/[\\"']/g, (char) => `\\${char}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r');
}
