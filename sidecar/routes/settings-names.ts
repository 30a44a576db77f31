/** The settings of Meilisearch 1.50 and the routes of each. */

/** One setting with a route of its own. */
export interface SettingName {
  /** Last part of the path. */
  readonly route: string;
  /** Member of the whole settings. */
  readonly key: string;
  readonly updateMethod: 'PUT' | 'PATCH';
}

/** All of them, in the order of a node's table. */
export const SETTING_NAMES: readonly SettingName[] = [
  put('filterable-attributes', 'filterableAttributes'),
  put('sortable-attributes', 'sortableAttributes'),
  put('displayed-attributes', 'displayedAttributes'),
  patch('typo-tolerance', 'typoTolerance'),
  put('searchable-attributes', 'searchableAttributes'),
  put('stop-words', 'stopWords'),
  put('non-separator-tokens', 'nonSeparatorTokens'),
  put('separator-tokens', 'separatorTokens'),
  put('dictionary', 'dictionary'),
  put('synonyms', 'synonyms'),
  put('distinct-attribute', 'distinctAttribute'),
  put('proximity-precision', 'proximityPrecision'),
  put('localized-attributes', 'localizedAttributes'),
  put('ranking-rules', 'rankingRules'),
  patch('faceting', 'faceting'),
  patch('pagination', 'pagination'),
  patch('embedders', 'embedders'),
  put('search-cutoff-ms', 'searchCutoffMs'),
  put('facet-search', 'facetSearch'),
  put('prefix-search', 'prefixSearch'),
  patch('chat', 'chat'),
  put('foreign-keys', 'foreignKeys'),
];

function put(route: string, key: string): SettingName {
  return { route, key, updateMethod: 'PUT' };
}

function patch(route: string, key: string): SettingName {
  return { route, key, updateMethod: 'PATCH' };
}
