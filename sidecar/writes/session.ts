/**
 * The life of one write after its body was spooled and split, as a state machine without effects: what
 * happened goes in, what is to be done comes out. The worker (run-session.ts) and the simulation drive it.
 *
 *   begin ─ granted ─ (renew, if the permission took long) ─ send, each node its parts in order ─ report ─ reply
 *     │                                        (on the plain path: report and reply at once) ─┘
 *     └ settled, refused, unreachable: reply      └ another primary key: split again, begin again
 *
 * What it keeps:
 * - A report is made once, when no send is under way any more: what was not answered is `unknown` by then,
 *   and its connection is closed.
 * - Nothing is sent and nothing accepted under a lease that is not held. Once it is lost, sends are cut,
 *   and the client is told that the write was abandoned.
 * - A client may be answered before the report is (answer-first.ts); the session then lasts until that is
 *   answered, and its lease is renewed until then.
 * - A client that goes away stops a write only before its place was asked for: from then on control and
 *   the nodes may have it.
 */
import { assert, assertNever } from '../../core/assert.ts';
import { mayAnswerFirst } from './answer-first.ts';
import { beginRenewal, endRenewal, isDue, isHeld, type Lease, newLease } from './session-lease.ts';
import {
  commonRefusal,
  isOver,
  mayBeIn,
  newShare,
  overdue,
  refuseRest,
  resultsOf,
  type Share,
  takeOutcome,
} from './session-shares.ts';
import type {
  BeginOutcome,
  ReportOutcome,
  SessionEffect,
  SessionEvent,
  SessionLimits,
  SessionReply,
} from './session-types.ts';

/** Control names another primary key at most once per change of the index; more is a loop. */
const SPLITS_MAX = 4;

/** Where a write is. `confirming`: granted after a long wait, and its lease is renewed before the sends. */
export type SessionPhase =
  | 'new'
  | 'beginning'
  | 'splitting'
  | 'confirming'
  | 'sending'
  | 'reporting'
  | 'ended';

/** One write. Changed by `step` only. */
export interface Session {
  readonly limits: SessionLimits;
  phase: SessionPhase;
  splitCount: number;
  /** Set from the grant on. */
  seq: number;
  enqueuedAt: string;
  lease: Lease;
  /** When the permission came. */
  grantedAtMs: number;
  shares: readonly Share[];
  targetCount: number;
  standsWhenTaken: boolean;
  hasReplied: boolean;
  /** The client was told 202 before the report was answered. */
  hasAnsweredFirst: boolean;
  isClientGone: boolean;
}

/** A write of which nothing was asked yet; `start` sets it going. */
export function newSession(limits: SessionLimits): Session {
  return {
    limits,
    phase: 'new',
    splitCount: 1,
    seq: -1,
    enqueuedAt: '',
    lease: newLease(0),
    grantedAtMs: 0,
    shares: [],
    targetCount: 0,
    standsWhenTaken: false,
    hasReplied: false,
    hasAnsweredFirst: false,
    isClientGone: false,
  };
}

/** Takes one event in, changes the session in place and says what is to be done, in this order. */
export function step(session: Session, event: SessionEvent): SessionEffect[] {
  const effects: SessionEffect[] = [];
  if (session.phase === 'ended') return effects;
  const { nowMs } = event;
  switch (event.kind) {
    case 'start':
      askBegin(session, nowMs, effects);
      break;
    case 'begun':
      begun(session, event.outcome, nowMs, effects);
      break;
    case 'splitAgain':
      if (session.isClientGone) end(session, effects);
      else askBegin(session, nowMs, effects);
      break;
    case 'sendAnswered':
      sendAnswered(session, event, effects);
      break;
    case 'tick':
      tick(session, nowMs, effects);
      break;
    case 'renewAnswered':
      endRenewal(session.lease, event.outcome);
      if (isOverdue(session, nowMs)) lose(session, nowMs, effects);
      else if (session.phase === 'confirming' && isHeld(session.lease, nowMs)) {
        send(session, nowMs, effects);
      }
      break;
    case 'reportAnswered':
      reportAnswered(session, event.outcome, nowMs, effects);
      break;
    case 'clientGone':
      session.isClientGone = true;
      break;
    default:
      assertNever(event);
  }
  return effects;
}

function askBegin(session: Session, nowMs: number, effects: SessionEffect[]): void {
  session.phase = 'beginning';
  session.lease = newLease(nowMs);
  effects.push({ kind: 'begin' });
}

function begun(
  session: Session,
  outcome: BeginOutcome,
  nowMs: number,
  effects: SessionEffect[],
): void {
  assert(session.phase === 'beginning', 'a place was asked for');
  switch (outcome.kind) {
    case 'granted':
      session.seq = outcome.seq;
      session.enqueuedAt = outcome.enqueuedAt;
      session.shares = outcome.shares.map(newShare);
      session.targetCount = outcome.targetCount;
      session.standsWhenTaken = outcome.standsWhenTaken;
      granted(session, nowMs, effects);
      return;
    case 'settled': {
      const { seq, enqueuedAt } = outcome;
      reply(session, { kind: 'accepted', seq, enqueuedAt, missed: [] }, effects);
      break;
    }
    case 'otherPrimaryKey':
      if (session.splitCount < SPLITS_MAX) {
        session.splitCount += 1;
        session.phase = 'splitting';
        effects.push({ kind: 'splitAgain', primaryKey: outcome.primaryKey });
        return;
      }
      reply(session, { kind: 'keyKeepsChanging' }, effects);
      break;
    case 'refused':
      reply(session, { ...outcome, kind: 'refused', mayBeIn: false }, effects);
      break;
    case 'unreachable':
      reply(session, { kind: 'notBegun' }, effects);
      break;
    default:
      assertNever(outcome);
  }
  end(session, effects);
}

/**
 * A write may have waited long for its permission, and nobody here knows when it was given: the lease of
 * such a write is renewed before anything is sent.
 */
function granted(session: Session, nowMs: number, effects: SessionEffect[]): void {
  session.phase = 'confirming';
  session.grantedAtMs = nowMs;
  if (isDue(session.lease, nowMs)) renew(session, nowMs, effects);
  else send(session, nowMs, effects);
}

/**
 * Whether the write must be given up. One that has sent nothing yet may go on asking for its lease for as
 * long as a lease lasts.
 */
function isOverdue({ phase, lease, grantedAtMs }: Session, nowMs: number): boolean {
  if (isHeld(lease, nowMs)) return false;
  return (
    phase !== 'confirming' || !isHeld({ ...newLease(grantedAtMs), isLost: lease.isLost }, nowMs)
  );
}

function renew(session: Session, nowMs: number, effects: SessionEffect[]): void {
  beginRenewal(session.lease, nowMs);
  effects.push({ kind: 'renew', seq: session.seq });
}

function send(session: Session, nowMs: number, effects: SessionEffect[]): void {
  session.phase = 'sending';
  for (const share of session.shares) sendNext(share, nowMs, effects);
  reportIfOver(session, nowMs, effects);
}

function sendNext(share: Share, nowMs: number, effects: SessionEffect[]): void {
  share.sentAtMs = nowMs;
  effects.push({ kind: 'send', nodeId: share.spec.nodeId, part: share.outcomes.length });
}

function sendAnswered(
  session: Session,
  event: Extract<SessionEvent, { kind: 'sendAnswered' }>,
  effects: SessionEffect[],
): void {
  const share = session.shares.find(({ spec }) => spec.nodeId === event.nodeId);
  assert(share !== undefined, 'only what was to be sent is answered');
  const { nowMs } = event;
  const hasNext = takeOutcome(share, event.part, event.outcome);
  if (event.isDoubted) share.isDoubted = true;
  // The process may have stood still: no look at the clock came in between.
  if (!isHeld(session.lease, nowMs)) lose(session, nowMs, effects);
  if (hasNext) {
    if (share.isCut || session.lease.isLost) refuseRest(share, 'the write was cut off before it');
    else sendNext(share, nowMs, effects);
  }
  reportIfOver(session, nowMs, effects);
}

function reportIfOver(session: Session, nowMs: number, effects: SessionEffect[]): void {
  if (session.phase !== 'sending' || !session.shares.every(isOver)) return;
  session.phase = 'reporting';
  effects.push({ kind: 'report', seq: session.seq, results: resultsOf(session.shares) });
  if (session.lease.isLost) abandon(session, effects);
  else if (mayAnswerFirst({ ...session, nowMs })) {
    session.hasAnsweredFirst = true;
    const { seq, enqueuedAt } = session;
    reply(session, { kind: 'accepted', seq, enqueuedAt, missed: [] }, effects);
  }
}

function tick(session: Session, nowMs: number, effects: SessionEffect[]): void {
  if (!['confirming', 'sending', 'reporting'].includes(session.phase)) return;
  const { lease } = session;
  if (isOverdue(session, nowMs)) lose(session, nowMs, effects);
  else if (isDue(lease, nowMs)) renew(session, nowMs, effects);
  if (session.phase !== 'sending') return;
  for (const share of overdue(session.shares, nowMs, session.limits.copyTimeoutMs)) {
    cut(share, `no answer within ${Math.round(nowMs - (share.sentAtMs ?? nowMs))} ms`, effects);
  }
}

function cut(share: Share, reason: string, effects: SessionEffect[]): void {
  share.isCut = true;
  effects.push({ kind: 'cut', nodeId: share.spec.nodeId, reason });
}

/** The lease is over: whatever is under way is cut, whatever is not never will be sent. */
function lose(session: Session, nowMs: number, effects: SessionEffect[]): void {
  session.lease.isLost = true;
  if (session.phase === 'confirming') {
    for (const share of session.shares) refuseRest(share, 'the lease was over before it was sent');
    session.phase = 'sending';
    reportIfOver(session, nowMs, effects);
  } else if (session.phase === 'sending') {
    for (const share of session.shares) {
      if (share.sentAtMs !== undefined && !share.isCut) cut(share, 'the lease was lost', effects);
    }
  } else if (session.phase === 'reporting') {
    abandon(session, effects);
  }
}

function abandon(session: Session, effects: SessionEffect[]): void {
  reply(session, { kind: 'abandoned', mayBeIn: mayBeIn(session.shares) }, effects);
}

function reportAnswered(
  session: Session,
  outcome: ReportOutcome,
  nowMs: number,
  effects: SessionEffect[],
): void {
  assert(session.phase === 'reporting', 'a report was made');
  if (!isHeld(session.lease, nowMs)) abandon(session, effects);
  else reply(session, replyOf(session, outcome), effects);
  end(session, effects);
}

function replyOf(session: Session, outcome: ReportOutcome): SessionReply {
  const { seq, enqueuedAt, shares } = session;
  if (outcome.kind === 'unreachable') return { kind: 'unreported', mayBeIn: mayBeIn(shares) };
  if (outcome.stands) return { kind: 'accepted', seq, enqueuedAt, missed: outcome.missed };
  const common = commonRefusal(shares);
  if (common !== undefined) return { kind: 'relayed', status: common.status, body: common.body };
  const words = { code: 'miroir_no_quorum', message: 'Too few copies took the write.' };
  return { ...(outcome.refusal ?? words), kind: 'refused', mayBeIn: mayBeIn(shares) };
}

function reply(session: Session, answer: SessionReply, effects: SessionEffect[]): void {
  if (session.hasReplied) return;
  session.hasReplied = true;
  effects.push({ kind: 'reply', reply: answer });
}

function end(session: Session, effects: SessionEffect[]): void {
  session.phase = 'ended';
  effects.push({ kind: 'end' });
}
