/**
 * Keeps the lease of one granted write while its bytes move: renewed each second, lost after five. Once it
 * is lost, control counts the write's targets as unknown, so the sends are cut and nothing is ever
 * acknowledged. Here it ends one look at the clock early: control must not be the first to count it as lost.
 */
import type { WriteContext } from './context.ts';

const LOOK_INTERVAL_MS = 250;
const RENEW_INTERVAL_MS = 1_000;
const HELD_MS = 5_000 - LOOK_INTERVAL_MS;

/** A held lease. `close` ends the renewing. */
export interface Lease {
  /** Fires when the lease is lost. */
  readonly signal: AbortSignal;
  /** Whether it is held still at this moment. */
  isHeld(): boolean;
  close(): void;
}

/**
 * Begins to renew; the lease counts from `beganAtMs`, a moment before the grant was asked for. A write may
 * have waited long for its permission: nobody here knows when it was given, so the lease of such a write
 * is renewed before anything is sent.
 */
export async function holdLease(
  context: Pick<WriteContext, 'writes' | 'clock' | 'logger'>,
  seq: bigint,
  beganAtMs: number,
): Promise<Lease> {
  const { clock, writes, logger } = context;
  const abort = new AbortController();
  let heldUntilMs = beganAtMs + HELD_MS;
  let askedAtMs = beganAtMs;
  let isRenewing = false;

  const lose = (reason: string): void => {
    if (abort.signal.aborted) return;
    logger.warn({ seq: String(seq), reason }, 'lease of a write lost');
    abort.abort();
  };
  const renew = async (): Promise<void> => {
    isRenewing = true;
    const nowMs = clock.nowMs();
    askedAtMs = nowMs;
    try {
      const { lostSeqs } = await writes.renew([seq], abort.signal);
      if (lostSeqs.includes(seq)) lose('control gave it up');
      else heldUntilMs = nowMs + HELD_MS;
    } catch {
      // Tried again a second later, until the lease is over.
    } finally {
      isRenewing = false;
    }
  };
  const isOver = (): boolean => clock.nowMs() >= heldUntilMs;
  const isDue = (): boolean => !isRenewing && clock.nowMs() - askedAtMs >= RENEW_INTERVAL_MS;

  if (isDue()) await renew();
  if (isOver()) lose('it was over before anything was sent');
  const stop = clock.every(LOOK_INTERVAL_MS, () => {
    if (isOver()) lose('control could not be reached in time');
    else if (isDue()) void renew();
  });
  return {
    signal: abort.signal,
    isHeld: () => !abort.signal.aborted && !isOver(),
    close: stop,
  };
}
