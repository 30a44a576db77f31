/**
 * Keeps the lease of one granted write while its bytes move: renewed each second, lost after five. Once it
 * is lost, control counts the write's targets as unknown, so the sends are cut and nothing is ever
 * acknowledged.
 */
import type { WriteContext } from './context.ts';

const RENEW_INTERVAL_MS = 1_000;
const LEASE_MS = 5_000;

/** A held lease. `close` ends the renewing. */
export interface Lease {
  /** Fires when the lease is lost. */
  readonly signal: AbortSignal;
  /** Whether it is held still at this moment. */
  isHeld(): boolean;
  close(): void;
}

/** Begins to renew; the lease counts from `grantedAtMs`, a moment before the grant was asked for. */
export function holdLease(
  context: Pick<WriteContext, 'writes' | 'clock' | 'logger'>,
  seq: bigint,
  grantedAtMs: number,
): Lease {
  const { clock, writes, logger } = context;
  const abort = new AbortController();
  let heldUntilMs = grantedAtMs + LEASE_MS;
  let isRenewing = false;

  const lose = (reason: string): void => {
    if (abort.signal.aborted) return;
    logger.warn({ seq: String(seq), reason }, 'lease of a write lost');
    abort.abort();
  };
  const renew = async (): Promise<void> => {
    if (clock.nowMs() >= heldUntilMs) return lose('control could not be reached in time');
    if (isRenewing) return;
    isRenewing = true;
    const askedAtMs = clock.nowMs();
    try {
      const { lostSeqs } = await writes.renew([seq], abort.signal);
      if (lostSeqs.includes(seq)) lose('control gave it up');
      else heldUntilMs = askedAtMs + LEASE_MS;
    } catch {
      // Tried again at the next tick, until the lease is over.
    } finally {
      isRenewing = false;
    }
  };
  const stop = clock.every(RENEW_INTERVAL_MS, () => void renew());
  return {
    signal: abort.signal,
    isHeld: () => !abort.signal.aborted && clock.nowMs() < heldUntilMs,
    close: stop,
  };
}
