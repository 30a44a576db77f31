/**
 * The lease of one granted write: 5 s at control, renewed each second. Once it is over, control counts
 * what was not answered as unknown, so that the sends are cut and nothing is ever acknowledged. Here it
 * ends one look at the clock early: control must not be the first to count it as lost.
 */

/** How often a session looks at the clock. */
export const LOOK_INTERVAL_MS = 250;
const RENEW_INTERVAL_MS = 1_000;
const HELD_MS = 5_000 - LOOK_INTERVAL_MS;

/** A lease as its holder knows it. */
export interface Lease {
  heldUntilMs: number;
  /** When it was last asked for. */
  askedAtMs: number;
  isRenewing: boolean;
  /** For good, whatever the clock says. */
  isLost: boolean;
}

/** Counts from `beganAtMs`, a moment before the grant was asked for. */
export function newLease(beganAtMs: number): Lease {
  const heldUntilMs = beganAtMs + HELD_MS;
  return { heldUntilMs, askedAtMs: beganAtMs, isRenewing: false, isLost: false };
}

/** Whether it is held still at this moment. */
export function isHeld(lease: Lease, nowMs: number): boolean {
  return !lease.isLost && nowMs < lease.heldUntilMs;
}

/** Whether it is time to renew it. */
export function isDue(lease: Lease, nowMs: number): boolean {
  return !lease.isRenewing && nowMs - lease.askedAtMs >= RENEW_INTERVAL_MS;
}

/** A renewal is being asked for. */
export function beginRenewal(lease: Lease, nowMs: number): void {
  lease.isRenewing = true;
  lease.askedAtMs = nowMs;
}

/** Takes in the answer; it counts from the moment of the question. */
export function endRenewal(lease: Lease, outcome: 'held' | 'lost' | 'unreachable'): void {
  lease.isRenewing = false;
  if (outcome === 'lost') lease.isLost = true;
  if (outcome === 'held') lease.heldUntilMs = lease.askedAtMs + HELD_MS;
}
