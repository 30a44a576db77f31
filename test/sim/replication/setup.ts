/** Times and bounds that replicas of the made-up world run with: those of production, bounds made small. */
import type { Bounds, Timing } from '../../../control/replication/core/index.ts';

/** As in production. */
export const TIMING: Timing = {
  renewMs: 2_000,
  expiryMs: 6_000,
  pollMs: 1_000,
  heartbeatMs: 500,
  dropMs: 2_000,
  silentMs: 3_000,
  askMs: 300,
  flushMs: 1_000,
  yieldMs: 1_000,
  applyIdleMs: 20,
};

/** So small that they are met. */
export const BOUNDS: Bounds = {
  uncommittedEntries: 64,
  uncommittedBytes: 2_000,
  messageBytes: 100,
  messagesInFlight: 8,
  writeBytes: 150,
  reads: 8,
};
