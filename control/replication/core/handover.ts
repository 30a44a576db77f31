/**
 * A leader that hands over: it takes nothing new, waits for what it has begun, stops leading in memory, and
 * only then takes its name out of the record. One that cannot hold enough replicas does the same, unasked.
 */
import { type CoreState, type Leading, stopLeading } from './state.ts';

/** A planned handover begins; who does not lead is done at once. */
export function startHandover(state: CoreState, successor?: string): void {
  const { leading } = state;
  if (leading === undefined) {
    state.effects.push({ kind: 'resigned' });
    return;
  }
  state.isResignAwaited = true;
  leading.handover ??= { kind: 'planned', sinceMs: state.nowMs, successor };
}

/** Stops once all that was begun is committed, or time is up. */
export function continueHandover(state: CoreState, leading: Leading, isShort: boolean): void {
  const { log, nowMs, options } = state;
  if (isShort) leading.handover ??= { kind: 'short', sinceMs: nowMs };
  const { handover } = leading;
  if (handover === undefined || leading.phase === 'stopped') return;
  const isFlushed = log.commit.index === log.last.index;
  const isTimeUp = nowMs - handover.sinceMs >= options.timing.flushMs;
  if (handover.kind === 'planned' && !isFlushed && !isTimeUp) return;
  if (leading.phase === 'open') state.effects.push({ kind: 'close', reason: 'resigned' });
  leading.phase = 'stopped';
}

/** The record names nobody: others are told, and may try first. */
export function stopForOthers(state: CoreState, leading: Leading): void {
  state.standDownUntilMs = state.nowMs + state.options.timing.dropMs * 2;
  const message = { kind: 'released', epoch: leading.epoch } as const;
  for (const to of leading.peers.keys()) state.effects.push({ kind: 'send', to, message });
  stopLeading(state, 'resigned');
}
