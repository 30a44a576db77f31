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
  DistinctFilter,
  distinctCounts,
  estimatedDistinctTotal,
  exhaustiveDistinctTotal,
  openDistinctTotal,
} from './distinct.ts';
import { FacetTable } from './facets.ts';
import { rebuildGeoBuckets } from './geo.ts';
import { HeadMerge, mergeHeads } from './heads.ts';
import { compareByRules, compareHits, compareVersions, type Hit } from './hits.ts';
import { isKeywordGoodEnough, joinHalves } from './hybrid.ts';
import { type Marks, versionOf, withMarks } from './marks.ts';
import { CutLists, nextDepth, openPurpose } from './open-distinct.ts';
import type { SearchPlan } from './plan-search.ts';
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

type Purposes = ReadonlyMap<SearchPurpose, readonly SearchAnswer[]>;

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
  /** How deep nodes' lists are wanted without distinct. */
  readonly wantedDepth?: number | undefined;
}

/** The first hits of one purpose. */
interface MergedList {
  readonly hits: Hit[];
  readonly filter: DistinctFilter | undefined;
  readonly next: Hit | undefined;
  readonly wantedDepth: number | undefined;
}

class SearchMerge {
  readonly #plan: SearchPlan;
  readonly #window: SearchWindow;
  readonly #purposes: Purposes;
  readonly #openDepth: number | undefined;

  constructor(
    plan: SearchPlan,
    window: SearchWindow,
    purposes: Purposes,
    openDepth: number | undefined,
  ) {
    this.#plan = plan;
    this.#window = window;
    this.#purposes = purposes;
    this.#openDepth = openDepth;
  }

  run(envelope: AnswerEnvelope): MergedAnswer {
    const ranked = this.#rank();
    const found = ranked.hits.slice(this.#window.start, this.#window.end);
    const { shown, unmarked } = this.#mark(found, ranked, envelope.marks);
    const counted = this.#countedAnswers(ranked);
    const list = this.#answers('distinct-list');
    const listed = list.length > 0 ? this.#countDistinct(list) : undefined;
    const total = listed?.count ?? this.#total(ranked, counted);
    const wantedDepth = listed?.hasLost === true ? this.#deeper() : ranked.wantedDepth;
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

  /** The same list without distinct, where it was asked for. */
  #openAnswers(purpose: SearchPurpose): readonly SearchAnswer[] {
    const open = openPurpose(purpose);
    return open === undefined ? [] : this.#answers(open);
  }

  #rank(): Ranked {
    const ratio = this.#plan.semanticRatio;
    const main = this.#answers('main');
    if (ratio === undefined || !this.#purposes.has('keyword')) {
      const merged = this.#mergeLists('main');
      return { ...merged, from: main, isFull: this.#fills(merged.hits) };
    }
    const keyword = this.#mergeLists('keyword');
    if (isKeywordGoodEnough(keyword.hits, this.#window.end, ratio)) {
      return { ...keyword, from: this.#answers('keyword'), isFull: false };
    }
    const semantic = this.#mergeLists('semantic');
    const joined = joinHalves(keyword.hits, semantic.hits, ratio, (hit) => this.#identify(hit));
    const filter = this.#newFilter();
    const hits = filter === undefined ? joined : joined.filter((hit) => filter.accepts(hit));
    return {
      hits: hits.slice(0, this.#window.end),
      filter,
      from: this.#answers('semantic'),
      semantic: new Set(semantic.hits),
      isFull: this.#fills(semantic.hits),
      wantedDepth: keyword.wantedDepth ?? semantic.wantedDepth,
    };
  }

  #fills(hits: readonly Hit[]): boolean {
    return hits.length >= this.#window.end;
  }

  #newFilter(): DistinctFilter | undefined {
    const { distinct, isDistinctAsked } = this.#plan;
    return distinct === undefined ? undefined : new DistinctFilter(distinct, isDistinctAsked);
  }

  /** The first hits up to the window's end. */
  #mergeLists(purpose: SearchPurpose): MergedList {
    const open = this.#openAnswers(purpose);
    const answers = open.length > 0 ? open : this.#answers(purpose);
    const cut = new CutLists(answers, open.length > 0 ? this.#openDepth : undefined);
    const filter = this.#newFilter();
    const wanted = this.#window.end;
    const hits: Hit[] = [];
    const lists = this.#lists(answers);
    const isHalf = purpose === 'semantic';
    const heads = new HeadMerge(isHalf ? lists.map(onlySemantic) : lists, compareHits);
    let isShort = false;
    let hit = wanted === 0 ? undefined : heads.next();
    while (hit !== undefined && hits.length < wanted) {
      if (filter === undefined || filter.accepts(hit)) hits.push(hit);
      isShort ||= cut.take(hit.source) && hits.length < wanted;
      hit = hits.length < wanted || filter !== undefined ? heads.next() : undefined;
    }
    // The engine dedupes whole buckets: those tied with the last hit lose their doubles too.
    const last = hits[hits.length - 1];
    if (filter !== undefined && last !== undefined && !this.#plan.isPlaceholder) {
      while (hit !== undefined && compareByRules(last, hit) === 0) {
        filter.accepts(hit);
        hit = heads.next();
      }
    }
    // Where one node filled the window alone, what it holds behind it is not known.
    const isOneSided = hits.length >= wanted && hits.every(({ source }) => source === last?.source);
    const next = isOneSided ? undefined : (hit ?? heads.peek());
    // Nor can totals be told from the counts of values, where documents hold several.
    const isInexact = filter?.hasLost === true || (this.#isCounted && filter?.hasSeveralValues);
    const isWanted = open.length > 0 ? isShort : isInexact;
    return { hits, filter, next, wantedDepth: isWanted ? this.#deeper() : undefined };
  }

  /** Whether the total is made of what the hits tell. */
  get #isCounted(): boolean {
    const { hasThreshold, semanticRatio } = this.#plan;
    return !this.#window.isPaged && !hasThreshold && semanticRatio === undefined;
  }

  /** The next depth, unless nodes show no more than they did. */
  #deeper(): number | undefined {
    const { hitsTotalMax } = this.#plan;
    const depth = this.#openDepth;
    if (depth !== undefined && depth >= hitsTotalMax) return undefined;
    return Math.min(hitsTotalMax, nextDepth(this.#window, depth));
  }

  #lists(answers: readonly SearchAnswer[]): readonly (readonly Hit[])[] {
    const lists = answers.map((answer) => answer.hits);
    if (!this.#plan.hasGeoSort) return lists;
    const all = lists.flat();
    rebuildGeoBuckets(all, sumTotals(answers));
    return [all.sort(compareHits)];
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
   * what lies below it, so nothing was taken off; in page mode that page is as long as maxTotalHits. Of a
   * hybrid search what either half let in counts.
   */
  #countedAnswers(ranked: Ranked): readonly SearchAnswer[] {
    if (!this.#plan.hasThreshold) return ranked.from;
    const isSplit = this.#plan.semanticRatio !== undefined;
    const isExhaustive = this.#window.isPaged
      ? isSplit || sumTotals(ranked.from) < this.#plan.hitsTotalMax
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

  #distinctTotal(ranked: Ranked, filter: DistinctFilter, counted: readonly SearchAnswer[]): number {
    const values = this.#distinctValues(ranked);
    const counts = this.#distinctCounts(values);
    const open = this.#openAnswers('main');
    if (open.length > 0) {
      const listed = open.flatMap(({ hits }) => hits);
      return openDistinctTotal(sumTotals(open), counts, { listed, filter });
    }
    // What nodes have left over, without what was left out between them.
    const left = Math.max(0, sumTotals(counted) - filter.rejectedCount);
    if (values.length === 0 || this.#plan.hasThreshold) return left;
    const candidates = sumTotals(values);
    const total = this.#window.isPaged
      ? exhaustiveDistinctTotal(candidates, counts)
      : estimatedDistinctTotal(candidates, counts, filter);
    return total < ranked.hits.length ? left : total;
  }

  /** Hits left over from all that nodes listed; what they hold beyond is added as they count it. */
  #countDistinct(closed: readonly SearchAnswer[]): { count: number; hasLost: boolean } {
    const { distinct } = this.#plan;
    const open = this.#openAnswers('distinct-list');
    const answers = open.length > 0 ? open : closed;
    const hits = mergeHeads(this.#lists(answers), compareHits);
    // However the field was named: a node counts by the values it has filed.
    const filter = new DistinctFilter(distinct ?? '');
    for (const hit of open.length > 0 ? this.#inOrderOfCount(hits, filter) : hits) {
      filter.accepts(hit);
    }
    const count = filter.survivors.size + Math.max(0, sumTotals(answers) - hits.length);
    return { count, hasLost: open.length === 0 && filter.hasLost };
  }

  /**
   * Where documents hold several values, how many survive depends on the order. A node takes them by rank
   * up to the end of the page, whole buckets at a time, and then as they came. The filter gets the first.
   */
  #inOrderOfCount(hits: readonly Hit[], filter: DistinctFilter): Hit[] {
    const { hasThreshold, hitsTotalMax, isPlaceholder } = this.#plan;
    const wanted = hasThreshold ? hitsTotalMax : this.#window.end;
    let at = 0;
    while (at < hits.length && filter.survivors.size < wanted) {
      filter.accepts(hits[at] as Hit);
      at += 1;
    }
    const last = hits[at - 1];
    while (at > 0 && at < hits.length && !isPlaceholder) {
      if (compareByRules(last as Hit, hits[at] as Hit) !== 0) break;
      filter.accepts(hits[at] as Hit);
      at += 1;
    }
    return hits.slice(at).sort(compareVersions);
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
    this.#countDistinctFacet(table, ranked);
    return table;
  }

  #writeFacets(writer: ByteWriter, table: FacetTable, total: number): void {
    writer.text(',"facetDistribution":');
    table.writeDistribution(writer, this.#plan.facetRules, total);
    if (!table.hasStats) return;
    writer.text(',"facetStats":');
    table.writeStats(writer);
  }

  /** The facet of the distinct field itself: a value that was seen counts once. */
  #countDistinctFacet(table: FacetTable, ranked: Ranked): void {
    const { distinct } = this.#plan;
    const values = this.#distinctValues(ranked);
    if (distinct === undefined || ranked.filter === undefined || values.length === 0) return;
    if (!table.fields.has(distinct)) return;
    const full = new FacetTable();
    for (const answer of values) full.add(answer.bytes, answer.distributionAt, answer.statsAt);
    const field = full.fields.get(distinct);
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

/** Without the hits of the keyword half, where both had to be asked for. */
function onlySemantic(hits: readonly Hit[]): readonly Hit[] {
  return hits.filter((hit) => hit.rules.some((rule) => rule.kind === RULE_VECTOR));
}

function sumTotals(answers: readonly SearchAnswer[]): number {
  return answers.reduce((sum, answer) => sum + answer.total, 0);
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
