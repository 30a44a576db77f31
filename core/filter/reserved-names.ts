/**
 * Where a request names an internal field: in filter fields, sort, facets, distinct and attribute lists.
 * `_miroir_` inside q, a string value or a quoted filter value is not naming.
 */
import { RESERVED_PREFIX } from '../reserved/index.ts';
import { type Filter, parseFilter } from './parse.ts';
import { unescapeText } from './unescape.ts';

/** A parameter and the internal field it names. */
export interface ReservedName {
  readonly parameter: string;
  readonly name: string;
}

const LISTS = [
  'sort',
  'facets',
  'fields',
  'attributesToRetrieve',
  'attributesToSearchOn',
  'attributesToHighlight',
  'attributesToCrop',
  'attributePatterns',
] as const;
const TEXTS = ['distinct', 'facetName'] as const;

/** The first internal field that a read request names, or undefined. */
export function namesReserved(body: Readonly<Record<string, unknown>>): ReservedName | undefined {
  for (const parameter of LISTS) {
    const list = body[parameter];
    for (const item of Array.isArray(list) ? (list as unknown[]) : []) {
      const name = reservedIn(item);
      if (name !== undefined) return { parameter, name };
    }
  }
  for (const parameter of TEXTS) {
    const name = reservedIn(body[parameter]);
    if (name !== undefined) return { parameter, name };
  }
  const name = filterNamesReserved(body['filter']);
  return name === undefined ? undefined : { parameter: 'filter', name };
}

/** The internal field that a filter names, or undefined. */
export function filterNamesReserved(filter: unknown): string | undefined {
  if (filter === undefined || filter === null) return undefined;
  const text = JSON.stringify(filter);
  // Without the prefix and without an escape that could stand for part of it, nothing is named.
  if (!text.includes(RESERVED_PREFIX) && !text.includes('\\\\')) return undefined;
  const parsed = parseFilter(filter);
  if (parsed !== undefined) return fieldNamed(parsed);
  // A filter that cannot be read here is refused if it holds the prefix anywhere.
  return text.includes(RESERVED_PREFIX) ? RESERVED_PREFIX : undefined;
}

function fieldNamed(filter: Filter): string | undefined {
  switch (filter.kind) {
    case 'equal':
      return reservedIn(filter.field);
    case 'other':
      return firstDefined(filter.fields, reservedIn);
    case 'not':
      return fieldNamed(filter.part);
    default:
      return firstDefined(filter.parts, fieldNamed);
  }
}

function firstDefined<Item>(
  items: readonly Item[],
  find: (item: Item) => string | undefined,
): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The name up to what may follow it in a list (`:asc`, `:10`, `.child`). */
function reservedIn(item: unknown): string | undefined {
  if (typeof item !== 'string') return undefined;
  // Twice unescaped, in case a node reads escapes of escapes.
  const text = (unescapeText(item) ?? item).trimStart();
  return text.startsWith(RESERVED_PREFIX) ? (text.split(/[:.\s]/, 1)[0] as string) : undefined;
}
