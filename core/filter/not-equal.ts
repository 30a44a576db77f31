/**
 * `field != value` where documents are on several nodes. A node that has never seen the field lets nothing
 * through, while it lets everything through that has no such field once one document had it. One node
 * with all documents would know the field; so may some nodes here and others not. `NOT field = value`
 * says the same and does not depend on what a node has seen.
 */
import { quoteFilterText } from './compose.ts';
import { inequalitiesOf } from './parse.ts';

/** No document's value: a filter that compares with it lets through all of a node that knows the field. */
const NOBODYS_VALUE = '3f1c7c0e-no-value-of-any-document';

/** The fields that a filter compares with `!=`, each once. */
export function notEqualFields(filter: unknown): string[] {
  const fields = new Set<string>();
  eachText(filter, (text) => {
    for (const { field } of inequalitiesOf(text)) fields.add(field);
    return text;
  });
  return [...fields];
}

/** The filter with `NOT field = value` for `field != value` of these fields. */
export function rewriteNotEqual(filter: unknown, fields: ReadonlySet<string>): unknown {
  return eachText(filter, (text) => {
    let rewritten = '';
    let from = 0;
    for (const { field, start, operatorStart } of inequalitiesOf(text)) {
      if (!fields.has(field)) continue;
      rewritten += `${text.slice(from, start)} NOT ${text.slice(start, operatorStart)}=`;
      from = operatorStart + '!='.length;
    }
    return rewritten + text.slice(from);
  });
}

/** A filter that lets through something on a node with documents if, and only if, it knows the field. */
export function knowsField(field: string): string {
  return `${quoteFilterText(field)} != ${quoteFilterText(NOBODYS_VALUE)}`;
}

/** Texts stand alone, in an array, or in an array within it. */
function eachText(filter: unknown, map: (text: string) => string): unknown {
  if (typeof filter === 'string') return filter.includes('!=') ? map(filter) : filter;
  if (!Array.isArray(filter)) return filter;
  return filter.map((item: unknown) => {
    if (!Array.isArray(item)) return typeof item === 'string' ? eachText(item, map) : item;
    return item.map((inner: unknown) => (typeof inner === 'string' ? eachText(inner, map) : inner));
  });
}
