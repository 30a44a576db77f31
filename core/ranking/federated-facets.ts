/** Facets of a federated search: by index, or all indexes' in one list (contract 4.7). */
import { MiroirError } from '../errors.ts';
import type { ByteWriter } from '../json/slice.ts';
import { type FacetRules, type FacetTable, facetRules } from './facets.ts';
import type { FederatedPlan } from './federated-plan.ts';
import { compareUtf8 } from './normalize.ts';

/** Facets by index. */
export interface FederatedFacets {
  readonly tables: ReadonlyMap<string, FacetTable>;
  /** Candidates of the one index searched; 0 if there are several, which is then taken for few. */
  readonly candidateCount: number;
}

/** Writes `facetsByIndex`, or `facetDistribution` and `facetStats` where facets are merged. */
export function writeFederatedFacets(
  writer: ByteWriter,
  plan: FederatedPlan,
  facets: FederatedFacets,
): void {
  const { tables, candidateCount } = facets;
  if (tables.size === 0) return;
  if (plan.mergeFacets !== undefined) {
    writeMerged(writer, plan, facets);
    return;
  }
  writer.text(',"facetsByIndex":{');
  for (const [place, uid] of [...tables.keys()].sort(compareUtf8).entries()) {
    const table = tables.get(uid) as FacetTable;
    writer.text(`${place > 0 ? ',' : ''}${JSON.stringify(uid)}:{"distribution":`);
    table.writeDistribution(writer, rulesOf(plan, uid), candidateCount);
    writer.text(',"stats":');
    table.writeStats(writer);
    writer.text('}');
  }
  writer.text('}');
}

/**
 * Throws invalid_multi_search_facet_order, as a node does, where facets of two indexes that are to be
 * merged have different orders.
 */
export function checkFacetOrders(
  plan: FederatedPlan,
  tables: ReadonlyMap<string, FacetTable>,
): void {
  if (plan.mergeFacets === undefined) return;
  const first = new Map<string, { readonly uid: string; readonly order: 'alpha' | 'count' }>();
  for (const uid of [...tables.keys()].sort(compareUtf8)) {
    const rules = rulesOf(plan, uid);
    for (const facet of [...(tables.get(uid) as FacetTable).fields.keys()].sort(compareUtf8)) {
      const order = orderOf(rules, facet);
      const known = first.get(facet);
      if (known === undefined) first.set(facet, { uid, order });
      else if (known.order !== order) throw conflict(plan, { facet, uid, order, known });
    }
  }
}

const ORDER_WORDS = { alpha: 'alphabetically', count: 'by count' } as const;

function conflict(
  plan: FederatedPlan,
  found: {
    readonly facet: string;
    readonly uid: string;
    readonly order: 'alpha' | 'count';
    readonly known: { readonly uid: string; readonly order: 'alpha' | 'count' };
  },
): MiroirError {
  const { facet, uid, order, known } = found;
  const query = plan.queries.findIndex(({ indexUid }) => indexUid === uid);
  return new MiroirError(
    'invalid_multi_search_facet_order',
    `Inside \`.queries[${query}]\`: Inside \`.federation.facetsByIndex.${uid}\`: Inconsistent order for values in facet \`${facet}\`: index \`${known.uid}\` orders ${ORDER_WORDS[known.order]}, but index \`${uid}\` orders ${ORDER_WORDS[order]}.\n - Hint: Remove \`federation.mergeFacets\` or change \`faceting.sortFacetValuesBy\` to be consistent in settings.`,
  );
}

function orderOf(rules: FacetRules, facet: string): 'alpha' | 'count' {
  return rules.orders.get(facet) ?? rules.orders.get('*') ?? 'alpha';
}

function rulesOf(plan: FederatedPlan, uid: string): FacetRules {
  return facetRules(plan.indexes.get(uid)?.settings ?? {});
}

/** Each index's list is cut by its own rules; then values shown alike are added up. */
function writeMerged(writer: ByteWriter, plan: FederatedPlan, facets: FederatedFacets): void {
  const fields = new Map<string, { order: 'alpha' | 'count'; counts: Map<string, number> }>();
  let stats: FacetTable | undefined;
  const { tables, candidateCount } = facets;
  for (const uid of [...tables.keys()].sort(compareUtf8)) {
    const table = tables.get(uid) as FacetTable;
    const rules = rulesOf(plan, uid);
    for (const [name, values] of table.ordered(rules, candidateCount)) {
      const order = orderOf(rules, name);
      const field = fields.get(name) ?? { order, counts: new Map<string, number>() };
      for (const [shown, count] of values) {
        field.counts.set(shown, (field.counts.get(shown) ?? 0) + count);
      }
      fields.set(name, field);
    }
    if (stats === undefined) stats = table;
    else stats.addStats(table);
  }
  const distribution = [...fields]
    .sort(([left], [right]) => compareUtf8(left, right))
    .map(([name, field]) => `${JSON.stringify(name)}:${listText(field, plan)}`);
  writer.text(`,"facetDistribution":{${distribution.join(',')}},"facetStats":`);
  stats?.writeStats(writer);
}

function listText(
  field: { readonly order: 'alpha' | 'count'; readonly counts: ReadonlyMap<string, number> },
  plan: FederatedPlan,
): string {
  const values = [...field.counts].sort(([left, leftCount], [right, rightCount]) =>
    field.order === 'count' ? rightCount - leftCount : compareUtf8(left, right),
  );
  const shown = values.slice(0, plan.mergeFacets?.valuesMax ?? values.length);
  return `{${shown.map(([value, count]) => `${JSON.stringify(value)}:${count}`).join(',')}}`;
}
