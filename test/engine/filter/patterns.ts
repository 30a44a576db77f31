/** Attribute patterns and the filterable-attributes rules: first matching rule wins. */
import type { Json } from '../value.ts';

/** What a rule allows for the fields it matches. */
export interface FilterFeatures {
  readonly facetSearch: boolean;
  readonly equality: boolean;
  readonly comparison: boolean;
  /** 0-based place of the rule. */
  readonly ruleIndex: number;
}

/** `*` only at the start or end of a pattern. */
export function matchesPattern(pattern: string, field: string): boolean {
  if (pattern === '*') return true;
  const starts = pattern.startsWith('*');
  const ends = pattern.endsWith('*');
  if (starts && ends) return field.includes(pattern.slice(1, -1));
  if (ends) return field.startsWith(pattern.slice(0, -1));
  if (starts) return field.endsWith(pattern.slice(1));
  return pattern === field || field.startsWith(`${pattern}.`);
}

/** A rule written as text: the field itself and its nested children. */
function matchesField(name: string, field: string): boolean {
  return name === field || field.startsWith(`${name}.`);
}

/** Patterns of the rules that allow something, sorted, as complaints list them. */
export function listPatterns(
  rules: Json,
  allows: (features: FilterFeatures) => boolean = () => true,
): string[] {
  const patterns = new Set<string>();
  for (const [ruleIndex, rule] of (Array.isArray(rules) ? rules : []).entries()) {
    if (!allows(readFeatures(rule, ruleIndex))) continue;
    if (typeof rule === 'string') patterns.add(rule);
    else for (const pattern of patternsOf(rule)) patterns.add(pattern);
  }
  return [...patterns].sort();
}

function readFeatures(rule: Json, ruleIndex: number): FilterFeatures {
  if (typeof rule === 'string') {
    return { facetSearch: true, equality: true, comparison: true, ruleIndex };
  }
  const features = rule instanceof Map ? rule.get('features') : undefined;
  const filter = features instanceof Map ? features.get('filter') : undefined;
  const flag = (holder: Json | undefined, key: string) =>
    holder instanceof Map && holder.get(key) === true;
  return {
    facetSearch: flag(features, 'facetSearch'),
    equality: flag(filter, 'equality'),
    comparison: flag(filter, 'comparison'),
    ruleIndex,
  };
}

function patternsOf(rule: Json): string[] {
  const patterns = rule instanceof Map ? rule.get('attributePatterns') : undefined;
  return Array.isArray(patterns) ? patterns.filter((entry) => typeof entry === 'string') : [];
}

/** The features of the first rule that matches a field, or undefined if none does. */
export function featuresOf(rules: Json, field: string): FilterFeatures | undefined {
  for (const [ruleIndex, rule] of (Array.isArray(rules) ? rules : []).entries()) {
    const isMatch =
      typeof rule === 'string'
        ? matchesField(rule, field)
        : patternsOf(rule).some((pattern) => matchesPattern(pattern, field));
    if (isMatch) return readFeatures(rule, ruleIndex);
  }
  return undefined;
}
