/** Answers to reports that repeat one of a write that is over: its first answer may have been lost. */
import type { OpenIntent, State } from '../state/index.ts';
import { reportReply } from './outcome.ts';
import { standingOf } from './quorum.ts';

const REPLIES_KEPT = 10_000;

/** Keeps what a report is to be told that repeats one of a write that is over by then. */
export function keepReply(state: State, open: OpenIntent): void {
  if (Object.keys(open.intent.targets).length === 0) return;
  state.lastReplies.set(open.intent.seq, reportReply(state, open, standingOf(state, open)));
  for (const oldest of state.lastReplies.keys()) {
    if (state.lastReplies.size <= REPLIES_KEPT) break;
    state.lastReplies.delete(oldest);
  }
}
