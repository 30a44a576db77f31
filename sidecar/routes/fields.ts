/**
 * POST /indexes/{uid}/fields: every field some copy that may be read has seen, each once, without the
 * gateway's own. What nodes are not told (displayedAttributes, and the order of facets where answers are merged) is put back
 * before the list is filtered by it and cut into pages.
 */

import { decodeObject, MalformedAnswer } from '../../core/json/slice.ts';
import { isReservedName } from '../../core/reserved/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { askNode, outcomeError, type Question } from './ask.ts';
import { readBody, requireJsonType } from './body.ts';
import type { RouteContext } from './context.ts';
import { coverFor, readableNodes } from './copies.ts';
import { parseJsonBody } from './json-body.ts';
import { indexPath, readableIndex, refuseMissingIndex } from './missing-index.ts';
import { relayRefusal, relayUnread } from './refusal.ts';
import { jsonReply } from './reply.ts';
import { refuseReservedNames } from './reserved-names.ts';

const LIMIT_DEFAULT = 20;
/** More than the 65,535 names an index may have. */
const ALL_FIELDS = 70_000;

/** Lists fields. */
export async function postFields(context: RouteContext): Promise<GatewayReply> {
  requireJsonType(context.request);
  const bytes = await readBody(context.request);
  const body = parseJsonBody(bytes);
  const path = indexPath(context.params['index_uid'] ?? '', 'fields');
  const untouched: Question = { method: 'POST', path, body: bytes };
  const entry = readableIndex(context);
  if (entry === undefined) return refuseMissingIndex(context, untouched);
  if (isObject(body) && isObject(body['filter'])) refuseReservedNames(body['filter']);
  const request = readRequest(body);
  if (request === undefined) return relayUnread(context, entry, untouched);
  const question: Question = { method: 'POST', path, body: JSON.stringify(request.asked) };
  const nodeIds = readableNodes(context, entry);
  const outcomes = await Promise.all(nodeIds.map((id) => askNode(context, id, question)));
  const fields = new Map<string, Field>();
  const reached = new Set<NodeId>();
  for (const [place, outcome] of outcomes.entries()) {
    if (outcome.kind !== 'answered' || outcome.status >= 500) continue;
    // It has just lost its data, and this view does not say so yet: another copy tells.
    if (outcome.status === 404 && nodeIds.length > 1) continue;
    if (outcome.status !== 200) return relayRefusal(context, entry, { answer: outcome, untouched });
    reached.add(nodeIds[place] as NodeId);
    const { results } = decodeObject(outcome.body);
    if (!Array.isArray(results)) throw new MalformedAnswer('no fields');
    for (const field of results as Field[]) {
      if (!isReservedName(field.name)) fields.set(field.name, toClientField(field, entry));
    }
  }
  const gone = outcomes.find((outcome) => outcome.kind === 'answered' && outcome.status === 404);
  if (reached.size === 0 && gone?.kind === 'answered') {
    return relayRefusal(context, entry, { answer: gone, untouched });
  }
  const excluded = new Set(nodeIds.filter((id) => !reached.has(id)));
  const { uncovered } = coverFor(context, entry, { excluded });
  const failed = outcomes.find(({ kind }) => kind !== 'answered');
  if (uncovered.length > 0 || reached.size === 0) throw outcomeError(failed);
  const { offset, limit, displayed } = request;
  const shown = [...fields.values()]
    .filter((field) => displayed === undefined || field.displayed.enabled === displayed)
    .sort((left, right) => Buffer.compare(Buffer.from(left.name), Buffer.from(right.name)));
  return jsonReply(context.template, 200, {
    results: shown.slice(offset, offset + limit),
    offset,
    limit,
    total: shown.length,
  });
}

interface Field {
  readonly name: string;
  readonly displayed: { readonly enabled: boolean };
  readonly filterable: Readonly<Record<string, unknown>>;
}

interface FieldsRequest {
  readonly offset: number;
  readonly limit: number;
  readonly displayed: boolean | undefined;
  /** The body for the nodes: all pages, and no filter by what they do not know. */
  readonly asked: unknown;
}

/** Reads the body; undefined if anything is not understood. */
function readRequest(body: unknown): FieldsRequest | undefined {
  if (!isObject(body)) return undefined;
  const { offset = 0, limit = LIMIT_DEFAULT, filter, ...others } = body;
  if (!isCount(offset) || !isCount(limit) || Object.keys(others).length > 0) return undefined;
  const asked = { offset: 0, limit: ALL_FIELDS };
  if (filter === undefined || filter === null) {
    return { offset, limit, displayed: undefined, asked };
  }
  if (!isObject(filter)) return undefined;
  const { displayed, ...rest } = filter;
  if (displayed !== undefined && displayed !== null && typeof displayed !== 'boolean') {
    return undefined;
  }
  const wanted = displayed ?? undefined;
  return { offset, limit, displayed: wanted, asked: { ...asked, filter: rest } };
}

function toClientField(field: Field, entry: IndexEntry): Field {
  const { settings } = entry;
  const list = settings['displayedAttributes'];
  const isDisplayed = !Array.isArray(list) || list.some((name) => covers(String(name), field.name));
  const faceting = settings['faceting'];
  const orders = isObject(faceting) ? faceting['sortFacetValuesBy'] : undefined;
  // A node has no order of facets for what lies in `_vectors`.
  const isOrdered = isObject(orders) && !covers('_vectors', field.name);
  const order = isOrdered ? (orders[field.name] ?? orders['*']) : undefined;
  return {
    ...field,
    displayed: { enabled: isDisplayed },
    filterable: { ...field.filterable, sortBy: order ?? 'alpha' },
  };
}

function covers(name: string, field: string): boolean {
  return name === '*' || name === field || field.startsWith(`${name}.`);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
