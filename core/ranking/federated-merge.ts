/**
 * Merges the nodes' answers to a federated search. Hits of one query compare rule by rule as in a plain
 * search; hits of different queries by their weighted score values, and the earlier query wins ties.
 */
import { assert } from '../assert.ts';
import {
  asBuffer,
  ByteWriter,
  decodeNumber,
  findMember,
  MalformedAnswer,
  Members,
  type Span,
} from '../json/slice.ts';
import { decide, pairs } from './decisions.ts';
import { RULE_VECTOR } from './details.ts';
import { DistinctFilter } from './distinct.ts';
import { FacetTable } from './facets.ts';
import { checkFacetOrders, writeFederatedFacets } from './federated-facets.ts';
import type { FederatedPlan, FederatedQuery } from './federated-plan.ts';
import { HeadMerge } from './heads.ts';
import { compareByRules, compareVersions, type Hit, readHits } from './hits.ts';
import type { AnswerEnvelope, MergeDecision, MergedAnswer } from './types.ts';
import { judgeFederated } from './verdict.ts';
import { compareWeighted, type WeightedValue, weightedValues } from './weighted.ts';
import { writeHit } from './write-hit.ts';

/** A node's answer (status 200) and the client's places of the queries it was sent. */
export interface FederatedAnswer {
  readonly body: Uint8Array;
  readonly positions: readonly number[];
}

interface RankedHit {
  readonly hit: Hit;
  /** Place of its query among the client's. */
  readonly position: number;
  readonly query: FederatedQuery;
  readonly weightedScore: Span;
  /** Made on first use: most hits compare with hits of their own query only. */
  values: WeightedValue[] | undefined;
}

interface ReadAnswer {
  readonly hits: RankedHit[];
  total: number;
  hasSemantic: boolean;
  queryVectors: Map<number, string>;
}

/** Merges the nodes' answers to a plan's requests. Throws what checkFacetOrders finds. */
export function mergeFederated(
  plan: FederatedPlan,
  answers: readonly FederatedAnswer[],
  envelope: AnswerEnvelope,
): MergedAnswer {
  const { window } = plan;
  assert(window !== undefined, 'a body that no node accepts has no answers to merge');
  const tables = new Map<string, FacetTable>();
  const read = answers.map((answer, source) => readAnswer(plan, answer, source, tables));
  checkFacetOrders(plan, tables);
  const { hits, rejectedCount } = rank(plan, read, window.end);
  const shown = hits.slice(window.start, window.end);
  const counted = read.reduce((sum, answer) => sum + answer.total, 0);
  const total = Math.max(0, counted - rejectedCount);
  const writer = new ByteWriter(
    1024 + shown.reduce((sum, { hit }) => sum + hit.end - hit.start, 0),
  );
  writer.text('{"hits":[');
  for (const [place, entry] of shown.entries()) {
    if (place > 0) writer.text(',');
    writeFederatedHit(writer, entry);
  }
  writer.text(`],"processingTimeMs":${envelope.processingTimeMs}`);
  if (window.isPaged) {
    const pages = window.limit === 0 ? 0 : Math.ceil(total / window.limit);
    writer.text(`,"hitsPerPage":${window.limit},"page":${window.page}`);
    writer.text(`,"totalPages":${pages},"totalHits":${total}`);
  } else {
    writer.text(`,"limit":${window.limit},"offset":${window.offset},"estimatedTotalHits":${total}`);
  }
  writeVectors(writer, plan, read);
  // What each of several indexes has of the candidates is not told.
  const candidateCount = plan.indexes.size === 1 ? total : 0;
  writeFederatedFacets(writer, plan, { tables, candidateCount });
  if (read.some((answer) => answer.hasSemantic)) {
    const isSemantic = ({ hit }: RankedHit) => hit.rules.some((rule) => rule.kind === RULE_VECTOR);
    writer.text(`,"semanticHitCount":${shown.filter(isSemantic).length}`);
  }
  if (envelope.metadataJson !== undefined) writer.text(`,"metadata":${envelope.metadataJson}`);
  writer.text(`,"requestUid":${JSON.stringify(envelope.requestUid)}}`);
  return {
    chunks: [writer.done()],
    hitCount: shown.length,
    explain: () => ({
      ...judgeFederated({
        nodeCount: answers.length,
        hasDistinct: plan.distinct !== undefined,
        hasWords: plan.queries.some(({ body }) => typeof body['q'] === 'string'),
      }),
      decisions: decideRanked(shown),
    }),
  };
}

/** Why each of the first hits stands before the next. */
function decideRanked(shown: readonly RankedHit[]): MergeDecision[] {
  return pairs(shown).map(([left, right], place) => {
    const nodes = [left.hit.source, right.hit.source] as const;
    if (left.position === right.position) {
      return { place, nodes, ...decide(left.hit, right.hit) };
    }
    if (compareScores(left, right) === 0) return { place, nodes, by: 'tie: earlier query' };
    const first = scoreOf(left);
    return { place, nodes, by: 'weightedRankingScore', first, second: scoreOf(right) };
  });
}

function scoreOf({ hit, weightedScore }: RankedHit): number {
  return decodeNumber(hit.bytes, weightedScore.start, weightedScore.end);
}

function readAnswer(
  plan: FederatedPlan,
  answer: FederatedAnswer,
  source: number,
  tables: Map<string, FacetTable>,
): ReadAnswer {
  const bytes = asBuffer(answer.body);
  const read: ReadAnswer = {
    hits: [],
    total: Number.NaN,
    hasSemantic: false,
    queryVectors: new Map(),
  };
  const members = new Members(bytes, 0);
  let hasHits = false;
  while (members.next()) {
    if (members.isNamed('hits')) {
      hasHits = true;
      for (const hit of readHits(bytes, members.valueStart, source)) {
        read.hits.push(rankedHit(plan, answer, hit));
      }
      if (plan.queries.length > 1) orderTies(read.hits);
    } else if (members.isNamed('estimatedTotalHits') || members.isNamed('totalHits')) {
      read.total = decodeNumber(bytes, members.valueStart, members.valueEnd);
    } else if (members.isNamed('semanticHitCount')) {
      read.hasSemantic = true;
    } else if (members.isNamed('facetsByIndex')) {
      addFacets(tables, bytes, members.valueStart);
    } else if (members.isNamed('queryVectors')) {
      const vectors = new Members(bytes, members.valueStart);
      while (vectors.next()) {
        const position = answer.positions[Number(vectors.name())] ?? -1;
        const text = bytes.toString('latin1', vectors.valueStart, vectors.valueEnd);
        read.queryVectors.set(position, text);
      }
    }
  }
  if (!hasHits || Number.isNaN(read.total)) throw new MalformedAnswer('no hits or no total');
  return read;
}

function addFacets(tables: Map<string, FacetTable>, bytes: Buffer, at: number): void {
  const indexes = new Members(bytes, at);
  while (indexes.next()) {
    const uid = indexes.name();
    const distribution = findMember(bytes, indexes.valueStart, 'distribution');
    const stats = findMember(bytes, indexes.valueStart, 'stats');
    const table = tables.get(uid) ?? new FacetTable();
    table.add(bytes, distribution?.start ?? -1, stats?.start ?? -1);
    tables.set(uid, table);
  }
}

function rankedHit(plan: FederatedPlan, answer: FederatedAnswer, hit: Hit): RankedHit {
  const { bytes } = hit;
  const federation = findMember(bytes, hit.start, '_federation');
  if (federation === undefined) throw new MalformedAnswer('a hit without its query');
  const place = findMember(bytes, federation.start, 'queriesPosition');
  const score = findMember(bytes, federation.start, 'weightedRankingScore');
  if (place === undefined || score === undefined) throw new MalformedAnswer('a hit without score');
  const sent = decodeNumber(bytes, place.start, place.end);
  const position = answer.positions[sent];
  const query = position === undefined ? undefined : plan.queries[position];
  if (position === undefined || query === undefined) {
    throw new MalformedAnswer(`a hit of query ${sent}, which was not sent`);
  }
  return { hit, position, query, weightedScore: score, values: undefined };
}

/** The first hits, and how many of those that nodes listed are doubles under distinct. */
interface Ranking {
  readonly hits: RankedHit[];
  readonly rejectedCount: number;
}

/**
 * The first hits, no more of an index than its pagination.maxTotalHits. Under distinct the lists are
 * read to their ends, as a node does: it takes every double off the total that it comes upon.
 */
function rank(plan: FederatedPlan, read: readonly ReadAnswer[], count: number): Ranking {
  const heads = new HeadMerge(
    read.map((answer) => answer.hits),
    compareRanked,
  );
  const filters = new DistinctFilters(plan);
  const left = new Map(plan.hitsTotalMax);
  const hits: RankedHit[] = [];
  let rejectedCount = 0;
  for (let entry = heads.next(); entry !== undefined; entry = heads.next()) {
    if (hits.length >= count && !filters.areUsed) break;
    const { indexUid } = entry.query;
    const room = left.get(indexUid) ?? 0;
    if (room === 0) continue;
    if (!filters.accepts(entry)) {
      rejectedCount += 1;
      continue;
    }
    if (hits.length >= count) continue;
    left.set(indexUid, room - 1);
    hits.push(entry);
  }
  return { hits, rejectedCount };
}

/** Hits are distinct over the whole federation, or each query's for itself. */
class DistinctFilters {
  readonly areUsed: boolean;
  readonly #whole: DistinctFilter | undefined;
  readonly #byQuery: readonly (DistinctFilter | undefined)[];

  constructor(plan: FederatedPlan) {
    const { distinct, queries } = plan;
    this.#whole = distinct === undefined ? undefined : new DistinctFilter(distinct);
    this.#byQuery = queries.map((query) =>
      query.distinct === undefined ? undefined : new DistinctFilter(query.distinct),
    );
    this.areUsed = distinct !== undefined || queries.some((query) => query.distinct !== undefined);
  }

  accepts({ hit, position }: RankedHit): boolean {
    return (this.#whole ?? this.#byQuery[position])?.accepts(hit) ?? true;
  }
}

function compareRanked(left: RankedHit, right: RankedHit): number {
  return compareScores(left, right) || compareTied(left, right);
}

function compareScores(left: RankedHit, right: RankedHit): number {
  return left.position === right.position
    ? compareByRules(left.hit, right.hit)
    : compareWeighted(valuesOf(left), valuesOf(right), (_, __, remaining) => remaining);
}

/** Among equals the earlier query goes first, then the older document. */
function compareTied(left: RankedHit, right: RankedHit): number {
  return (
    left.position - right.position ||
    compareVersions(left.hit, right.hit) ||
    left.hit.source - right.hit.source
  );
}

/** A node's last rule, the version, stands before the place of the query in ties: sets that right. */
function orderTies(hits: RankedHit[]): void {
  let start = 0;
  for (let at = 1; at <= hits.length; at += 1) {
    const hit = hits[at];
    const previous = hits[at - 1] as RankedHit;
    if (hit !== undefined && compareScores(previous, hit) === 0) continue;
    if (at - start > 1) {
      hits.splice(start, at - start, ...hits.slice(start, at).sort(compareTied));
    }
    start = at;
  }
}

function valuesOf(entry: RankedHit): WeightedValue[] {
  entry.values ??= weightedValues(entry.hit, entry.query.weight);
  return entry.values;
}

/** The hit with `_federation` naming the client's own place of the query. */
function writeFederatedHit(writer: ByteWriter, entry: RankedHit): void {
  const { hit, query, position, weightedScore } = entry;
  const start = writer.length;
  writeHit(writer, hit, { ...query.projection, keepsFederation: false });
  // The document's closing brace makes room for one more member.
  writer.truncate(writer.length - 1);
  if (writer.length > start + 1) writer.text(',');
  writer.text(`"_federation":{"indexUid":${JSON.stringify(query.indexUid)}`);
  writer.text(`,"queriesPosition":${position},"weightedRankingScore":`);
  writer.copy(hit.bytes, weightedScore.start, weightedScore.end);
  writer.text('}}');
}

function writeVectors(writer: ByteWriter, plan: FederatedPlan, read: readonly ReadAnswer[]): void {
  if (!plan.queries.some((query) => query.body['retrieveVectors'] === true)) return;
  const vectors = new Map(read.flatMap((answer) => [...answer.queryVectors]));
  const entries = [...vectors]
    .sort(([left], [right]) => left - right)
    .map(([position, text]) => `"${position}":${text}`);
  writer.text(`,"queryVectors":{${entries.join(',')}}`);
}
