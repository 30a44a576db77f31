/**
 * What both directions of the settings translation share: the internal rule, the defaults a node has,
 * and the type of a settings object (Meilisearch's own spelling, values unchecked: a node checks them).
 */
import { RESERVED_PREFIX, VERSION_FIELD } from '../reserved/index.ts';

/** A settings object or a change of one, as in PATCH /settings: a null resets its key. */
export type Settings = Readonly<Record<string, unknown>>;

/** What decides how an index's settings look on its nodes. */
export interface OwnerInfo {
  /** More than one node holds a copy of some shard: ties then need one order everywhere. */
  readonly hasSeveralOwners: boolean;
}

/** Makes `_miroir_*` filterable. First in the list, for the first matching rule wins on a node. */
export const INTERNAL_FILTER_RULE = {
  attributePatterns: [`${RESERVED_PREFIX}*`],
  features: { facetSearch: false, filter: { equality: true, comparison: true } },
} as const;

/** Last ranking rule of an index with several owner nodes: ties in the order of the lane. */
export const VERSION_RANKING_RULE = `${VERSION_FIELD}:asc`;

/** Ranking rules of an index whose user set none. */
export const DEFAULT_RANKING_RULES: readonly string[] = [
  'words',
  'typo',
  'proximity',
  'attributeRank',
  'sort',
  'wordPosition',
  'exactness',
];

/** Facet values a node may return: the user's own limit is applied after merging. */
export const NODE_FACET_VALUES_MAX = 100_000;

/** What nodes hold of faceting whatever the user set: order and limit are applied after merging. */
export const NODE_FACETING = {
  maxValuesPerFacet: NODE_FACET_VALUES_MAX,
  sortFacetValuesBy: { '*': 'alpha' },
} as const;

/** Faceting of an index whose user set none. */
export const DEFAULT_FACETING = {
  maxValuesPerFacet: 100,
  sortFacetValuesBy: { '*': 'alpha' },
} as const;

/** Whether a value is a plain JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
