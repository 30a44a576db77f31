/**
 * Time in the lane. A granted write whose sidecar is silent for 5 s is given up: its sends become unknown
 * and are looked up. A write that waits too long for its permission, or whose caller went away and did not
 * come back, is given up before anything was sent.
 */
import { writeAbandoned } from '../catalog/index.ts';
import { inSyncOf } from '../copies/index.ts';
import type { Intent, MachineEvent, Now, OpenIntent, State } from '../state/index.ts';
import { passAway } from './away.ts';
import { closeInherited, closeSends, isSilenceOver, markUnknown } from './closing.ts';
import { endReaders } from './confirm-node.ts';
import { hasOpenTargets } from './conflicts.ts';
import { endTimedSteps } from './internal.ts';
import { LEASE_MS, progress } from './progress.ts';
import { standingOf } from './quorum.ts';
import { answerReports } from './replies.ts';

/** Longest wait for a permission. */
const PERMISSION_WAIT_MS = 30_000;
/** How long a Begin whose call was cut may come back. */
const RETURN_MS = 2_500;
const GIVEN_UP_KEPT = 10_000;

/** Lets time pass. */
export function tick(state: State, now: Now): void {
  const moved = [...endTimedSteps(state, now), ...passAway(state), ...state.unconfirmed];
  for (const seqs of state.barriersByName.values()) moved.push(...seqs);
  state.unconfirmed.clear();
  endReaders(state);
  if (state.nowMs >= state.othersCallUntilMs) {
    for (const seq of state.inheritedSends) {
      const open = state.open.get(seq);
      if (open === undefined) state.inheritedSends.delete(seq);
      else closeInherited(state, open);
    }
  }
  for (const open of state.open.values()) {
    if (open.intent.internal === null && checkOpen(state, open, now)) moved.push(open.intent.seq);
  }
  progress(state, moved, now);
}

/** Renews leases; answers with those that are gone. */
export function renew(state: State, event: Extract<MachineEvent, { kind: 'renew' }>): void {
  const lost: number[] = [];
  for (const seq of event.seqs) {
    const open = state.open.get(seq);
    if (open === undefined ? state.givenUp.has(seq) : open.intent.isAbandoned) lost.push(seq);
    else if (open !== undefined) open.leaseUntilMs = event.now.steadyMs + LEASE_MS;
  }
  state.emit({ kind: 'renewReply', ticket: event.ticket, lost });
}

/** The call of a Begin ended before its answer. */
export function cancelBegin(
  state: State,
  event: Extract<MachineEvent, { kind: 'cancelBegin' }>,
): void {
  const seq = state.beginTickets.get(event.ticket);
  state.beginTickets.delete(event.ticket);
  const open = seq === undefined ? undefined : state.open.get(seq);
  if (open === undefined) return;
  open.beginTickets.splice(open.beginTickets.indexOf(event.ticket), 1);
  if (open.beginTickets.length === 0) open.leaseUntilMs = event.now.steadyMs + RETURN_MS;
}

/** A node went down: writes that wait for their permission and need it are refused at once. */
export function nodeHealth(
  state: State,
  event: Extract<MachineEvent, { kind: 'nodeHealth' }>,
): void {
  if (event.isUp) {
    state.downNodes.delete(event.nodeId);
    // What it is now is known when it was read since it came up.
    state.emit({ kind: 'readNode', nodeId: event.nodeId });
    return;
  }
  if (!state.downNodes.has(event.nodeId)) state.downNodes.set(event.nodeId, event.now.steadyMs);
  const moved: number[] = [];
  for (const open of state.open.values()) {
    const isWaiting = open.beginTickets.length > 0 && open.intent.phase !== 'granted';
    if (!isWaiting || !isNeeded(state, open.intent, event.nodeId)) continue;
    refuseWaiting(state, open, {
      code: 'miroir_shard_unavailable',
      message: `The write needs node \`${event.nodeId}\`, which does not answer. Nothing was written.`,
    });
    moved.push(open.intent.seq);
  }
  progress(state, moved, event.now);
}

/** Whether some shard of the write has no other copy that counts on a node that answers. */
function isNeeded(state: State, intent: Intent, nodeId: string): boolean {
  const index = state.indexes.get(intent.indexId ?? '');
  const shards = intent.targets[nodeId]?.shards ?? [];
  if (index === undefined) return shards.length > 0;
  return shards.some((shard) => inSyncOf(index, shard).every((id) => state.downNodes.has(id)));
}

function refuseWaiting(
  state: State,
  open: OpenIntent,
  refusal: { readonly code: string; readonly message: string },
): void {
  for (const ticket of open.beginTickets) {
    state.beginTickets.delete(ticket);
    state.emit({ kind: 'beginReply', ticket, reply: { kind: 'refusal', ...refusal } });
  }
  open.beginTickets.length = 0;
  giveUp(state, open);
}

/** Gives a write up: nothing more of it may be sent. */
export function giveUp(state: State, open: OpenIntent): void {
  const { intent } = open;
  const wasGranted = intent.phase === 'granted';
  intent.isAbandoned = true;
  state.givenUp.add(intent.seq);
  for (const oldest of state.givenUp) {
    if (state.givenUp.size <= GIVEN_UP_KEPT) break;
    state.givenUp.delete(oldest);
  }
  state.touchIntent(intent);
  if (wasGranted) {
    markUnknown(state, open);
    if (intent.isReported || isSilenceOver(state, open)) closeSends(state, open);
    return;
  }
  // No permission was given, so nothing can have been sent.
  intent.error ??= writeAbandoned();
  for (const target of Object.values(intent.targets)) target.state = 'none';
  // Without calls of control's own it waits for nobody any more.
  if (intent.steps.length === 0) intent.phase = 'running';
}

function checkOpen(state: State, open: OpenIntent, now: Now): boolean {
  const { intent } = open;
  const isReportDue = open.reportTickets.some((item) => now.steadyMs >= item.untilMs);
  if (isReportDue) answerReports(state, open, standingOf(state, open));
  if (!hasOpenTargets(intent)) return false;
  if (intent.isAbandoned) {
    if (open.closedAtMs === null && isSilenceOver(state, open)) closeSends(state, open);
    return false;
  }
  if (intent.phase === 'granted') {
    if (intent.isReported || now.steadyMs < open.leaseUntilMs) return false;
    giveUp(state, open);
    return true;
  }
  const isGone = open.beginTickets.length === 0 && now.steadyMs >= open.leaseUntilMs;
  const isTooLong = now.steadyMs - open.begunAtMs >= PERMISSION_WAIT_MS;
  if (!isGone && !isTooLong) return false;
  refuseWaiting(state, open, {
    code: 'miroir_overloaded',
    message:
      'The write waited too long for earlier writes to the same documents. Nothing was written.',
  });
  return true;
}
