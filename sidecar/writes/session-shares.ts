/**
 * The sends of one write: each node gets its bodies one after another, all nodes at once. After anything
 * but an enqueued task nothing more goes to that node, since the order of bodies is part of what was
 * granted.
 *
 * A node whose every shard was taken whole by others is waited for no longer than `writes.copy_timeout_ms`
 * and one second for each megabyte. Where nobody else took a shard there is nobody to be faster: the node
 * is waited for as long as a busy one may take to answer.
 */
import { assert } from '../../core/assert.ts';
import type { PartOutcome, PartResult, ShareSpec } from './session-types.ts';

/** Longest wait for a node that nobody can stand in for, without the time its bytes take. */
export const LONE_TIMEOUT_MS = 60_000;
/** What each megabyte adds to any wait. */
export const TIMEOUT_PER_MB_MS = 1_000;
const BYTES_PER_MB = 1_000_000;

/** One node's share on its way. */
export interface Share {
  readonly spec: ShareSpec;
  /** By part, as far as they are known. */
  readonly outcomes: PartOutcome[];
  /** When the part that is under way was sent; undefined while none is. */
  sentAtMs: number | undefined;
  /** Its connection is being destroyed. */
  isCut: boolean;
  /** A view that came since the permission says that one of its copies counts no more. */
  isDoubted: boolean;
}

/** A share of which nothing was sent yet. */
export function newShare(spec: ShareSpec): Share {
  assert(spec.partBytes.length > 0, 'a share has something to send');
  assert(spec.shards.length > 0, 'what is sent belongs to some shard');
  return { spec, outcomes: [], sentAtMs: undefined, isCut: false, isDoubted: false };
}

/** Takes in what became of the part under way; true if the next one is to be sent. */
export function takeOutcome(share: Share, part: number, outcome: PartOutcome): boolean {
  assert(share.sentAtMs !== undefined && part === share.outcomes.length, 'this part is under way');
  share.sentAtMs = undefined;
  share.outcomes.push(outcome);
  if (outcome.kind !== 'enqueued') refuseRest(share, 'an earlier part was not taken');
  return share.outcomes.length < share.spec.partBytes.length;
}

/** What was not sent yet never will be. */
export function refuseRest(share: Share, reason: string): void {
  while (share.outcomes.length < share.spec.partBytes.length) {
    share.outcomes.push({ kind: 'refused', status: 0, body: Buffer.from(reason) });
  }
}

/** Whether nothing of it is under way or to be sent. */
export function isOver(share: Share): boolean {
  return share.sentAtMs === undefined && share.outcomes.length === share.spec.partBytes.length;
}

/** Whether the node has all of it in its queue. */
export function isTaken(share: Share): boolean {
  return isOver(share) && share.outcomes.every(({ kind }) => kind === 'enqueued');
}

/** Shares that have been waited for long enough. */
export function overdue(
  shares: readonly Share[],
  nowMs: number,
  copyTimeoutMs: number,
): readonly Share[] {
  const waiting = shares.filter((share) => share.sentAtMs !== undefined && !share.isCut);
  const late = waiting.filter((share) => waitedMs(share, nowMs) >= copyTimeoutMs);
  if (late.length === 0) return late;
  const taken = new Set(shares.filter(isTaken).flatMap(({ spec }) => spec.shards));
  return late.filter(
    (share) =>
      waitedMs(share, nowMs) >= LONE_TIMEOUT_MS ||
      share.spec.shards.every((shard) => taken.has(shard)),
  );
}

/** How long the part under way has been waited for, less the time that its bytes may take. */
function waitedMs({ spec, outcomes, sentAtMs }: Share, nowMs: number): number {
  const bytes = spec.partBytes[outcomes.length] ?? 0;
  return nowMs - (sentAtMs ?? nowMs) - (TIMEOUT_PER_MB_MS * bytes) / BYTES_PER_MB;
}

/** Everything that is known of all parts, for a report. */
export function resultsOf(shares: readonly Share[]): PartResult[] {
  return shares.flatMap(({ spec, outcomes }) =>
    outcomes.map((outcome, part) => ({
      nodeId: spec.nodeId,
      part,
      partCount: spec.partBytes.length,
      outcome,
    })),
  );
}

/** A client error that every node gave alike, where none took anything. */
export function commonRefusal(
  shares: readonly Share[],
): { readonly status: number; readonly body: Uint8Array } | undefined {
  let first: { readonly status: number; readonly body: Uint8Array } | undefined;
  for (const { outcome } of resultsOf(shares)) {
    if (outcome.kind !== 'refused') return undefined;
    if (outcome.status === 0) continue;
    if (outcome.status >= 500) return undefined;
    first ??= outcome;
    if (first.status !== outcome.status) return undefined;
  }
  return first;
}

/** Whether some node has, or may have, a part in its queue. */
export function mayBeIn(shares: readonly Share[]): boolean {
  return resultsOf(shares).some(({ outcome }) => outcome.kind !== 'refused');
}
