/**
 * Strong reads: after every required replica has answered a message sent later than the read began, nobody
 * else led before the read began, so what is committed here is the newest there is. No clock is involved.
 * Reads that come while a round is under way share the next one.
 */
import { requiredMembers } from './record.ts';
import type { CoreState } from './state.ts';

/** Takes a read. */
export function takeStrongRead(state: CoreState, ticket: number): void {
  const { leading, options, effects } = state;
  if (leading?.phase !== 'open' || leading.reads.length >= options.bounds.reads) {
    effects.push({ kind: 'readRefused', ticket });
    return;
  }
  leading.reads.push({ ticket, round: leading.round + 1 });
}

/** Answers what is confirmed and starts the next round. */
export function moveReads(state: CoreState): void {
  const { leading, options, effects } = state;
  if (leading === undefined || leading.phase === 'stopped' || leading.reads.length === 0) return;
  if (leading.round === leading.confirmedRound) leading.round += 1;
  let round = leading.round;
  for (const { id, storeId } of requiredMembers(state)) {
    if (id === options.id && storeId === state.storeId) continue;
    const peer = leading.peers.get(id);
    round = peer?.storeId === storeId ? Math.min(round, peer.round) : 0;
  }
  leading.confirmedRound = Math.max(leading.confirmedRound, round);
  while ((leading.reads[0]?.round ?? Number.POSITIVE_INFINITY) <= leading.confirmedRound) {
    const read = leading.reads.shift();
    if (read === undefined) return;
    effects.push({ kind: 'readConfirmed', ticket: read.ticket, index: state.log.commit.index });
  }
}
