/** POST /indexes/{uid}/facet-search: the nodes' values merged by what they are filed under. */
import {
  type JsonObject,
  mergeFacetSearch,
  SPELLINGS_MAX,
  type Spellings,
} from '../../core/ranking/index.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { Question } from './ask.ts';
import { readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';
import { coverFor } from './copies.ts';
import { type FanOutAnswers, type FanOutPlan, fanOut } from './fan-out.ts';
import { narrowCovering, rankedIndex } from './index-plan.ts';
import { parseJsonBody } from './json-body.ts';
import { withEvenFilter } from './known-fields.ts';
import { indexPath, readableIndex, refuseMissingIndex } from './missing-index.ts';
import { relayRefusal, relayUnread } from './refusal.ts';
import { bytesReply } from './reply.ts';
import { mayNameReserved, refuseReservedNames } from './reserved-names.ts';
import { findSpellings } from './spellings.ts';

/** What was found out about spellings. */
interface Found {
  readonly ofAll?: readonly Uint8Array[];
  readonly spellings?: Spellings;
}

/** Answers a facet search. */
export async function postFacetSearch(context: RouteContext): Promise<GatewayReply> {
  const startedAt = performance.now();
  requireJsonType(context.request);
  const bytes = await readBody(context.request);
  const given = parseJsonBody(bytes);
  const path = indexPath(context.params['index_uid'] ?? '', 'facet-search');
  const untouched: Question = { method: 'POST', path, body: bytes };
  const entry = readableIndex(context);
  if (entry === undefined) return refuseMissingIndex(context, untouched);
  if (!isObject(given)) return relayUnread(context, entry, untouched);
  if (mayNameReserved(bytes)) refuseReservedNames(given);
  const body = await withEvenFilter(context, entry, given);
  const requests = [{ purpose: 'main', body }] as const;
  const covering = narrowCovering(context, entry, body);
  const index = rankedIndex(entry);
  const merge = (answers: FanOutAnswers<'main'>, found: Found = {}) =>
    mergeFacetSearch(
      { body, index, ...found },
      answers.get('main') ?? [],
      Math.floor(performance.now() - startedAt),
    );
  const asked = fanOut(context, { entry, path, requests, covering }, merge);
  // Values are shown as some document of the index spells them, be it a candidate, or one the caller may
  // see, or not.
  const all = { entry, covering: coverFor(context, entry), token: context.view.internalKey };
  const [result, ofAll] = await Promise.all([
    asked,
    hasFewerCandidates(context, body) ? askOfAll(context, { ...all, path }, body) : [],
  ]);
  if (result.kind === 'refused') {
    return relayRefusal(context, entry, { answer: result.answer, untouched });
  }
  let merged = ofAll.length > 0 ? merge(result.answers, { ofAll }) : result.merged;
  const apart = merged.spelledApart?.slice(0, SPELLINGS_MAX) ?? [];
  if (apart.length > 0) {
    const spellings = await findSpellings(context, { ...all, body: {}, apart });
    if (spellings !== undefined) merged = merge(result.answers, { spellings });
  }
  context.trace?.merged(entry.uid, merged, result.nodeIds);
  return {
    ...bytesReply(context.template, 200, merged.chunks, result.headers),
    plan: `merge of ${result.nodeCount} nodes`,
  };
}

/** Whether documents are left out, so that a node may hold the first spelling and none of the candidates. */
function hasFewerCandidates({ access }: RouteContext, body: JsonObject): boolean {
  return access.isJudgedByNode || ['q', 'filter'].some((name) => (body[name] ?? '') !== '');
}

/** How each node spells the values where all documents are candidates; none if they cannot be asked. */
async function askOfAll(
  context: RouteContext,
  where: Omit<FanOutPlan<'all'>, 'requests'>,
  { facetName, facetQuery }: JsonObject,
): Promise<readonly Uint8Array[]> {
  // Of a single node's values the answer itself tells.
  if (where.covering.reads.length < 2) return [];
  const body = { facetName, ...(facetQuery === undefined ? {} : { facetQuery }) };
  const plan = { ...where, requests: [{ purpose: 'all', body }] as const };
  const read = (answers: FanOutAnswers<'all'>) => answers.get('all') ?? [];
  const result = await fanOut(context, plan, read).catch(() => undefined);
  return result?.kind === 'answered' ? result.merged : [];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
