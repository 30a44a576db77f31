/** Reads whole documents of a shard by identifier, as the bytes that another node is to get. */
import { storedId, writeContent, writeStored } from '../../../core/documents/index.ts';
import { ByteWriter, MalformedAnswer } from '../../../core/json/slice.ts';
import { hashContent, hashPrimaryKey } from '../../../core/placement/index.ts';
import type { ControlNode } from '../node.ts';
import { fetchDocuments, type ShardFault, type ShardPlace } from './place.ts';

/** Above it a page is asked for again in halves; one document alone may be larger. */
const PAGE_BYTES_MAX = 32 * 1024 * 1024;
const DOCUMENT_BYTES_MAX = 128 * 1024 * 1024;

/** Documents by the hash of their identifier; those asked for and not there are absent. */
export interface ShardDocuments {
  readonly kind: 'documents';
  readonly documents: Map<bigint, Uint8Array>;
  readonly bytes: number;
}

/** Reads the documents with these identifiers, at most a few thousand. */
export async function readDocuments(
  node: ControlNode,
  place: ShardPlace,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ShardDocuments | ShardFault> {
  const documents = new Map<bigint, Uint8Array>();
  let bytes = 0;
  const fault = await eachDocument(node, place, { ids, signal }, (page, span, hash) => {
    const writer = new ByteWriter(span.end - span.start);
    writeStored(page, span, writer);
    const stored = writer.done();
    bytes += stored.length;
    documents.set(hash, stored);
  });
  return fault ?? { kind: 'documents', documents, bytes };
}

/** Hash of the identifier -> hash of the canonical content, of the documents with these identifiers. */
export async function hashDocuments(
  node: ControlNode,
  place: ShardPlace,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Map<bigint, bigint> | ShardFault> {
  const hashes = new Map<bigint, bigint>();
  const writer = new ByteWriter();
  const fault = await eachDocument(node, place, { ids, signal }, (page, span, hash) => {
    writer.truncate(0);
    writeContent(page, span.start, writer);
    hashes.set(hash, hashContent(writer.done()));
  });
  return fault ?? hashes;
}

type Visit = (
  page: Uint8Array,
  span: { readonly start: number; readonly end: number },
  hash: bigint,
) => void;

async function eachDocument(
  node: ControlNode,
  place: ShardPlace,
  wanted: { readonly ids: readonly string[]; readonly signal: AbortSignal },
  visit: Visit,
): Promise<ShardFault | undefined> {
  const { ids, signal } = wanted;
  if (ids.length === 0) return undefined;
  const page = await fetchDocuments(node, place, {
    body: { ids, limit: ids.length, retrieveVectors: true },
    answerBytesMax: ids.length === 1 ? DOCUMENT_BYTES_MAX : PAGE_BYTES_MAX,
    signal,
  });
  if (page.kind === 'tooLarge' && ids.length > 1) {
    const half = Math.ceil(ids.length / 2);
    const fault = await eachDocument(node, place, { ids: ids.slice(0, half), signal }, visit);
    return fault ?? eachDocument(node, place, { ids: ids.slice(half), signal }, visit);
  }
  if (page.kind !== 'page') {
    const isMissingIndex = page.kind === 'refused' && page.status === 404;
    return isMissingIndex ? undefined : page;
  }
  try {
    for (const span of page.spans) {
      visit(page.bytes, span, hashPrimaryKey(storedId(page.bytes, span.start, place.primaryKey)));
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof MalformedAnswer)) throw error;
    return { kind: 'refused', status: 200, reason: error.message };
  }
}
