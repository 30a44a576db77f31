/** Facet counts of a result and facet search. */
import { EngineError } from '../errors.ts';
import { featuresOf, listPatterns, matchesPattern } from '../filter/patterns.ts';
import { facetValues, normalizeFacet } from '../filter/values.ts';
import { settingMember } from '../settings.ts';
import { compareBytes, type IndexStore, type StoredDocument } from '../store.ts';
import { Float, type Json, type Out, printJson } from '../value.ts';

/** Facets of a result as they are answered. */
export interface FacetAnswer {
  readonly distribution: { [facet: string]: Out };
  readonly stats: { [facet: string]: Out };
}

interface Counted {
  readonly label: string;
  readonly key: string;
  readonly isNumber: boolean;
  count: number;
}

/** Counts facet values over candidates. Throws invalid_search_facets. */
export function countFacets(
  index: IndexStore,
  candidates: readonly StoredDocument[],
  facets: readonly string[],
): FacetAnswer {
  const distribution: { [facet: string]: Out } = {};
  const stats: { [facet: string]: Out } = {};
  for (const facet of expandFacets(index, facets)) {
    const counted = countValues(candidates, facet);
    distribution[facet] = Object.fromEntries(
      orderValues(index, facet, counted.values).map((value) => [value.label, value.count]),
    );
    if (counted.min !== undefined && counted.max !== undefined) {
      stats[facet] = { min: new Float(counted.min), max: new Float(counted.max) };
    }
  }
  return { distribution, stats };
}

function expandFacets(index: IndexStore, facets: readonly string[]): string[] {
  const rules = index.settings.get('filterableAttributes') ?? null;
  const names = index.fieldPaths;
  const isOpen = (field: string) => {
    const features = featuresOf(rules, field);
    return features !== undefined && (features.equality || features.comparison);
  };
  const found = new Set<string>();
  for (const facet of facets) {
    if (facet === '*') {
      if (listPatterns(rules, isFilterable).length === 0) throw invalidFacet(facet, rules);
      for (const name of names) if (isOpen(name)) found.add(name);
    } else if (facet.includes('*')) {
      for (const name of names) if (matchesPattern(facet, name) && isOpen(name)) found.add(name);
    } else if (isOpen(facet)) {
      if (names.has(facet)) found.add(facet);
    } else {
      throw invalidFacet(facet, rules);
    }
  }
  return [...found].sort(compareBytes);
}

function isFilterable(features: { readonly equality: boolean; readonly comparison: boolean }) {
  return features.equality || features.comparison;
}

function invalidFacet(facet: string, rules: Json): EngineError {
  const patterns = listPatterns(rules, isFilterable);
  return new EngineError(
    'invalid_search_facets',
    `Invalid facet distribution: Pattern \`${facet}\` is not filterable. ${
      patterns.length === 0
        ? 'This index does not have configured filterable attributes.'
        : `Available filterable attributes patterns are: \`${patterns.join(', ')}\`.`
    }`,
  );
}

function countValues(candidates: readonly StoredDocument[], facet: string) {
  const byKey = new Map<string, Counted>();
  let min: number | undefined;
  let max: number | undefined;
  const add = (key: string, label: string, isNumber: boolean) => {
    const before = byKey.get(key);
    if (before === undefined) byKey.set(key, { key, label, isNumber, count: 1 });
    else before.count += 1;
  };
  const ordered = [...candidates].sort((a, b) => a.internalId - b.internalId);
  for (const document of ordered) {
    const { numbers, texts, spellings } = facetValues(document, facet);
    for (const number of new Set(numbers)) {
      min = min === undefined ? number : Math.min(min, number);
      max = max === undefined ? number : Math.max(max, number);
      const label = printNumber(number);
      add(`n${label}`, label, true);
    }
    const seen = new Set<string>();
    for (const [i, text] of texts.entries()) {
      if (seen.has(text)) continue;
      seen.add(text);
      add(`t${text}`, spellings[i] ?? text, false);
    }
  }
  return { values: [...byKey.values()], min, max };
}

function printNumber(number: number): string {
  return printJson(new Float(number)).replace(/\.0$/, '');
}

function orderValues(index: IndexStore, facet: string, values: Counted[]): Counted[] {
  const limit = Number(settingMember(index.settings, 'faceting', 'maxValuesPerFacet') ?? 100);
  const byCount = facetOrder(index, facet) === 'count';
  const ordered = values.sort((a, b) => {
    if (a.isNumber !== b.isNumber) return a.isNumber ? -1 : 1;
    if (byCount && a.count !== b.count) return b.count - a.count;
    return byCount ? compareBytes(b.key, a.key) : compareBytes(a.key, b.key);
  });
  return ordered.slice(0, limit);
}

function facetOrder(index: IndexStore, facet: string): Json {
  const orders = settingMember(index.settings, 'faceting', 'sortFacetValuesBy');
  if (!(orders instanceof Map)) return 'alpha';
  return orders.get(facet) ?? orders.get('*') ?? 'alpha';
}

/** Values of one facet that begin with a text, with their counts. */
export function searchFacet(
  index: IndexStore,
  candidates: readonly StoredDocument[],
  facet: string,
  query: string | null,
): { [key: string]: Out }[] {
  const rules = index.settings.get('filterableAttributes') ?? null;
  const features = featuresOf(rules, facet);
  if (features?.facetSearch !== true) throw notFacetSearchable(facet, rules);
  const wanted = normalizeFacet(query ?? '').replace(/\p{M}/gu, '');
  const values = countValues(candidates, facet).values.filter((value) => {
    if (value.isNumber) return false;
    return value.key.slice(1).replace(/\p{M}/gu, '').startsWith(wanted);
  });
  return orderValues(index, facet, values).map(({ label, count }) => ({ value: label, count }));
}

function notFacetSearchable(facet: string, rules: Json): EngineError {
  const matched = featuresOf(rules, facet);
  const patterns = listPatterns(rules, (features) => features.facetSearch);
  const say = (reason: string) =>
    new EngineError(
      'invalid_facet_search_facet_name',
      `Attribute \`${facet}\` is not facet-searchable. ${reason}`,
    );
  if (matched !== undefined) {
    const rule = matched.ruleIndex;
    return say(
      `Note: this attribute matches rule #${rule} in filterableAttributes, but this rule does not enable facetSearch.\nHint: enable facetSearch in rule #${rule} by adding \`"facetSearch": true\` to the rule.\nHint: prepend another rule matching ${facet} with facetSearch: true before rule #${rule}`,
    );
  }
  const hint = 'To make it facet-searchable add it to the `filterableAttributes` index settings.';
  return say(
    patterns.length === 0
      ? `This index does not have configured facet-searchable attributes. ${hint}`
      : `Available facet-searchable attributes patterns are: \`${patterns.join(', ')}\`. ${hint}`,
  );
}
