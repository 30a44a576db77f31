/**
 * Merges the nodes' answers to a federated search. Hits of one query compare rule by rule as in a plain
 * search; hits of different queries by their weighted score values, and the earlier query wins ties.
 */
import { assert } from '../assert.ts';
import { ByteWriter } from '../json/slice.ts';
import { decide, pairs } from './decisions.ts';
import { RULE_VECTOR } from './details.ts';
import {
  type FederatedAnswer,
  type RankedHit,
  type ReadAnswer,
  readFederatedAnswer,
} from './federated-answer.ts';
import { FederatedFacets } from './federated-facets.ts';
import type { FederatedPlan } from './federated-plan.ts';
import { compareScores, rankFederated, weightedScoreOf } from './federated-rank.ts';
import type { AnswerEnvelope, MergeDecision, MergedAnswer } from './types.ts';
import { judgeFederated } from './verdict.ts';
import { writeFormattedHit } from './write-formatted.ts';
import { writeHit } from './write-hit.ts';

/** Merges the nodes' answers to a plan's requests. */
export function mergeFederated(
  plan: FederatedPlan,
  answers: readonly FederatedAnswer[],
  envelope: AnswerEnvelope,
): MergedAnswer {
  const { window } = plan;
  assert(window !== undefined, 'a body that no node accepts has no answers to merge');
  const read = answers.map((answer, source) => readFederatedAnswer(plan, answer, source));
  const facets = new FederatedFacets(plan, read);
  const asked = (other: ReadAnswer['part']) => read.filter(({ part }) => part !== other);
  const ranking = rankFederated(plan, asked('counts'), window.end);
  // What was left out is taken off by the lists of those that count.
  const isApart = read.some(({ part }) => part === 'counts');
  const counting = isApart ? rankFederated(plan, asked('hits'), window.end) : ranking;
  facets.reject(counting);
  const shown = ranking.hits.slice(window.start, window.end);
  const counted = read.reduce((sum, answer) => sum + answer.total, 0);
  const rejectedCount = counting.rejectedInIndex.length + counting.rejected.length;
  // What one query leaves out may stand there by another.
  const total = Math.max(ranking.hits.length, counted - rejectedCount);
  const writer = new ByteWriter(
    1024 + shown.reduce((sum, { hit }) => sum + hit.end - hit.start, 0),
  );
  writer.text('{"hits":[');
  const formatted = formattedQueries(read);
  for (const [place, entry] of shown.entries()) {
    if (place > 0) writer.text(',');
    writeFederatedHit(writer, entry, formatted.has(entry.position));
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
  facets.write(writer);
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
        hasSeveralOwners: [...plan.indexes.values()].some((index) => index.hasSeveralOwners),
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
    const first = weightedScoreOf(left);
    return { place, nodes, by: 'weightedRankingScore', first, second: weightedScoreOf(right) };
  });
}

/** The queries of which some node has seen a field to be highlighted or cropped: it formats their hits. */
function formattedQueries(read: readonly ReadAnswer[]): ReadonlySet<number> {
  const hits = read.flatMap((answer) => answer.hits);
  return new Set(hits.filter(({ hit }) => hit.hasFormatted).map(({ position }) => position));
}

/** The hit with `_federation` naming the client's own place of the query. */
function writeFederatedHit(writer: ByteWriter, entry: RankedHit, isFormatted: boolean): void {
  const { hit, query, position, weightedScore } = entry;
  const start = writer.length;
  const projection = { ...query.projection, keepsFederation: false };
  if (isFormatted) writeFormattedHit(writer, hit, projection);
  else writeHit(writer, hit, projection);
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
