/**
 * Renewals of all writes of this process, put together: sessions look at the clock at the same moments,
 * so that what is due at one of them travels as one call to control.
 */
import type { WriteClient } from '../cluster/write-client.ts';

/** What a renewal came to for one write. */
type Outcome = 'held' | 'lost' | 'unreachable';

const waiting = new WeakMap<WriteClient, Map<number, ((outcome: Outcome) => void)[]>>();

/** Renews the lease of one write together with all others that ask in the same turn. Never rejects. */
export function renewLease(writes: WriteClient, seq: number): Promise<Outcome> {
  return new Promise((resolve) => {
    let batch = waiting.get(writes);
    if (batch === undefined) {
      batch = new Map();
      waiting.set(writes, batch);
      const full = batch;
      queueMicrotask(() => {
        waiting.delete(writes);
        void renewAll(writes, full);
      });
    }
    batch.set(seq, [...(batch.get(seq) ?? []), resolve]);
  });
}

async function renewAll(
  writes: WriteClient,
  batch: ReadonlyMap<number, readonly ((outcome: Outcome) => void)[]>,
): Promise<void> {
  const lost = new Set<number>();
  let isAnswered = true;
  try {
    const answer = await writes.renew([...batch.keys()].map(BigInt));
    for (const seq of answer.lostSeqs) lost.add(Number(seq));
  } catch {
    // Asked again a second later, until the lease is over.
    isAnswered = false;
  }
  for (const [seq, resolves] of batch) {
    const outcome = !isAnswered ? 'unreachable' : lost.has(seq) ? 'lost' : 'held';
    for (const resolve of resolves) resolve(outcome);
  }
}
