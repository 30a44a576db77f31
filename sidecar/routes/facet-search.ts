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
import { type FanOutAnswers, fanOut } from './fan-out.ts';
import { narrowCovering, rankedIndex } from './index-plan.ts';
import { parseJsonBody } from './json-body.ts';
import { withEvenFilter } from './known-fields.ts';
import { indexPath, readableIndex, refuseMissingIndex } from './missing-index.ts';
import { relayRefusal, relayUnread } from './refusal.ts';
import { bytesReply } from './reply.ts';
import { mayNameReserved, refuseReservedNames } from './reserved-names.ts';
import { findSpellings } from './spellings.ts';

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
  const merge = (answers: FanOutAnswers<'main'>, spellings?: Spellings) =>
    mergeFacetSearch(
      { body, index, ...(spellings === undefined ? {} : { spellings }) },
      answers.get('main') ?? [],
      Math.floor(performance.now() - startedAt),
    );
  const result = await fanOut(context, { entry, path, requests, covering }, merge);
  if (result.kind === 'refused') {
    return relayRefusal(context, entry, { answer: result.answer, untouched });
  }
  let { merged } = result;
  const apart = merged.spelledApart?.slice(0, SPELLINGS_MAX) ?? [];
  if (apart.length > 0) {
    // Values are shown as some document of the index spells them, be it a candidate or not.
    const whole = coverFor(context, entry);
    const spellings = await findSpellings(context, { entry, covering: whole, body: {}, apart });
    if (spellings !== undefined) merged = merge(result.answers, spellings);
  }
  context.trace?.merged(entry.uid, merged, result.nodeIds);
  return {
    ...bytesReply(context.template, 200, merged.chunks, result.headers),
    plan: `merge of ${result.nodeCount} nodes`,
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
