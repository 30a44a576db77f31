/**
 * Joins the user's filter with one of our own as items of an array, never as text: no quote, comment or
 * bracket of the user can then reach ours.
 */

/** A filter that lets through what both let through; `filter` is the request's, absent or null for none. */
export function composeFilter(filter: unknown, internal: string): unknown {
  if (filter === undefined || filter === null || filter === '') return [internal];
  // Items of an array are joined by AND already; a text becomes the first of two.
  return Array.isArray(filter) ? [...(filter as unknown[]), internal] : [filter, internal];
}

/** `"field" IN ["a", "b"]`. */
export function inFilter(field: string, values: readonly string[]): string {
  return `${quoteFilterText(field)} IN [${values.map(quoteFilterText).join(', ')}]`;
}

/** `"field" NOT IN ["a", "b"]`. */
export function notInFilter(field: string, values: readonly string[]): string {
  return `${quoteFilterText(field)} NOT IN [${values.map(quoteFilterText).join(', ')}]`;
}

/** A name or value in double quotes, escaped. */
export function quoteFilterText(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
