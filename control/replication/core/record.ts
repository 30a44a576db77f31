/**
 * Calls of the engine and what they come to. One call is under way at a time, so a reading never overlaps a
 * compare-and-swap of the same replica.
 *
 * The outcome of a compare-and-swap may stay unknown, and it may even be done later, as long as the record
 * has the version it starts from. Until another version is seen, its in-sync set counts as well as the known
 * one: REQUIRED is the union of both.
 */
import { assert } from '../../../core/assert.ts';
import type {
  EngineCasOutcome,
  EngineIsrMember,
  EngineReadOutcome,
  EngineRecord,
} from '../engine.ts';
import { type Attempt, type CoreState, isSameMember, stopLeading } from './state.ts';

/** Pause after a call that failed. */
const RETRY_MS = 300;

/** Replicas that must have an entry before it is committed; this one may be among them. */
export function requiredMembers(state: CoreState): readonly EngineIsrMember[] {
  const { known, open } = state.engine;
  const isr = known?.record.isr ?? [];
  return open.length === 0 ? isr : union(isr, open);
}

/** Whether the engine may be called now. */
export function isEngineFree(state: CoreState): boolean {
  return state.engine.busy === 'none' && state.nowMs >= state.engine.pausedUntilMs;
}

/** Reads the record. */
export function readEngine(state: CoreState): void {
  const { engine } = state;
  engine.busy = 'read';
  engine.callAtMs = state.nowMs;
  state.effects.push({ kind: 'readEngine' });
}

/** Tries to replace the known record; there must be none if none is known. */
export function tryCas(
  state: CoreState,
  attempt: Omit<Attempt, 'ticket'> & { readonly ticket?: number | undefined },
): void {
  const { engine, options } = state;
  assert(engine.busy === 'none', 'one call of the engine at a time');
  engine.nonceCount += 1;
  const nonce = `${options.bootId}.${engine.nonceCount}`;
  const record = { ...attempt.record, nonce };
  engine.busy = 'cas';
  engine.callAtMs = state.nowMs;
  engine.attempt = { kind: attempt.kind, record, ticket: attempt.ticket };
  engine.open = union(engine.open, record.isr);
  state.effects.push({ kind: 'cas', version: engine.known?.version ?? null, record });
}

/**
 * Takes an answer to a compare-and-swap; returns the attempt if it is known to be done. If that is not
 * known, or it failed, the record is read next.
 */
export function takeCas(state: CoreState, outcome: EngineCasOutcome): Attempt | undefined {
  const { engine } = state;
  const { attempt } = engine;
  assert(engine.busy === 'cas' && attempt !== undefined, 'a compare-and-swap was under way');
  engine.busy = 'none';
  if (outcome.kind === 'ok') {
    engine.attempt = undefined;
    know(state, outcome.version, attempt.record);
    return attempt;
  }
  engine.isReadWanted = true;
  if (outcome.kind === 'unknown') engine.pausedUntilMs = state.nowMs + RETRY_MS;
  return undefined;
}

/** Takes an answer to a reading; returns the attempt if the record shows that it was done. */
export function takeRead(state: CoreState, outcome: EngineReadOutcome): Attempt | undefined {
  const { engine } = state;
  assert(engine.busy === 'read', 'a reading was under way');
  engine.busy = 'none';
  if (outcome.kind === 'failed') {
    engine.pausedUntilMs = state.nowMs + RETRY_MS;
    return undefined;
  }
  engine.isReadWanted = false;
  engine.nextReadAtMs = state.nowMs + state.options.timing.pollMs;
  engine.readAtMs = engine.callAtMs;
  const { attempt } = engine;
  engine.attempt = undefined;
  engine.isAbsent = outcome.kind === 'absent';
  if (outcome.kind === 'absent') {
    // There was one: what is known of it leads to nothing but conflicts.
    if (engine.known !== undefined) stopLeading(state, 'deposed');
    engine.known = undefined;
    return undefined;
  }
  know(state, outcome.version, outcome.record);
  return attempt?.record.nonce === outcome.record.nonce ? attempt : undefined;
}

function know(state: CoreState, version: string, record: EngineRecord): void {
  const { engine } = state;
  engine.isAbsent = false;
  if (engine.known?.version === version) return;
  // With the version moved on, no attempt on the old one can be done any more.
  engine.open = [];
  engine.known = { version, record };
  engine.changedAtMs = state.nowMs;
  // Whoever is named tries at once, also if it handed over itself a moment ago.
  if (record.successor === state.options.id) state.standDownUntilMs = 0;
}

function union(
  left: readonly EngineIsrMember[],
  right: readonly EngineIsrMember[],
): EngineIsrMember[] {
  const both = [...left];
  for (const member of right) {
    if (!both.some((other) => isSameMember(other, member))) both.push(member);
  }
  return both;
}
