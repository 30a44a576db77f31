/** What is kept in memory of an intent that is not over. */
import type { Intent, OpenIntent, Target } from '../state/index.ts';

/** An intent as it is when it begins, or was loaded. */
export function openIntent(intent: Intent, hashes: Buffer): OpenIntent {
  return {
    intent,
    hashes,
    hashSet: undefined,
    shardSet: undefined,
    notedCopies: new Set(),
    waitsFor: new Set(),
    waiters: new Set(),
    beginTickets: [],
    reportTickets: [],
    begunAtMs: 0,
    leaseUntilMs: 0,
    closedAtMs: null,
    endsAtMs: null,
    isSent: false,
  };
}

/** A share that is still to be sent. */
export function newTarget(shards: readonly number[]): Target {
  return {
    shards,
    state: 'pending',
    isLost: false,
    partCount: null,
    parts: {},
    reason: null,
    refusal: null,
  };
}
