/**
 * What the settings of an index allow, so that most requests are right: an error answers quickly and
 * proves little about merging.
 */
import { isObj, type Json, type Obj } from './json.ts';
import { isNumber, type Samples } from './samples.ts';

/** Fields by what may be done with them. */
export interface Capabilities {
  readonly filterable: readonly string[];
  readonly comparable: readonly string[];
  /** Facet search is allowed and there are texts to be found. */
  readonly facetSearchable: readonly string[];
  readonly sortable: readonly string[];
  readonly searchable: readonly string[];
  readonly canFilterGeo: boolean;
  readonly canSortGeo: boolean;
  readonly canSort: boolean;
  readonly canContain: boolean;
}

interface Rights {
  readonly equality: boolean;
  readonly comparison: boolean;
  readonly facetSearch: boolean;
}

const ALL: Rights = { equality: true, comparison: true, facetSearch: true };
const NONE: Rights = { equality: false, comparison: false, facetSearch: false };

/** Works out what is allowed. */
export function capabilitiesOf(
  settings: Obj,
  samples: Samples,
  options: { readonly hasGeo: boolean; readonly canContain: boolean },
): Capabilities {
  const rules = listOf(settings['filterableAttributes']);
  const rights = new Map(samples.fields.map((field) => [field, rightsOf(rules, field)]));
  const having = (test: (right: Rights) => boolean) =>
    samples.fields.filter((field) => test(rights.get(field) ?? NONE));
  const sortable = listOf(settings['sortableAttributes']).filter((n) => typeof n === 'string');
  const searchable = listOf(settings['searchableAttributes']).filter((n) => typeof n === 'string');
  const ranking = settings['rankingRules'];
  const geo = rightsOf(rules, '_geo');
  const hasText = (field: string) =>
    (samples.values.get(field) ?? []).some((value) => value !== null && !isNumber(value));
  return {
    filterable: having((right) => right.equality),
    comparable: having((right) => right.comparison),
    facetSearchable: having((right) => right.facetSearch).filter(hasText),
    sortable: samples.fields.filter((field) => sortable.some((name) => covers(name, field))),
    searchable: searchable.length === 0 ? samples.topFields : searchable,
    canFilterGeo: options.hasGeo && geo.equality && geo.comparison,
    canSortGeo: options.hasGeo && sortable.includes('_geo'),
    canSort: ranking === undefined || listOf(ranking).includes('sort'),
    canContain: options.canContain,
  };
}

/** The first rule that matches a field decides. */
function rightsOf(rules: readonly Json[], field: string): Rights {
  for (const rule of rules) {
    if (typeof rule === 'string') {
      if (covers(rule, field)) return ALL;
      continue;
    }
    if (!isObj(rule)) continue;
    const patterns = listOf(rule['attributePatterns']).filter((p) => typeof p === 'string');
    if (!patterns.some((pattern) => matches(pattern, field))) continue;
    const features = isObj(rule['features']) ? rule['features'] : {};
    const filter = isObj(features['filter']) ? features['filter'] : {};
    return {
      equality: filter['equality'] !== false,
      comparison: filter['comparison'] === true,
      facetSearch: features['facetSearch'] === true,
    };
  }
  return NONE;
}

/** A name covers itself and what is nested in it. */
function covers(name: string, field: string): boolean {
  return field === name || field.startsWith(`${name}.`);
}

function matches(pattern: string, field: string): boolean {
  if (pattern === '*') return true;
  if (pattern.endsWith('*')) return field.startsWith(pattern.slice(0, -1));
  if (pattern.startsWith('*')) return field.endsWith(pattern.slice(1));
  return covers(pattern, field);
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}
