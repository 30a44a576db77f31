/**
 * The user's filterableAttributes: which fields can be filtered, and what `*` among facets stands for.
 * A node's own list begins with a rule for internal fields, so `*` is spelled out before it is sent.
 */
import { RESERVED_PREFIX } from '../reserved/index.ts';
import { isWithin } from './select.ts';
import type { JsonObject } from './types.ts';

/** Patterns of the user's rules that allow filtering. */
export function filterablePatterns(settings: JsonObject): string[] {
  const rules = settings['filterableAttributes'];
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: unknown) => {
    if (typeof rule === 'string') return [rule];
    if (typeof rule !== 'object' || rule === null) return [];
    const { attributePatterns, features } = rule as JsonObject;
    const filter = ((features ?? {}) as JsonObject)['filter'] as JsonObject | undefined;
    const isOff = filter?.['equality'] === false && filter['comparison'] !== true;
    return isOff || !Array.isArray(attributePatterns) ? [] : (attributePatterns as string[]);
  });
}

/** Whether a field can be filtered under the user's settings. */
export function isFilterable(field: string, settings: JsonObject): boolean {
  return filterablePatterns(settings).some((pattern) => matchesPattern(field, pattern));
}

/** Facets as nodes are asked for them: `*` becomes the user's own patterns. */
export function expandFacets(facets: readonly string[], settings: JsonObject): string[] {
  const patterns = filterablePatterns(settings);
  return [
    ...new Set(
      facets.flatMap((facet) => (facet === '*' && patterns.length > 0 ? patterns : [facet])),
    ),
  ];
}

/**
 * The first facet that only the rule for internal fields makes acceptable to a node (`_m*`, or `*` where
 * the user has no rules): without that rule a node refuses it.
 */
export function facetOfNothing(
  facets: readonly unknown[],
  settings: JsonObject,
): string | undefined {
  const patterns = filterablePatterns(settings);
  return facets.find(
    (facet): facet is string =>
      typeof facet === 'string' &&
      meets(facet, `${RESERVED_PREFIX}*`) &&
      !patterns.some((pattern) => meets(facet, pattern)),
  );
}

/** Whether one of two patterns lies within the other, as nodes compare them. */
function meets(left: string, right: string): boolean {
  return matchesPattern(left, right) || matchesPattern(right, left);
}

function matchesPattern(field: string, pattern: string): boolean {
  if (pattern === '*') return true;
  const startsOpen = pattern.startsWith('*');
  const endsOpen = pattern.endsWith('*');
  if (startsOpen && endsOpen) return field.includes(pattern.slice(1, -1));
  if (startsOpen) return field.endsWith(pattern.slice(1));
  if (endsOpen) return field.startsWith(pattern.slice(0, -1));
  return isWithin(field, pattern);
}
