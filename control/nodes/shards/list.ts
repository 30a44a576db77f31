/**
 * Lists the documents of one shard on one node: identifier and version of each. One request is one read
 * transaction of the node, so a shard that fits one request is listed as it was at one moment. A larger one
 * is listed by version in ascending order, which misses nothing that stays: whatever is written meanwhile
 * moves to a later place.
 */
import {
  firstVersionOf,
  listedFields,
  storedId,
  storedVersion,
} from '../../../core/documents/index.ts';
import { MalformedAnswer } from '../../../core/json/slice.ts';
import { hashPrimaryKey } from '../../../core/placement/index.ts';
import {
  encodeDigits,
  POSITION_DIGITS,
  SEQ_DIGITS,
  VERSION_FIELD,
} from '../../../core/reserved/index.ts';
import type { ControlNode } from '../node.ts';
import {
  type FetchedPage,
  fetchDocuments,
  type ShardFault,
  type ShardPlace,
  shardFilter,
} from './place.ts';

/** Documents in one request: about 6 MB of identifiers and versions. */
const PAGE = 50_000;
const PAGES_MAX = 2_000;
const PAGE_BYTES_MAX = 128 * 1024 * 1024;

/** A shard's documents on one node, by the hash of their identifier. */
export interface ShardList {
  readonly kind: 'list';
  /** Hash of the identifier -> version (storedVersion). */
  readonly versions: Map<bigint, bigint>;
  /** Hash -> the identifier's text. */
  readonly ids: Map<bigint, string>;
}

/** Lists documents of versions from the write at `fromSeq` on; 0 lists all. */
export async function listShard(
  node: ControlNode,
  place: ShardPlace,
  options: { readonly fromSeq: number; readonly signal: AbortSignal },
): Promise<ShardList | ShardFault> {
  const list: ShardList = { kind: 'list', versions: new Map(), ids: new Map() };
  const { signal } = options;
  const fields = listedFields(place.primaryKey);
  const filter = shardFilter(place, options.fromSeq);
  const first = await fetchDocuments(node, place, {
    body: { filter, fields, limit: PAGE },
    answerBytesMax: PAGE_BYTES_MAX,
    signal,
  });
  if (first.kind !== 'page') return isMissingIndex(first) ? list : first;
  if (first.total <= first.spans.length) return addPage(list, first, place) ?? list;
  return listByVersion(node, place, { ...options, list });
}

async function listByVersion(
  node: ControlNode,
  place: ShardPlace,
  options: { readonly fromSeq: number; readonly signal: AbortSignal; readonly list: ShardList },
): Promise<ShardList | ShardFault> {
  const { list, signal } = options;
  const [shard = ''] = shardFilter(place, 0);
  let from = firstVersionOf(options.fromSeq);
  let limit = PAGE;
  for (let count = 0; count < PAGES_MAX; count += 1) {
    const page = await fetchDocuments(node, place, {
      body: {
        filter: [shard, `${VERSION_FIELD} >= "${versionText(from)}"`],
        fields: listedFields(place.primaryKey),
        sort: [`${VERSION_FIELD}:asc`],
        limit,
      },
      answerBytesMax: PAGE_BYTES_MAX,
      signal,
    });
    if (page.kind !== 'page') return page;
    const fault = addPage(list, page, place);
    if (fault !== undefined) return fault;
    if (page.spans.length < limit) return list;
    const last = page.spans.at(-1);
    const next = last === undefined ? from : storedVersion(page.bytes, last.start);
    // An edit gives all it touches one version: such a page is asked for again, larger.
    if (next === from) limit *= 2;
    from = next;
  }
  return { kind: 'refused', status: 200, reason: 'the list of a shard does not end' };
}

/** Undefined if all went well. */
function addPage(list: ShardList, page: FetchedPage, place: ShardPlace): ShardFault | undefined {
  try {
    for (const { start } of page.spans) {
      const id = storedId(page.bytes, start, place.primaryKey);
      const hash = hashPrimaryKey(id);
      list.versions.set(hash, storedVersion(page.bytes, start));
      list.ids.set(hash, id);
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof MalformedAnswer)) throw error;
    return { kind: 'refused', status: 200, reason: error.message };
  }
}

function isMissingIndex(fault: ShardFault): boolean {
  return fault.kind === 'refused' && fault.status === 404;
}

function versionText(version: bigint): string {
  const position = Number(version & 0xffffffn);
  return encodeDigits(Number(version >> 24n), SEQ_DIGITS) + encodeDigits(position, POSITION_DIGITS);
}
