/** Kinds of requests; every one of them must come up in a long run. */
export const KINDS = [
  'search',
  'search-get',
  'search-pages',
  'search-facets',
  'search-sort',
  'search-geo',
  'search-distinct',
  'search-format',
  'search-vector',
  'multi-search',
  'federated',
  'facet-search',
  'similar',
  'documents-fetch',
  'documents-list',
  'documents-get',
  'fields',
  'stats',
  'indexes',
  'settings',
  'bad-input',
  'reserved',
] as const;

/** A kind of request. */
export type Kind = (typeof KINDS)[number];
