/**
 * Requests that name the gateway's own fields. Only naming counts: `_miroir_` inside a query, a value or
 * a quoted value of a filter is text like any other. A request without the prefix in its bytes, which is
 * nearly every request, costs one search through them.
 */
import { MiroirError } from '../../core/errors.ts';
import { isReservedName, RESERVED_PREFIX } from '../../core/reserved/index.ts';

/** Parameters that hold names of fields, as a text or a list. */
const NAME_PARAMETERS = [
  'attributesToRetrieve',
  'attributesToCrop',
  'attributesToHighlight',
  'attributesToSearchOn',
  'facets',
  'fields',
  'distinct',
  'facetName',
  'sort',
] as const;

/** Whether the bytes could name such a field, spelled out or with escapes. */
export function mayNameReserved(bytes: Buffer): boolean {
  return bytes.includes(RESERVED_PREFIX) || bytes.includes('\\u');
}

/** Throws miroir_reserved_field if a parameter or the filter names one. */
export function refuseReservedNames(body: Readonly<Record<string, unknown>>): void {
  for (const parameter of NAME_PARAMETERS) {
    for (const name of texts(body[parameter])) {
      if (isReservedName(name.trimStart())) throw reservedField(name);
    }
  }
  for (const expression of filterTexts(body['filter'])) {
    const name = reservedNameIn(expression);
    if (name !== undefined) throw reservedField(name);
  }
}

/** The error, naming the field. */
export function reservedField(name: string): MiroirError {
  return new MiroirError(
    'miroir_reserved_field',
    `\`${name}\` begins with \`${RESERVED_PREFIX}\`, which is reserved for the gateway.`,
  );
}

function texts(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((item): item is string => typeof item === 'string');
}

/** Expressions of a filter: a text, or texts in at most two levels of arrays. */
function filterTexts(filter: unknown): string[] {
  if (typeof filter === 'string') return [filter];
  return Array.isArray(filter) ? filter.flatMap(texts) : [];
}

/** Words, quoted or not, and the marks between them. */
const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[()[\],]|[^\s()[\],"'<>=!]+|[<>=!]+/gs;
const BEFORE_ATTRIBUTE: ReadonlySet<string> = new Set(['(', 'AND', 'OR', 'NOT', '&&', '||']);

/**
 * The first reserved name that stands where a filter has an attribute: at the beginning and after an
 * opening parenthesis or a connective. Everything else is a value.
 */
export function reservedNameIn(expression: string): string | undefined {
  if (!expression.includes(RESERVED_PREFIX) && !expression.includes('\\')) return undefined;
  let isAttribute = true;
  for (const [token] of expression.matchAll(TOKEN)) {
    const name = unquote(token);
    if (isAttribute && isReservedName(name)) return name;
    isAttribute = BEFORE_ATTRIBUTE.has(token);
  }
  return undefined;
}

function unquote(token: string): string {
  const isQuoted = token.startsWith('"') || token.startsWith("'");
  return isQuoted ? token.slice(1, -1).replace(/\\(.)/g, '$1') : token;
}
