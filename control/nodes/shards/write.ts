/**
 * Writes a page of documents to a node as they are: internal fields and versions untouched, whole, tagged.
 * What each part came to is a value: a part that was not answered may be in the node's queue.
 */
import type { NodeOutcome } from '../../../core/meilisearch/outcome.ts';
import type { ControlNode } from '../node.ts';
import { indexPath, type ShardPlace } from './place.ts';

const DEADLINE_MS = 30_000;
/** A node's own limit is 100 MB. */
const PART_BYTES_MAX = 64 * 1024 * 1024;
const OPEN = Buffer.from('[');
const CLOSE = Buffer.from(']');
const COMMA = Buffer.from(',');

/** What is to be written: whole documents, and identifiers to delete. */
export interface ShardPage {
  readonly documents: readonly Uint8Array[];
  readonly deletedIds: readonly string[];
}

/** What one part came to. */
export type PartOutcome =
  | { readonly kind: 'enqueued'; readonly uid: number }
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** One call: documents, or a deletion. */
interface Part {
  readonly path: string;
  readonly body: readonly Uint8Array[];
}

/** How many parts a page has: at least one, for the step it belongs to waits for an answer. */
export function partsOf(page: ShardPage): number {
  return groupDocuments(page.documents).length + (hasDeletion(page) ? 1 : 0);
}

function hasDeletion({ documents, deletedIds }: ShardPage): boolean {
  return deletedIds.length > 0 || documents.length === 0;
}

/**
 * Sends the parts one after another; `tag` is completed by part number and origin. Stops at the first that
 * is not enqueued: the outcomes tell of those that were tried.
 */
export async function writePage(
  node: ControlNode,
  place: ShardPlace,
  page: ShardPage,
  options: { readonly tag: (part: number) => string; readonly signal: AbortSignal },
): Promise<PartOutcome[]> {
  const outcomes: PartOutcome[] = [];
  for (const part of makeParts(place, page, options.tag)) {
    const outcome = await node.exchange({
      method: 'POST',
      path: part.path,
      body: part.body,
      deadlineMs: DEADLINE_MS,
      signal: options.signal,
    });
    const result = readOutcome(outcome);
    outcomes.push(result);
    if (result.kind !== 'enqueued') break;
  }
  return outcomes;
}

function makeParts(place: ShardPlace, page: ShardPage, tag: (part: number) => string): Part[] {
  const key = encodeURIComponent(place.primaryKey);
  const parts = groupDocuments(page.documents).map((documents, number) => ({
    path: indexPath(
      place,
      `/documents?primaryKey=${key}&customMetadata=${encodeURIComponent(tag(number))}`,
    ),
    body: [OPEN, ...documents.flatMap((bytes, at) => (at === 0 ? [bytes] : [COMMA, bytes])), CLOSE],
  }));
  if (!hasDeletion(page)) return parts;
  const metadata = encodeURIComponent(tag(parts.length));
  const path = indexPath(place, `/documents/delete-batch?customMetadata=${metadata}`);
  return [...parts, { path, body: [Buffer.from(JSON.stringify(page.deletedIds))] }];
}

function groupDocuments(documents: readonly Uint8Array[]): Uint8Array[][] {
  const groups: Uint8Array[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const document of documents) {
    if (bytes + document.length > PART_BYTES_MAX) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(document);
    bytes += document.length + 1;
  }
  return groups;
}

function readOutcome(outcome: NodeOutcome): PartOutcome {
  if (outcome.kind === 'refused') {
    return { kind: 'refused', status: 0, reason: outcome.reason };
  }
  if (outcome.kind !== 'answered') {
    return { kind: 'unknown', reason: 'reason' in outcome ? outcome.reason : outcome.kind };
  }
  const text = Buffer.from(outcome.body).toString('utf8').slice(0, 2_000);
  const uid = outcome.status === 202 ? /"taskUid"\s*:\s*(\d{1,15})/.exec(text)?.[1] : undefined;
  if (uid !== undefined) return { kind: 'enqueued', uid: Number(uid) };
  // A server's own failure may have happened after it took the task.
  return outcome.status >= 400 && outcome.status < 500
    ? { kind: 'refused', status: outcome.status, reason: text.slice(0, 500) }
    : { kind: 'unknown', reason: `it answered ${outcome.status}` };
}
