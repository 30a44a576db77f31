/**
 * Similar documents over several nodes (contract 1, similar): the document's vector, read from its
 * owner, is searched on every node as a pure semantic search; the document itself is dropped. A search
 * shows no more than `pagination.maxTotalHits` at once, which this route does not know: what is planned
 * here may have to be read in parts (list-parts.ts). Only the total is capped.
 */

import { inFilter } from '../filter/compose.ts';
import { ByteWriter, decodeString } from '../json/slice.ts';
import { VERSION_FIELD } from '../reserved/index.ts';
import { readAnswers } from './answer.ts';
import { isRelevancy } from './canonical-rules.ts';
import { decideNeighbours } from './decisions.ts';
import { RULE_VECTOR } from './details.ts';
import { isFilterableByEquality } from './filterable.ts';
import { compareHits, compareVersions, type Hit } from './hits.ts';
import { hitsInReach } from './list-parts.ts';
import {
  isTextArray,
  nodeLists,
  type Projection,
  searchProjection,
  wholeMembers,
} from './projection.ts';
import { visitLeaves } from './select.ts';
import type {
  AnswerEnvelope,
  JsonObject,
  MergedAnswer,
  PurposeAnswers,
  PurposeRequest,
  RankedIndex,
} from './types.ts';
import { judgeNearest } from './verdict.ts';
import { readHitsTotalMax, readWindow, type SearchWindow } from './window.ts';
import { writeHit } from './write-hit.ts';

/** `main`: the hits; `totals`: candidates, where they were asked apart; `self`: whether the document is one. */
export type SimilarPurpose = 'main' | 'totals' | 'self';

/** How similar documents are asked and merged. The requests are searches. */
export interface SimilarPlan {
  readonly requests: readonly PurposeRequest<SimilarPurpose>[];
  readonly window: SearchWindow | undefined;
  readonly projection: Projection;
  /** Text of the document's id. */
  readonly id: string;
  readonly primaryKey: string;
  /** Most hits of a search, and the largest total: pagination.maxTotalHits. */
  readonly hitsTotalMax: number;
  /** Whether the document itself may be left out by the client's filter. */
  readonly isFiltered: boolean;
  /** Nodes rank by a field first: all their hits are asked for and ranked here. */
  readonly isFieldFirst: boolean;
  /** Least similarity of a hit. */
  readonly threshold: number | undefined;
}

/** Most hits that are read of each node, */
const HITS_MAX = 10_000;
/** and where nodes rank by a field first, so that all are ranked anew. */
const FIELD_FIRST_HITS_MAX = 1000;

/** What planSimilar works from. */
export interface SimilarRequest {
  readonly body: JsonObject;
  readonly index: RankedIndex & { readonly primaryKey: string };
  /** The document's vector of the embedder asked for. */
  readonly vector: readonly number[];
}

/** Plans a search for similar documents. */
export function planSimilar(request: SimilarRequest): SimilarPlan {
  const { body, index, vector } = request;
  const { id, embedder, filter } = body;
  const hitsTotalMax = readHitsTotalMax(index.settings);
  const paging = { offset: body['offset'], limit: body['limit'] };
  const window = readWindow(paging, Number.MAX_SAFE_INTEGER);
  const projection = { ...searchProjection(body, index.settings), isBySimilarity: true };
  // No document is left out for another: an index that is distinct is made so by what all differ in.
  const isDistinct = typeof index.settings['distinctAttribute'] === 'string';
  const semantic = {
    vector,
    hybrid: { embedder, semanticRatio: 1 },
    ...(isDistinct ? { distinct: VERSION_FIELD } : {}),
  };
  const isFieldFirst = ranksByFieldFirst(index.settings);
  const filters = filter === undefined || filter === null ? {} : { filter };
  const main: Record<string, unknown> = {
    ...semantic,
    ...filters,
    ...nodeLists(body, projection, [
      VERSION_FIELD,
      index.primaryKey,
      ...wholeMembers(projection, index),
    ]),
    showRankingScore: true,
    showRankingScoreDetails: true,
    offset: 0,
    limit: isFieldFirst
      ? hitsInReach(hitsTotalMax, FIELD_FIRST_HITS_MAX)
      : Math.min((window?.end ?? 0) + 1, hitsInReach(hitsTotalMax, HITS_MAX)),
  };
  for (const name of ['retrieveVectors', 'locales'] as const) {
    if (body[name] !== undefined) main[name] = body[name];
  }
  const count = { attributesToRetrieve: [index.primaryKey], limit: 0 };
  const requests: PurposeRequest<SimilarPurpose>[] = [{ purpose: 'main', body: main }];
  const threshold = body['rankingScoreThreshold'];
  // Without a filter the document is a candidate; with one, it can be asked for only where nodes filter
  // on primary keys. Elsewhere it shows as the hit most similar to itself.
  const isFiltered = filters.filter !== undefined;
  const self = isFiltered ? filterOfSelf(body, index) : undefined;
  if (self !== undefined) {
    requests.push({ purpose: 'self', body: { ...semantic, ...count, filter: self } });
  }
  return {
    requests,
    isFiltered,
    threshold: typeof threshold === 'number' ? threshold : undefined,
    window,
    projection,
    id: String(id),
    primaryKey: index.primaryKey,
    hitsTotalMax,
    isFieldFirst,
  };
}

/**
 * The client's filter for the document itself alone; undefined where nodes do not filter on primary keys.
 */
export function filterOfSelf(
  body: JsonObject,
  index: Pick<RankedIndex, 'settings'> & { readonly primaryKey: string },
): readonly unknown[] | undefined {
  if (!isFilterableByEquality(index.primaryKey, index.settings)) return undefined;
  const { filter } = body;
  const given: readonly unknown[] = Array.isArray(filter) ? filter : [filter];
  return [...given, inFilter(index.primaryKey, [String(body['id'])])];
}

/** Whether a search is ranked by some field before it is by similarity, which counts alone here. */
function ranksByFieldFirst(settings: JsonObject): boolean {
  const rules = settings['rankingRules'];
  if (!isTextArray(rules)) return false;
  const first = rules.find((rule) => isRelevancy(rule) || rule.includes(':'));
  return first !== undefined && !isRelevancy(first);
}

/**
 * Merges the nodes' answers. Whether the document itself is a candidate comes from `isSelfCandidate`,
 * else from the absence of a filter, the `self` answers, or the hits.
 */
export function mergeSimilar(
  plan: SimilarPlan,
  answers: PurposeAnswers<SimilarPurpose>,
  envelope: AnswerEnvelope & { readonly isSelfCandidate?: boolean },
): MergedAnswer {
  const main = readAnswers(answers.get('main'));
  const window = plan.window as SearchWindow;
  // Each part of a list is in order; an approximate search may find nearer ones for a later part.
  const found = main
    .flatMap((answer) => answer.hits)
    .sort(plan.isFieldFirst ? compareSimilarity : compareHits);
  const hits: Hit[] = [];
  let isSelfSeen = false;
  /** Place of the first hit of the window that is not similar enough. */
  let firstBelow: number | undefined;
  for (const hit of found) {
    if (isDocument(hit, plan)) isSelfSeen = true;
    else if (hits.length < window.end && firstBelow === undefined && hasSimilarity(hit)) {
      if (hits.length >= window.start && isBelow(hit, plan)) firstBelow = hits.length;
      else hits.push(hit);
    }
  }
  const totals = readAnswers(answers.get('totals') ?? answers.get('main'));
  const self = answers.get('self');
  const isCandidate =
    envelope.isSelfCandidate ??
    (!plan.isFiltered ||
      (self === undefined ? isSelfSeen : readAnswers(self).some((answer) => answer.total > 0)));
  const candidates = totals.reduce((sum, answer) => sum + answer.total, 0) - (isCandidate ? 1 : 0);
  // Where totals were asked apart, the hits were asked with the threshold: the lists end at it.
  const isCut = plan.threshold !== undefined && answers.has('totals') && hits.length < window.end;
  if (isCut && candidates > hits.length) firstBelow = Math.max(hits.length, window.start);
  const total = Math.min(firstBelow ?? candidates, plan.hitsTotalMax);
  const shown = hits.slice(window.start, window.end);
  const writer = new ByteWriter(512 + shown.reduce((sum, hit) => sum + hit.end - hit.start, 0));
  writer.text('{"hits":[');
  for (const [place, hit] of shown.entries()) {
    if (place > 0) writer.text(',');
    writeHit(writer, hit, plan.projection);
  }
  writer.text(`],"id":${JSON.stringify(plan.id)},"processingTimeMs":${envelope.processingTimeMs}`);
  writer.text(`,"limit":${window.limit},"offset":${window.offset},"estimatedTotalHits":${total}}`);
  return {
    chunks: [writer.done()],
    hitCount: shown.length,
    explain: () => ({ ...judgeNearest(main.length), decisions: decideNeighbours(shown) }),
  };
}

/** A document without a vector of this embedder is similar to nothing. */
function hasSimilarity(hit: Hit): boolean {
  const rule = hit.rules.find(({ kind }) => kind === RULE_VECTOR);
  return rule === undefined || rule.first >= 0;
}

function compareSimilarity(left: Hit, right: Hit): number {
  return right.score - left.score || compareVersions(left, right) || left.source - right.source;
}

/** An engine ends its list there, and counts none of what follows; hits before the window are not looked at. */
function isBelow(hit: Hit, plan: SimilarPlan): boolean {
  return plan.threshold !== undefined && hit.score < plan.threshold;
}

const QUOTE = 0x22;

function isDocument(hit: Hit, plan: SimilarPlan): boolean {
  let isSame = false;
  visitLeaves(hit.bytes, hit.start, plan.primaryKey, (start, end) => {
    const text =
      hit.bytes[start] === QUOTE
        ? decodeString(hit.bytes, start, end)
        : hit.bytes.toString('latin1', start, end);
    if (text === plan.id) isSame = true;
  });
  return isSame;
}
