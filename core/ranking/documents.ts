/**
 * Document lists (GET /documents, POST /documents/fetch) over several nodes. Order is that of `sort`,
 * then of versions; displayedAttributes does not hide anything here (contract 1).
 */

import { ByteWriter, decodeNumber, MalformedAnswer, Members } from '../json/slice.ts';
import { isReservedName, VERSION_FIELD } from '../reserved/index.ts';
import { decideNeighbours } from './decisions.ts';
import { rebuildGeoBuckets } from './geo.ts';
import { mergeHeads } from './heads.ts';
import { compareHits, type Hit, readHits } from './hits.ts';
import { isTextArray, wholeMembers } from './projection.ts';
import { readSort, type SortRule, sortResults } from './sort-values.ts';
import type { JsonObject, MergedAnswer, RankedIndex } from './types.ts';
import { judgeDocuments } from './verdict.ts';
import { writeFields } from './write-hit.ts';

const LIMIT_DEFAULT = 20;

/** How a list is asked and merged. */
export interface DocumentsPlan {
  readonly kind: 'merge' | 'single';
  /** For POST documents/fetch on every node of the covering set. */
  readonly body: JsonObject;
  readonly offset: number;
  readonly limit: number;
  /** Fields shown; undefined: all. */
  readonly fields: readonly string[] | undefined;
  readonly keepsVectors: boolean;
  readonly sort: readonly SortRule[];
  /** Whether documents that sort alike stand in the order of their versions. */
  readonly isOrderedByVersion: boolean;
}

/** What planDocuments works from: the body of a fetch (for GET, the same names and types). */
export interface DocumentsRequest {
  readonly body: JsonObject;
  readonly index: RankedIndex;
  readonly isSingleNode?: boolean;
}

/** A document as a client may see it: with these fields, or all, and nothing internal. */
export function stripDocument(
  body: Uint8Array,
  fields: readonly string[] | undefined,
  keepsVectors: boolean,
): Uint8Array {
  const writer = new ByteWriter(body.length);
  writeFields(writer, body, 0, { fields, keepsVectors });
  return writer.done();
}

/** Plans a document list. Values of a wrong type pass on, for a node to refuse. */
export function planDocuments(request: DocumentsRequest): DocumentsPlan {
  const { body, index } = request;
  const offset = readCount(body['offset'], 0);
  const limit = readCount(body['limit'], LIMIT_DEFAULT);
  const wanted = isTextArray(body['sort']) ? body['sort'] : [];
  const sort = readSort(wanted) ?? [];
  // Here `*` stands for a field of that name alone, and a GET that means all says so before this.
  const fields = isTextArray(body['fields'])
    ? body['fields'].filter((name) => !isReservedName(name))
    : undefined;
  const kind = request.isSingleNode === true ? 'single' : 'merge';
  const shape = {
    kind,
    offset: offset ?? 0,
    limit: limit ?? LIMIT_DEFAULT,
    fields,
    keepsVectors: body['retrieveVectors'] === true,
    sort,
    isOrderedByVersion: kind === 'merge' && index.hasSeveralOwners,
  } as const;
  if (kind === 'single' || offset === undefined || limit === undefined) return { ...shape, body };
  const asked: Record<string, unknown> = { ...body, offset: 0, limit: offset + limit };
  if (fields !== undefined) {
    const needed = [...sort.map((rule) => rule.field), VERSION_FIELD];
    asked['fields'] = [...new Set([...fields, ...wholeMembers({ fields }, index), ...needed])];
  }
  if (index.hasSeveralOwners && (body['sort'] === undefined || isTextArray(body['sort']))) {
    asked['sort'] = [...wanted, `${VERSION_FIELD}:asc`];
  }
  return { ...shape, body: asked };
}

/** Merges the nodes' lists (all with status 200). Works for a `single` plan too. */
export function mergeDocuments(plan: DocumentsPlan, bodies: readonly Uint8Array[]): MergedAnswer {
  const lists: Hit[][] = [];
  let total = 0;
  for (const [source, body] of bodies.entries()) {
    let list: Hit[] | undefined;
    let count = Number.NaN;
    const members = new Members(body, 0);
    while (members.next()) {
      if (members.isNamed('results')) list = readHits(body, members.valueStart, source);
      else if (members.isNamed('total')) {
        count = decodeNumber(body, members.valueStart, members.valueEnd);
      }
    }
    if (list === undefined || Number.isNaN(count)) throw new MalformedAnswer('no results');
    lists.push(list);
    total += count;
  }
  const shown = plan.kind === 'single' ? lists.flat() : mergeLists(plan, lists, total);
  const writer = new ByteWriter(512 + shown.reduce((sum, hit) => sum + hit.end - hit.start, 0));
  writer.text('{"results":[');
  for (const [place, hit] of shown.entries()) {
    if (place > 0) writer.text(',');
    writeFields(writer, hit.bytes, hit.start, plan);
  }
  writer.text(`],"offset":${plan.offset},"limit":${plan.limit},"total":${total}}`);
  return {
    chunks: [writer.done()],
    hitCount: shown.length,
    explain: () => ({
      ...judgeDocuments(plan, shown),
      decisions: plan.kind === 'single' ? [] : decideNeighbours(shown),
    }),
  };
}

function mergeLists(plan: DocumentsPlan, lists: readonly Hit[][], total: number): Hit[] {
  const end = plan.offset + plan.limit;
  if (plan.sort.length === 0) return mergeHeads(lists, compareHits, end).slice(plan.offset);
  for (const list of lists) {
    const places = new Map<string, number>();
    for (const hit of list) {
      const version = hit.bytes.toString('latin1', hit.versionStart, hit.versionEnd);
      const place = places.get(version) ?? 0;
      hit.rules = sortResults(hit, plan.sort, place);
      if (hit.versionStart >= 0) places.set(version, place + 1);
    }
  }
  if (!plan.sort.some((rule) => rule.point !== undefined)) {
    return mergeHeads(lists, compareHits, end).slice(plan.offset);
  }
  const all = lists.flat();
  rebuildGeoBuckets(all, total);
  return all.sort(compareHits).slice(plan.offset, end);
}

function readCount(value: unknown, byDefault: number): number | undefined {
  if (value === undefined) return byDefault;
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}
