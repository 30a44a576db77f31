/**
 * Answers to reports, given once: a report whose answer was lost is made again, perhaps to another leader and when
 * the write is over, and is told what it was told the first time. The answer stands in the intent; when that goes
 * it is kept by itself, unless it says no more than that the write stands, which of a finished write is what the
 * lack of an answer means.
 */
import type { OpenIntent, ReportReply, State } from '../state/index.ts';
import { reportReply } from './outcome.ts';
import { type Standing, standingOf } from './quorum.ts';

const REPLIES_KEPT = 10_000;

const STANDS: ReportReply = { stands: true, refusal: null, missed: [] };

/** What a complete report on an open intent is told: what the first one was, if there was one. */
export function replyOnce(state: State, open: OpenIntent, standing: Standing): ReportReply {
  const { intent } = open;
  if (intent.reply === null) {
    intent.reply = reportReply(state, open, standing);
    state.touchIntent(intent);
  }
  return intent.reply;
}

/** Answers the reports that wait. */
export function answerReports(state: State, open: OpenIntent, standing: Standing): void {
  const reply = replyOnce(state, open, standing);
  for (const { ticket } of open.reportTickets) state.emit({ kind: 'reportReply', ticket, reply });
  open.reportTickets.length = 0;
}

/** Keeps what a report is told when the write is over, whether one has come or not. */
export function keepReply(state: State, open: OpenIntent): void {
  const { seq, targets } = open.intent;
  if (Object.keys(targets).length === 0) return;
  const reply = replyOnce(state, open, standingOf(state, open));
  if (reply.stands && reply.missed.length === 0) return;
  state.lastReplies.set(seq, reply);
  state.touchedReplies.add(seq);
  for (const oldest of state.lastReplies.keys()) {
    if (state.lastReplies.size <= REPLIES_KEPT) break;
    state.lastReplies.delete(oldest);
    state.touchedReplies.add(oldest);
  }
}

/** What a report on a write that is over is told. */
export function lateReply(state: State, seq: number): ReportReply {
  const kept = state.lastReplies.get(seq);
  if (kept !== undefined) return kept;
  const summary = state.summaries[seq];
  if (summary === undefined || state.givenUp.has(seq)) {
    return refused({
      code: 'miroir_write_abandoned',
      message: 'The write was given up before it was complete; send it again.',
    });
  }
  const [oldest] = state.lastReplies.keys();
  const isKnown = state.lastReplies.size < REPLIES_KEPT || oldest === undefined || seq > oldest;
  if (isKnown || summary.status === 'succeeded') return STANDS;
  return refused({
    code: 'miroir_no_quorum',
    message: 'What became of the write was told too long ago to be known; its task says so.',
  });
}

function refused(refusal: ReportReply['refusal']): ReportReply {
  return { stands: false, refusal, missed: [] };
}
