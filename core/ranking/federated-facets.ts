/** Facets of a federated search: by index, or all indexes' in one list (contract 4.7). */
import type { ByteWriter } from '../json/slice.ts';
import { type FacetRules, type FacetTable, facetRules, orderOf } from './facets.ts';
import type { RankedHit, ReadAnswer } from './federated-answer.ts';
import { leafValues } from './federated-distinct.ts';
import type { FederatedPlan } from './federated-plan.ts';
import type { FederatedRanking } from './federated-rank.ts';
import { compareUtf8, normalizeFacet } from './normalize.ts';
import type { JsonObject } from './types.ts';

/** Facets of the answers, by index. */
export class FederatedFacets {
  readonly tables = new Map<string, FacetTable>();
  readonly #plan: FederatedPlan;
  /** Candidates of each index. */
  readonly #totals = new Map<string, number>();
  #rejected: readonly RankedHit[] = [];

  constructor(plan: FederatedPlan, answers: readonly ReadAnswer[]) {
    this.#plan = plan;
    for (const { indexUid, total, facets } of answers) {
      this.#totals.set(indexUid, (this.#totals.get(indexUid) ?? 0) + total);
      if (facets === undefined) continue;
      const table = this.tables.get(indexUid);
      if (table === undefined) this.tables.set(indexUid, facets);
      else table.join(facets);
    }
  }

  /** Takes off what distinct leaves out: within an index before its list is cut, across them after. */
  reject({ rejectedInIndex, rejected }: FederatedRanking): void {
    this.#rejected = rejected;
    for (const { hit, query } of rejectedInIndex) {
      const { indexUid } = query;
      this.#totals.set(indexUid, (this.#totals.get(indexUid) ?? 0) - 1);
      const table = this.tables.get(indexUid);
      for (const [name, field] of table?.fields ?? []) {
        for (const { kind, text } of leafValues(hit, name)) {
          const value = (kind === 'text' ? field.texts : field.numbers).get(text);
          if (value !== undefined) value.count = Math.max(0, value.count - 1);
        }
      }
      table?.dropEmpty();
    }
  }

  /** Writes `facetsByIndex`, or `facetDistribution` and `facetStats` where facets are merged. */
  write(writer: ByteWriter): void {
    const { tables } = this;
    if (tables.size === 0) return;
    if (this.#plan.mergeFacets !== undefined) {
      this.#writeMerged(writer);
      return;
    }
    writer.text(',"facetsByIndex":{');
    for (const [place, uid] of [...tables.keys()].sort(compareUtf8).entries()) {
      const own = this.#rejected.filter(({ query }) => query.indexUid === uid);
      const fields = this.#ordered(uid).map(([name, counts]): [string, Counts] => {
        return [name, withoutHits(name, counts, own)];
      });
      writer.text(`${place > 0 ? ',' : ''}${JSON.stringify(uid)}:{"distribution":`);
      writer.text(`${distributionText(fields)},"stats":`);
      tables.get(uid)?.writeStats(writer);
      writer.text('}');
    }
    writer.text('}');
  }

  #ordered(uid: string): [string, Counts][] {
    const table = this.tables.get(uid) as FacetTable;
    // An index on one node is cut and ordered there, also what no rule orders.
    if (this.#plan.indexes.get(uid)?.hasSeveralOwners === false) return table.asGiven();
    return table.ordered(rulesOf(this.#plan, uid), this.#totals.get(uid) ?? 0);
  }

  /** Each index's list is cut by its own rules; then values shown alike are added up. */
  #writeMerged(writer: ByteWriter): void {
    const fields = new Map<string, { order: 'alpha' | 'count'; counts: Map<string, number> }>();
    let stats: FacetTable | undefined;
    for (const uid of [...this.tables.keys()].sort(compareUtf8)) {
      const rules = rulesOf(this.#plan, uid);
      for (const [name, values] of this.#ordered(uid)) {
        const order = orderOf(rules, name);
        const field = fields.get(name) ?? { order, counts: new Map<string, number>() };
        for (const [shown, count] of values) {
          field.counts.set(shown, (field.counts.get(shown) ?? 0) + count);
        }
        fields.set(name, field);
      }
      const table = this.tables.get(uid) as FacetTable;
      if (stats === undefined) stats = table;
      else stats.addStats(table);
    }
    const distribution = [...fields]
      .sort(([left], [right]) => compareUtf8(left, right))
      .map(([name, field]): [string, Counts] => {
        return [name, withoutHits(name, this.#cut(field), this.#rejected)];
      });
    writer.text(`,"facetDistribution":${distributionText(distribution)},"facetStats":`);
    stats?.writeStats(writer);
  }

  #cut(field: { readonly order: 'alpha' | 'count'; readonly counts: Counts }): Counts {
    const values = [...field.counts].sort(([left, leftCount], [right, rightCount]) =>
      field.order === 'count' ? rightCount - leftCount : compareUtf8(left, right),
    );
    return new Map(values.slice(0, this.#plan.mergeFacets?.valuesMax ?? values.length));
  }
}

/** Shown value to count, in order. */
type Counts = ReadonlyMap<string, number>;

/** The counts without these hits, whose values are taken off one by one. */
function withoutHits(name: string, counts: Counts, hits: readonly RankedHit[]): Counts {
  if (hits.length === 0) return counts;
  const shown = new Map<string, string>();
  for (const key of counts.keys()) {
    const normalized = normalizeFacet(key);
    if (normalized !== key) shown.set(normalized, key);
  }
  const left = new Map(counts);
  for (const { hit } of hits) {
    for (const { kind, text } of leafValues(hit, name)) {
      const key = kind === 'text' ? (shown.get(text) ?? text) : text;
      const count = left.get(key);
      if (count !== undefined) left.set(key, Math.max(0, count - 1));
    }
  }
  return new Map([...left].filter(([, count]) => count > 0));
}

function distributionText(fields: readonly (readonly [string, Counts])[]): string {
  const list = fields.map(([name, counts]) => {
    const values = [...counts].map(([value, count]) => `${JSON.stringify(value)}:${count}`);
    return `${JSON.stringify(name)}:{${values.join(',')}}`;
  });
  return `{${list.join(',')}}`;
}

function rulesOf(plan: FederatedPlan, uid: string): FacetRules {
  const asked = plan.federation['facetsByIndex'] as JsonObject | null | undefined;
  return facetRules(plan.indexes.get(uid)?.settings ?? {}, asked?.[uid]);
}
