/**
 * Scripts for the life of a write: each line is an event and the effects it must cause, in order. Effects that
 * carry bytes or long words are compared in short.
 */
import * as assert from 'uvu/assert';
import { newSession, step } from '../../../../sidecar/writes/session.ts';
import type {
  PartOutcome,
  SessionEffect,
  SessionEvent,
  SessionReply,
  ShareSpec,
} from '../../../../sidecar/writes/session-types.ts';
import type { Suite } from '../../../kit/suite.ts';

export type Timeless<Event> = Event extends unknown ? Omit<Event, 'nowMs'> : never;
export type Line = readonly [
  atMs: number,
  event: Timeless<SessionEvent>,
  effects: readonly (SessionEffect | string)[],
];

export const COPY_TIMEOUT_MS = 2_000;
export const uid = (value: number): PartOutcome => ({ kind: 'enqueued', uid: value });
export const UNKNOWN: PartOutcome = { kind: 'unknown', reason: 'reset' };
export const refusedBy = (status: number): PartOutcome => ({
  kind: 'refused',
  status,
  body: Buffer.from('no'),
});
export const share = (nodeId: string, parts = 1, shards: readonly number[] = [0]): ShareSpec => ({
  nodeId,
  partBytes: Array.from({ length: parts }, () => 100),
  shards,
});
export const start: Timeless<SessionEvent> = { kind: 'start' };
export const tick: Timeless<SessionEvent> = { kind: 'tick' };
export const granted = (...shares: ShareSpec[]): Timeless<SessionEvent> => ({
  kind: 'begun',
  outcome: {
    kind: 'granted',
    seq: 5,
    enqueuedAt: 'then',
    shares,
    targetCount: shares.length,
    standsWhenTaken: false,
  },
});
/** A permission that says that the write stands once `targetCount` nodes have taken it. */
export const sure = (targetCount: number, ...shares: ShareSpec[]): Timeless<SessionEvent> => ({
  kind: 'begun',
  outcome: {
    kind: 'granted',
    seq: 5,
    enqueuedAt: 'then',
    shares,
    targetCount,
    standsWhenTaken: true,
  },
});
export const answered = (
  nodeId: string,
  outcome: PartOutcome,
  part = 0,
): Timeless<SessionEvent> => ({
  kind: 'sendAnswered',
  nodeId,
  part,
  outcome,
  isDoubted: false,
});
export const doubted = (
  nodeId: string,
  outcome: PartOutcome,
  part = 0,
): Timeless<SessionEvent> => ({
  kind: 'sendAnswered',
  nodeId,
  part,
  outcome,
  isDoubted: true,
});
export const renewed = (outcome: 'held' | 'lost' | 'unreachable'): Timeless<SessionEvent> => ({
  kind: 'renewAnswered',
  outcome,
});
export const stands: Timeless<SessionEvent> = {
  kind: 'reportAnswered',
  outcome: { kind: 'answered', stands: true, refusal: undefined, missed: [] },
};
export const fails: Timeless<SessionEvent> = {
  kind: 'reportAnswered',
  outcome: { kind: 'answered', stands: false, refusal: undefined, missed: [] },
};
export const send = (nodeId: string, part = 0): SessionEffect => ({ kind: 'send', nodeId, part });
export const says = (reply: SessionReply): SessionEffect => ({ kind: 'reply', reply });
export const ACCEPTED = says({ kind: 'accepted', seq: 5, enqueuedAt: 'then', missed: [] });
export const END: SessionEffect = { kind: 'end' };
export const BEGIN: SessionEffect = { kind: 'begin' };
export const RENEW: SessionEffect = { kind: 'renew', seq: 5 };
/** A report, told apart by its results: `node.part=outcome`. */
export const report = (text: string): string => `report ${text}`;

/** Scripts by name. */
export type Scripts = Readonly<Record<string, readonly Line[]>>;

/** Plays each as a test of its own, to the end of its session. */
export function play(test: Suite['test'], scripts: Scripts): void {
  for (const [name, lines] of Object.entries(scripts)) {
    test(name, () => {
      const session = newSession({ copyTimeoutMs: COPY_TIMEOUT_MS });
      for (const [nowMs, event, wanted] of lines) {
        const effects = step(session, { ...event, nowMs } as SessionEvent);
        assert.equal(shorten(effects, wanted), wanted, `${name}, at ${nowMs} ms`);
      }
      assert.is(session.phase, 'ended');
    });
  }
}

export function otherKey(primaryKey: string): Timeless<SessionEvent> {
  return { kind: 'begun', outcome: { kind: 'otherPrimaryKey', primaryKey } };
}

/** Effects in the words of the script, where it uses words. */
function shorten(
  effects: readonly SessionEffect[],
  wanted: readonly (SessionEffect | string)[],
): readonly (SessionEffect | string)[] {
  if (wanted.length === 1 && String(wanted[0]).startsWith('sends')) {
    return [
      `sends ${effects.map((effect) => (effect.kind === 'send' ? effect.nodeId : '?')).join(' ')}`,
    ];
  }
  return effects.map((effect, at) => (typeof wanted[at] === 'string' ? inWords(effect) : effect));
}

function inWords(effect: SessionEffect): string {
  if (effect.kind === 'cut') return `cut ${effect.nodeId}`;
  if (effect.kind === 'reply') return `reply ${effect.reply.kind}`;
  if (effect.kind !== 'report') return effect.kind;
  const results = effect.results.map(
    ({ nodeId, part, outcome }) => `${nodeId}.${part}=${outcome.kind}`,
  );
  return report(results.join(' '));
}
