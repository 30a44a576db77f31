/**
 * Makes one answer of the nodes' answers to a planned search, equal to the one node's: hits in one
 * order, distinct once more, totals, facets, and nothing the client must not see.
 */
import { assert } from '../assert.ts';
import { ByteWriter } from '../json/slice.ts';
import { readAnswers, type SearchAnswer } from './answer.ts';
import { decideNeighbours } from './decisions.ts';
import { RULE_VECTOR } from './details.ts';
import {
  type DistinctFilter,
  distinctCounts,
  estimatedDistinctTotal,
  exhaustiveDistinctTotal,
  openDistinctTotal,
} from './distinct.ts';
import { FacetTable } from './facets.ts';
import type { Hit } from './hits.ts';
import { isKeywordGoodEnough, joinHalves } from './hybrid.ts';
import { type Marks, versionOf, withMarks } from './marks.ts';
import { ListMerge, type MergedList, type Purposes, sumTotals } from './merge-lists.ts';
import { countsDistinct, type SearchPlan } from './plan-search.ts';
import { visitLeaves } from './select.ts';
import type {
  AnswerEnvelope,
  Judgement,
  MergedAnswer,
  PurposeAnswers,
  SearchPurpose,
} from './types.ts';
import { judgeAnswer } from './verdict.ts';
import type { SearchWindow } from './window.ts';
import { writeFormattedHit } from './write-formatted.ts';
import { writeHit } from './write-hit.ts';

/** Merges the answers (all with status 200) to the requests of a `merge` plan. */
export function mergeSearch(
  plan: SearchPlan,
  answers: PurposeAnswers,
  envelope: AnswerEnvelope,
): MergedAnswer {
  assert(plan.window !== undefined, 'a body that no node accepts has no answers to merge');
  const purposes = new Map(
    [...answers].map(([purpose, bodies]) => [purpose, readAnswers(bodies)] as const),
  );
  const merge = new SearchMerge(plan, plan.window, purposes, envelope.openDepth);
  return merge.run(envelope);
}

const NO_MARKS: Marks = new Map();

/** Hits in order, and what was learned on the way. */
interface Ranked {
  readonly hits: readonly Hit[];
  /** The best of the hits left over, where one is known. */
  readonly next?: Hit | undefined;
  /** The answers that totals, facets and the query vector come from. */
  readonly from: readonly SearchAnswer[];
  readonly filter: DistinctFilter | undefined;
  /** Of a hybrid search that joined its halves: the hits of the semantic one. */
  readonly semantic?: ReadonlySet<Hit>;
  /** Whether the list that `from` counts filled the window. */
  readonly isFull: boolean;
  /** Whether hits of `main` come from lists without distinct. */
  readonly isOpen?: boolean;
  /** How deep nodes' lists are wanted without distinct. */
  readonly wantedDepth?: number | undefined;
}

class SearchMerge {
  readonly #plan: SearchPlan;
  readonly #window: SearchWindow;
  readonly #purposes: Purposes;
  readonly #lists: ListMerge;

  constructor(
    plan: SearchPlan,
    window: SearchWindow,
    purposes: Purposes,
    openDepth: number | undefined,
  ) {
    this.#plan = plan;
    this.#window = window;
    this.#purposes = purposes;
    this.#lists = new ListMerge(plan, window, purposes, openDepth);
  }

  run(envelope: AnswerEnvelope): MergedAnswer {
    const ranked = this.#rank();
    const found = ranked.hits.slice(this.#window.start, this.#window.end);
    const { shown, unmarked } = this.#mark(found, ranked, envelope.marks);
    const counted = this.#countedAnswers(ranked);
    const listed = this.#isEnded(ranked) ? undefined : this.#lists.countDistinct(ranked.filter);
    const isCounted = listed !== undefined && !listed.isMost;
    const most = listed?.count ?? Number.POSITIVE_INFINITY;
    const total = isCounted ? most : Math.min(most, this.#total(ranked, counted));
    const wantedDepth = listed?.wantedDepth ?? ranked.wantedDepth;
    const writer = new ByteWriter(estimateBytes(shown));
    const { projection } = this.#plan;
    const wantsFormatted = projection.formatsFor.length > 0;
    const isFormatted = wantsFormatted && (envelope.isFormatted ?? this.#hasFormatted());
    writer.text('{"hits":[');
    for (const [place, hit] of shown.entries()) {
      if (place > 0) writer.text(',');
      if (isFormatted) writeFormattedHit(writer, hit, projection);
      else writeHit(writer, hit, projection);
    }
    writer.text(']');
    this.#writeEnvelope(writer, ranked.from, envelope);
    writeTotals(writer, this.#window, total);
    const facets = this.#facets(ranked, counted);
    if (facets !== undefined && envelope.spellings !== undefined)
      facets.respell(envelope.spellings);
    if (facets !== undefined) this.#writeFacets(writer, facets, total);
    this.#writeSemantic(writer, ranked, shown);
    writer.text(`,"requestUid":${JSON.stringify(envelope.requestUid)}}`);
    return {
      chunks: [writer.done()],
      hitCount: shown.length,
      ...(wantsFormatted && !isFormatted && shown.length > 0
        ? { unseenFields: projection.formatsFor }
        : {}),
      spelledApart: facets?.spelledApart() ?? [],
      unmarked,
      ...(wantedDepth === undefined ? {} : { wantedDepth }),
      explain: () => ({ ...this.#judge(ranked, total), decisions: decideNeighbours(shown) }),
    };
  }

  /** Hits of the semantic half with the marks of their words, and which of them have none yet. */
  #mark(
    found: readonly Hit[],
    { semantic, from }: Ranked,
    marks: Marks = NO_MARKS,
  ): { shown: readonly Hit[]; unmarked: readonly string[] } {
    if (!this.#plan.marksWords || from !== this.#answers('semantic')) {
      return { shown: found, unmarked: [] };
    }
    const keyword = this.#answers('keyword').flatMap(({ hits }) => hits);
    const known = new Map(keyword.map((hit) => [versionOf(hit), hit]));
    const unmarked: string[] = [];
    const shown = found.map((hit) => {
      if (semantic?.has(hit) !== true) return hit;
      const version = versionOf(hit);
      const marked = known.get(version) ?? marks.get(version);
      if (marked === undefined) unmarked.push(version);
      return marked === undefined ? hit : withMarks(hit, marked);
    });
    return { shown, unmarked };
  }

  /** Whether any node has formatted a hit: it knows one of the fields, as one node would for all hits. */
  #hasFormatted(): boolean {
    return [...this.#purposes.values()].some((answers) =>
      answers.some((answer) => answer.hits.some((hit) => hit.hasFormatted)),
    );
  }

  #judge(ranked: Ranked, total: number): Judgement {
    return judgeAnswer({
      plan: this.#plan,
      // From the hit before the window on: a tie may reach over its start.
      hits: ranked.hits.slice(Math.max(0, this.#window.start - 1), this.#window.end),
      next: ranked.next,
      filter: ranked.filter,
      facets: this.#plan.facetRules,
      hasFacets: ranked.from.some((answer) => answer.distributionAt >= 0),
      isSemantic: ranked.from.some((answer) => answer.semanticHitCount !== undefined),
      nodeCount: ranked.from.length,
      hasMore: total > this.#window.end,
    });
  }

  #answers(purpose: SearchPurpose): readonly SearchAnswer[] {
    return this.#purposes.get(purpose) ?? [];
  }

  #rank(): Ranked {
    const ratio = this.#plan.semanticRatio;
    const main = this.#answers('main');
    if (ratio === undefined || !this.#purposes.has('keyword')) {
      const merged = this.#lists.merge('main');
      return { ...merged, from: main, isFull: this.#fills(merged) };
    }
    const keyword = this.#lists.merge('keyword');
    if (isKeywordGoodEnough(keyword.hits, this.#window.end, ratio)) {
      return { ...keyword, from: this.#answers('keyword'), isFull: false, isOpen: false };
    }
    const semantic = this.#lists.merge('semantic');
    const joined = joinHalves(keyword.hits, semantic.hits, ratio, (hit) => this.#identify(hit));
    const filter = this.#lists.newFilter();
    const wanted = this.#window.end;
    const isInReach = () => filter === undefined || filter.survivors.size < wanted;
    const hits = joined.filter((hit) => isInReach() && filter?.accepts(hit) !== false);
    return {
      hits: hits.slice(0, wanted),
      filter,
      from: this.#answers('semantic'),
      semantic: new Set(semantic.hits),
      isFull: this.#fills(semantic),
      wantedDepth: keyword.wantedDepth ?? semantic.wantedDepth,
    };
  }

  #fills({ hits, filter }: Pick<MergedList, 'hits' | 'filter'>): boolean {
    // What is left out for a value as it is written takes its place.
    return hits.length + (filter?.writtenRejectedCount ?? 0) >= this.#window.end;
  }

  /** Which document a hit shows: halves come from the same nodes. */
  #identify(hit: Hit): string {
    let id = '';
    const { primaryKey } = this.#plan;
    if (primaryKey !== null) {
      visitLeaves(hit.bytes, hit.start, primaryKey, (start, end) => {
        id = hit.bytes.toString('utf8', start, end);
      });
    }
    if (id !== '') return id;
    return `${hit.source} ${hit.bytes.toString('latin1', hit.versionStart, hit.versionEnd)}`;
  }

  /**
   * The answers whose counts hold. With a threshold a full page was filled before the engine came to
   * what lies below it, so nothing was taken off; in page mode only a page that ends at maxTotalHits. Of a
   * hybrid search what either half let in counts.
   */
  #countedAnswers(ranked: Ranked): readonly SearchAnswer[] {
    if (!this.#plan.hasThreshold) return ranked.from;
    const isSplit = this.#plan.semanticRatio !== undefined;
    const isExhaustive = this.#window.isPaged
      ? isSplit || this.#plan.isRankedWhole || sumTotals(ranked.from) < this.#plan.hitsTotalMax
      : !ranked.isFull;
    if (isExhaustive && ranked.from !== this.#answers('semantic')) return ranked.from;
    const purpose = isExhaustive ? 'union' : isSplit ? 'universe' : 'no-threshold';
    const counted = this.#answers(purpose);
    return counted.length > 0 ? counted : ranked.from;
  }

  #total(ranked: Ranked, counted: readonly SearchAnswer[]): number {
    const totals = this.#window.isPaged ? this.#answers('totals') : [];
    if (ranked.filter !== undefined) {
      // An estimate, but never of less than there is to see.
      const estimate = this.#distinctTotal(ranked, ranked.filter, counted);
      return Math.max(estimate, ranked.hits.length);
    }
    const isSplit = this.#plan.semanticRatio !== undefined;
    return sumTotals(totals.length > 0 && !isSplit ? totals : counted);
  }

  /** Whether everything above the threshold is among the hits, as far as one list of hits can tell. */
  #isEnded({ isFull }: Ranked): boolean {
    const { hasThreshold, semanticRatio } = this.#plan;
    return hasThreshold && semanticRatio === undefined && !isFull;
  }

  #distinctTotal(ranked: Ranked, filter: DistinctFilter, counted: readonly SearchAnswer[]): number {
    // What is left are the hits: all else is below the threshold, or left out for one of them.
    if (this.#isEnded(ranked)) return ranked.hits.length;
    const values = this.#distinctValues(ranked);
    const counts = this.#distinctCounts(values);
    if (ranked.isOpen === true) {
      const open = this.#answers('open-main');
      const listed = open.flatMap(({ hits }) => hits);
      const candidates = sumTotals(this.#plan.hasThreshold ? counted : open);
      return openDistinctTotal(candidates, counts, { listed, filter });
    }
    // What nodes have left over, without what was left out between them.
    const left = Math.max(0, sumTotals(counted) - filter.rejectedCount);
    if (values.length === 0) return left;
    const candidates = sumTotals(values);
    const total = this.#isCountedWhole(ranked)
      ? exhaustiveDistinctTotal(candidates, counts)
      : estimatedDistinctTotal(candidates, counts, filter);
    // Documents with several values are counted under each: either figure may take off too much.
    const least = this.#plan.hasThreshold ? sumTotals(ranked.from) - filter.rejectedCount : left;
    return filter.hasSeveralValues ? Math.max(total, least) : total;
  }

  /** Whether a node makes all candidates distinct before it counts them: those of vectors it does not. */
  #isCountedWhole({ from }: Ranked): boolean {
    return countsDistinct(this.#plan) && from !== this.#answers('semantic');
  }

  /** Values of the distinct field among the candidates of the half that is counted. */
  #distinctValues({ from }: Ranked): readonly SearchAnswer[] {
    const isUniverse = from === this.#answers('semantic') && this.#purposes.has('universe-values');
    return this.#answers(isUniverse ? 'universe-values' : 'distinct-values');
  }

  #distinctCounts(values: readonly SearchAnswer[]): Map<string, number> {
    const table = new FacetTable();
    for (const answer of values) table.add(answer.bytes, answer.distributionAt, answer.statsAt);
    return distinctCounts(table.fields.get(this.#plan.distinct ?? ''));
  }

  #writeEnvelope(
    writer: ByteWriter,
    from: readonly SearchAnswer[],
    envelope: AnswerEnvelope,
  ): void {
    const first = from[0];
    writer.text(',"query":');
    if (first?.query === undefined) writer.text('""');
    else writer.copy(first.bytes, first.query.start, first.query.end);
    const vector = first?.queryVector;
    if (first !== undefined && vector !== undefined) {
      writer.text(',"queryVector":');
      writer.copy(first.bytes, vector.start, vector.end);
    }
    writer.text(`,"processingTimeMs":${envelope.processingTimeMs}`);
    if (envelope.metadataJson !== undefined) writer.text(`,"metadata":${envelope.metadataJson}`);
    const details = first?.performanceDetails;
    if (first !== undefined && details !== undefined) {
      writer.text(',"performanceDetails":');
      writer.copy(first.bytes, details.start, details.end);
    }
  }

  /** The facets of all answers; undefined if none was asked for. */
  #facets(ranked: Ranked, counted: readonly SearchAnswer[]): FacetTable | undefined {
    const holders = counted.some((answer) => answer.distributionAt >= 0) ? counted : ranked.from;
    if (!holders.some((answer) => answer.distributionAt >= 0)) return undefined;
    const table = new FacetTable();
    for (const answer of holders) table.add(answer.bytes, answer.distributionAt, answer.statsAt);
    // Under a threshold nodes took off what lies below it: then what they list is all there is.
    const areOwn = this.#plan.hasThreshold && holders === ranked.from;
    this.#countDistinctFacet(table, ranked, areOwn ? [] : this.#distinctValues(ranked));
    return table;
  }

  #writeFacets(writer: ByteWriter, table: FacetTable, total: number): void {
    writer.text(',"facetDistribution":');
    table.writeDistribution(writer, this.#plan.facetRules, total);
    if (!table.hasStats) return;
    writer.text(',"facetStats":');
    table.writeStats(writer);
  }

  /**
   * The facet of the distinct field itself: a value that was seen counts once. `values`: those of all
   * candidates; none where what nodes list of the field is right but for values of several.
   */
  #countDistinctFacet(table: FacetTable, ranked: Ranked, values: readonly SearchAnswer[]): void {
    const { distinct } = this.#plan;
    if (distinct === undefined || ranked.filter === undefined) return;
    if (!table.fields.has(distinct)) return;
    const full = new FacetTable();
    for (const answer of values) full.add(answer.bytes, answer.distributionAt, answer.statsAt);
    const field = (values.length === 0 ? table : full).fields.get(distinct);
    if (field === undefined) return;
    for (const [key, value] of field.numbers) this.#countOnce(value, `n${key}`, ranked.filter);
    for (const [key, value] of field.texts) this.#countOnce(value, `s${key}`, ranked.filter);
    table.fields.set(distinct, field);
  }

  #countOnce(value: { count: number }, key: string, filter: DistinctFilter): void {
    if (this.#window.isPaged || filter.seen.has(key)) value.count = 1;
  }

  #writeSemantic(writer: ByteWriter, ranked: Ranked, shown: readonly Hit[]): void {
    const isSemantic =
      this.#plan.semanticRatio !== undefined ||
      ranked.from.some((answer) => answer.semanticHitCount !== undefined);
    if (!isSemantic) return;
    const count = shown.filter((hit) => hit.rules.some((rule) => rule.kind === RULE_VECTOR)).length;
    writer.text(`,"semanticHitCount":${count}`);
  }
}

function writeTotals(writer: ByteWriter, window: SearchWindow, total: number): void {
  if (!window.isPaged) {
    writer.text(`,"limit":${window.limit},"offset":${window.offset},"estimatedTotalHits":${total}`);
    return;
  }
  const pages = window.limit === 0 ? 0 : Math.ceil(total / window.limit);
  writer.text(
    `,"hitsPerPage":${window.limit},"page":${window.page},"totalPages":${pages},"totalHits":${total}`,
  );
}

const ENVELOPE_BYTES = 512;

function estimateBytes(hits: readonly Hit[]): number {
  return hits.reduce((sum, hit) => sum + hit.end - hit.start, ENVELOPE_BYTES);
}
