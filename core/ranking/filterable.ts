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

/**
 * Facets as nodes are asked for them: `*` becomes the user's own patterns. A plain name among the rules
 * covers what is nested in it, among facets it is that field alone: so both are asked for.
 */
export function expandFacets(facets: readonly string[], settings: JsonObject): string[] {
  const patterns = filterablePatterns(settings).flatMap((pattern) =>
    pattern.startsWith('*') || pattern.endsWith('*') ? [pattern] : [pattern, `${pattern}.*`],
  );
  return [
    ...new Set(
      facets.flatMap((facet) => (facet === '*' && patterns.length > 0 ? patterns : [facet])),
    ),
  ];
}

/** Makes a pattern meet nothing: a character of internal values, which no name of a field has. */
const NOTHING_MARK = '\u2290';

/**
 * Facets as nodes are asked for them, changed so that a node refuses what only the rule for internal
 * fields makes acceptable (facetOfNothing). `withoutMark` takes the change out of its words.
 */
export function refusableFacets(facets: readonly string[], settings: JsonObject): string[] {
  const nothing = facetOfNothing(facets, settings);
  if (nothing === undefined) return expandFacets(facets, settings);
  const place = nothing.endsWith('*') ? nothing.length - 1 : nothing.length;
  const marked = nothing.slice(0, place) + NOTHING_MARK + nothing.slice(place);
  return facets.map((facet) => (facet === nothing ? marked : facet));
}

/** A node's words about facets that refusableFacets changed. */
export function withoutMark(message: string): string {
  return message.replaceAll(NOTHING_MARK, '');
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

/** Whether a pattern among facets stands for this field, not for one around it. */
export function isNamed(field: string, pattern: string): boolean {
  const isOpen = pattern.startsWith('*') || pattern.endsWith('*');
  return isOpen ? matchesPattern(field, pattern) : field === pattern;
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
