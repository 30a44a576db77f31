/** Which documents are meant: those of one shard of one index; and how a node is asked for documents. */
import { findMember, Items, MalformedAnswer } from '../../../core/json/slice.ts';
import type { NodeOutcome } from '../../../core/meilisearch/outcome.ts';
import {
  encodeShard,
  encodeVersion,
  SHARD_FIELD,
  VERSION_FIELD,
} from '../../../core/reserved/index.ts';
import type { ControlNode } from '../node.ts';

const DEADLINE_MS = 30_000;

/** One shard of one index, as nodes know it. */
export interface ShardPlace {
  /** The name under which nodes hold the index now. */
  readonly indexUid: string;
  readonly primaryKey: string;
  readonly shard: number;
}

/** Why documents could not be read or written; `tooLarge`: ask for fewer. */
export type ShardFault =
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  | { readonly kind: 'tooLarge' };

/** Path of an index with what follows. */
export function indexPath(place: ShardPlace, rest: string): string {
  return `/indexes/${encodeURIComponent(place.indexUid)}${rest}`;
}

/** Filter items for the shard's documents, from the first version of a place in the lane on. */
export function shardFilter(place: ShardPlace, fromSeq: number): string[] {
  const shard = `${SHARD_FIELD} = "${encodeShard(place.shard)}"`;
  if (fromSeq === 0) return [shard];
  return [shard, `${VERSION_FIELD} >= "${encodeVersion({ seq: fromSeq, position: 0 })}"`];
}

/** Documents of an answer: whole bytes, and where each lies. */
export interface FetchedPage {
  readonly kind: 'page';
  readonly bytes: Uint8Array;
  /** Start and end of each document, in the node's order. */
  readonly spans: readonly { readonly start: number; readonly end: number }[];
  /** How many there are in all. */
  readonly total: number;
}

/** POST documents/fetch. A node that does not know the index holds none of its documents. */
export async function fetchDocuments(
  node: ControlNode,
  place: ShardPlace,
  request: {
    readonly body: Readonly<Record<string, unknown>>;
    readonly answerBytesMax: number;
    readonly signal: AbortSignal;
  },
): Promise<FetchedPage | ShardFault> {
  const outcome = await node.exchange({
    method: 'POST',
    path: indexPath(place, '/documents/fetch'),
    body: JSON.stringify(request.body),
    deadlineMs: DEADLINE_MS,
    answerBytesMax: request.answerBytesMax,
    signal: request.signal,
  });
  if (outcome.kind !== 'answered') return faultOf(outcome);
  if (outcome.status !== 200) return refusalOf(outcome);
  try {
    return readPage(outcome.body);
  } catch (error) {
    if (!(error instanceof MalformedAnswer)) throw error;
    return { kind: 'refused', status: 200, reason: error.message };
  }
}

/** A call that was not answered as hoped. */
export function faultOf(outcome: Exclude<NodeOutcome, { kind: 'answered' }>): ShardFault {
  if (outcome.kind === 'too-large') return { kind: 'tooLarge' };
  const reason = 'reason' in outcome ? outcome.reason : outcome.kind;
  return { kind: 'unreachable', reason };
}

/** An answer that is no success. */
export function refusalOf(outcome: Extract<NodeOutcome, { kind: 'answered' }>): ShardFault {
  const text = Buffer.from(outcome.body).toString('utf8');
  return { kind: 'refused', status: outcome.status, reason: text.slice(0, 500) };
}

function readPage(bytes: Uint8Array): FetchedPage {
  const results = findMember(bytes, 0, 'results');
  const total = findMember(bytes, 0, 'total');
  if (results === undefined || total === undefined)
    throw new MalformedAnswer('no page of documents');
  const spans: { start: number; end: number }[] = [];
  const items = new Items(bytes, results.start);
  while (items.next()) spans.push({ start: items.start, end: items.end });
  const text = Buffer.from(bytes.subarray(total.start, total.end)).toString('latin1');
  return { kind: 'page', bytes, spans, total: Number(text) };
}
