/**
 * Facets of several indexes that are to be merged must have one order: a node refuses them otherwise
 * (Meilisearch's FacetOrder::check_facet_order). It goes through the indexes by name.
 */
import { facetRules, orderOf } from './facets.ts';
import { isNamed } from './filterable.ts';
import type { JsonObject } from './types.ts';

/** An index with facets to be merged. */
export interface MergedFacetIndex {
  readonly uid: string;
  readonly settings: JsonObject;
  /** As the client asks for them. */
  readonly facets: readonly string[];
}

const ORDER_WORDS = { alpha: 'alphabetically', count: 'by count' } as const;

/** Whether any field could have two orders: only then does it matter which fields there are. */
export function canFacetOrdersDiffer(indexes: readonly MergedFacetIndex[]): boolean {
  const rules = indexes.map(({ settings }) => facetRules(settings));
  const names = new Set(['*', ...rules.flatMap(({ orders }) => [...orders.keys()])]);
  return [...names].some((name) => new Set(rules.map((rule) => orderOf(rule, name))).size > 1);
}

/** The orders of facets that are to be merged: a field has that of the first index asked for it. */
export class FacetOrders {
  readonly #first = new Map<string, { readonly uid: string; readonly order: 'alpha' | 'count' }>();

  /**
   * Takes in an index and its fields, in the order in which they were first seen. What a node says if one
   * of them has another order by now.
   */
  conflict(index: MergedFacetIndex, fields: readonly string[]): string | undefined {
    const { uid, facets } = index;
    const rules = facetRules(index.settings);
    for (const facet of fields) {
      // What is merely nested in a field asked for is not looked at.
      if (!facets.some((pattern) => isNamed(facet, pattern))) continue;
      const order = orderOf(rules, facet);
      const known = this.#first.get(facet);
      if (known === undefined) this.#first.set(facet, { uid, order });
      else if (known.order !== order) {
        return `Inside \`.federation.facetsByIndex.${uid}\`: Inconsistent order for values in facet \`${facet}\`: index \`${known.uid}\` orders ${ORDER_WORDS[known.order]}, but index \`${uid}\` orders ${ORDER_WORDS[order]}.\n - Hint: Remove \`federation.mergeFacets\` or change \`faceting.sortFacetValuesBy\` to be consistent in settings.`;
      }
    }
    return undefined;
  }
}
