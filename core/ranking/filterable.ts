/**
 * The user's filterableAttributes: which fields can be filtered, and what `*` among facets stands for.
 * A node's own list begins with a rule for internal fields, so `*` is spelled out before it is sent.
 */
import { RESERVED_PREFIX } from '../reserved/index.ts';
import { isWithin } from './select.ts';
import type { JsonObject } from './types.ts';

/** What one of the user's rules covers. */
interface FilterRule {
  readonly text: string;
  /** A plain name covers itself and what is nested in it; in it, `*` is a letter like others. */
  readonly isPattern: boolean;
  /** Whether it allows filtering. */
  readonly isOn: boolean;
  /** Whether it allows `=`, `!=` and `IN`. */
  readonly hasEquality: boolean;
}

/** The user's rules that allow filtering. */
function filterRules(settings: JsonObject): FilterRule[] {
  return allRules(settings).filter(({ isOn }) => isOn);
}

/** All of the user's rules, in their order: the first that meets a field decides for it. */
function allRules(settings: JsonObject): FilterRule[] {
  const rules = settings['filterableAttributes'];
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: unknown): FilterRule[] => {
    if (typeof rule === 'string') {
      return [{ text: rule, isPattern: false, isOn: true, hasEquality: true }];
    }
    if (typeof rule !== 'object' || rule === null) return [];
    const { attributePatterns, features } = rule as JsonObject;
    const filter = ((features ?? {}) as JsonObject)['filter'] as JsonObject | undefined;
    const hasEquality = filter?.['equality'] !== false;
    const isOn = hasEquality || filter['comparison'] === true;
    if (!Array.isArray(attributePatterns)) return [];
    const own = { isPattern: true, isOn, hasEquality };
    return (attributePatterns as string[]).map((text) => ({ text, ...own }));
  });
}

/** Names and patterns of the user's rules that allow filtering. */
export function filterablePatterns(settings: JsonObject): string[] {
  return filterRules(settings).map(({ text }) => text);
}

/** Whether a field can be filtered, and so be a facet, under the user's settings. */
export function isFilterable(field: string, settings: JsonObject): boolean {
  return ruleOf(field, settings)?.isOn === true;
}

/** Whether documents can be asked for by equal values of a field. */
export function isFilterableByEquality(field: string, settings: JsonObject): boolean {
  return ruleOf(field, settings)?.hasEquality === true;
}

/** The first rule that meets a field decides for it. */
function ruleOf(field: string, settings: JsonObject): FilterRule | undefined {
  return allRules(settings).find(({ text, isPattern }) =>
    isPattern ? matchesPattern(field, text) : isWithin(field, text),
  );
}

/**
 * Facets as nodes are asked for them: `*` becomes the user's own patterns. A plain name among the rules
 * covers what is nested in it, among facets it is that field alone: so both are asked for. Patterns that
 * an earlier rule switches off are left out: named, a node refuses them, and they stand for no field.
 */
export function expandFacets(facets: readonly string[], settings: JsonObject): string[] {
  const rules = allRules(settings);
  const on = rules.filter(({ isOn }) => isOn);
  const patterns = on
    .flatMap(({ text, isPattern }) => (isPattern ? [text] : [text, `${text}.*`]))
    .filter((pattern) => !isSwitchedOff(pattern, rules));
  return [
    ...new Set(facets.flatMap((facet) => (facet === '*' && on.length > 0 ? patterns : [facet]))),
  ];
}

/** Whether a rule that allows no filtering stands for this pattern, before any that allows it. */
function isSwitchedOff(pattern: string, rules: readonly FilterRule[]): boolean {
  const first = rules.find((rule) =>
    rule.isOn ? meets(pattern, rule) : isNamed(pattern, rule.text),
  );
  return first?.isOn === false;
}

/** The rule for internal fields, which nodes have first. */
const OUR_RULE: FilterRule = {
  text: `${RESERVED_PREFIX}*`,
  isPattern: true,
  isOn: true,
  hasEquality: true,
};

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
  const rules = filterRules(settings);
  return facets.find(
    (facet): facet is string =>
      typeof facet === 'string' &&
      meets(facet, OUR_RULE) &&
      !rules.some((rule) => meets(facet, rule)),
  );
}

/** Whether a pattern among facets stands for this field, not for one around it. */
export function isNamed(field: string, pattern: string): boolean {
  const isOpen = pattern.startsWith('*') || pattern.endsWith('*');
  return isOpen ? matchesPattern(field, pattern) : field === pattern;
}

/** Whether a facet and a rule have a field in common, as nodes look at it. */
function meets(facet: string, { text, isPattern }: FilterRule): boolean {
  if (matchesPattern(text, facet)) return true;
  return isPattern ? matchesPattern(facet, text) : isWithin(facet, text) || isWithin(text, facet);
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
