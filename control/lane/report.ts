/** What sidecars, and recovery for its fixes, tell about sends. */
import { isObject } from '../../core/settings/index.ts';
import type {
  MachineEvent,
  OpenIntent,
  SendReport,
  State,
  Target,
  TaskError,
} from '../state/index.ts';
import { closeSends } from './closing.ts';
import { expectTask } from './lost-data.ts';
import { reportReply } from './outcome.ts';
import { tagOf } from './permission.ts';
import { progress } from './progress.ts';
import { standingOf } from './quorum.ts';
import { lateReply, replyOnce } from './replies.ts';

/** How long the answer to a report waits for what is not known yet. */
const ANSWER_WAIT_MS = 3_000;

/** Takes a Report in. */
export function report(state: State, event: Extract<MachineEvent, { kind: 'report' }>): void {
  const { seq, ticket, now } = event;
  const open = state.open.get(seq);
  if (open === undefined || open.intent.internal !== null) {
    reportLate(state, event);
    return;
  }
  takeResults(state, open, event);
  const kept = open.intent.reply;
  if (kept !== null && event.isComplete) {
    // It repeats one that was answered; whatever happened to copies since is no matter of this write.
    progress(state, [seq], now);
    state.emit({ kind: 'reportReply', ticket, reply: kept });
    return;
  }
  if (event.isComplete && !open.intent.isAbandoned) {
    // Answered when what is open is settled: at once, unless something is unknown.
    open.reportTickets.push({ ticket, untilMs: now.steadyMs + ANSWER_WAIT_MS });
    progress(state, [seq], now);
    return;
  }
  progress(state, [seq], now);
  const standing = standingOf(state, open);
  const isKnown = open.intent.isAbandoned || standing === 'stands';
  const told = event.isComplete ? replyOnce : reportReply;
  const reply = isKnown
    ? told(state, open, standing)
    : { stands: false, refusal: null, missed: [] };
  state.emit({ kind: 'reportReply', ticket, reply });
}

/** Takes what became of an internal step's send. */
export function internalReport(
  state: State,
  event: Extract<MachineEvent, { kind: 'internalReport' }>,
): void {
  const open = state.open.get(event.seq);
  if (open === undefined || open.intent.internal === null) return;
  takeResults(state, open, event);
  progress(state, [event.seq], event.now);
}

function takeResults(
  state: State,
  open: OpenIntent,
  event: { readonly results: readonly SendReport[]; readonly isComplete: boolean },
): void {
  for (const result of event.results) takeResult(state, open, result);
  state.touchIntent(open.intent);
  if (!event.isComplete) return;
  open.intent.isReported = true;
  closeSends(state, open);
}

function takeResult(state: State, open: OpenIntent, result: SendReport): void {
  const target = open.intent.targets[result.nodeId];
  if (target === undefined) {
    const words = `a sidecar reports a send to ${result.nodeId}, which is no target`;
    state.emit({ kind: 'alarm', words, seq: open.intent.seq });
    return;
  }
  // What a reading of the node proved is not undone by what was heard before.
  if (target.state === 'none' || target.state === 'partial') return;
  target.partCount = result.partCount;
  const { outcome } = result;
  if (outcome.kind === 'enqueued') {
    // A sidecar's send has no floor: it may have been made before what is known now.
    const floor = open.intent.internal === null ? -1 : open.intent.floors[result.nodeId];
    state.checkUid(result.nodeId, outcome.uid, floor ?? -1);
    const place = { open, nodeId: result.nodeId };
    addPart(state, place, { part: result.part, uid: outcome.uid, documentCount: null });
    if (isWhole(target) && target.state !== 'refused') target.state = 'enqueued';
  } else if (outcome.kind === 'refused') {
    // It came twice, and a reading found in the queue what was refused the other time.
    if (isWhole(target)) target.state = 'enqueued';
    else takeRefusal(target, outcome);
  } else if (target.state === 'pending') {
    target.state = 'unknown';
    target.reason = outcome.reason;
  }
  if (target.state === 'refused' && Object.keys(target.parts).length > 0) {
    target.state = 'partial';
  }
}

/** All parts that there are to be are in the node's queue. */
export function isWhole(target: Target): boolean {
  return target.partCount !== null && Object.keys(target.parts).length === target.partCount;
}

function takeRefusal(
  target: Target,
  outcome: Extract<SendReport['outcome'], { kind: 'refused' }>,
): void {
  if (target.state !== 'pending') return;
  target.state = 'refused';
  target.refusal ??= refusalOf(outcome.status, outcome.body);
  target.reason ??=
    outcome.status === 0 ? outcome.body || 'no connection' : `it answered ${outcome.status}`;
}

/** A part of a write is in a node's queue. False if another task of the same part is there already. */
export function addPart(
  state: State,
  place: { readonly open: OpenIntent; readonly nodeId: string },
  sent: { readonly part: number; readonly uid: number; readonly documentCount: number | null },
): boolean {
  const { open, nodeId } = place;
  const { intent } = open;
  const target = intent.targets[nodeId];
  const known = target?.parts[sent.part];
  if (target === undefined) return false;
  if (known !== undefined) return known.uid === sent.uid;
  const { uid, documentCount } = sent;
  target.parts[sent.part] = { uid, task: null, documentCount };
  state.touchIntent(intent);
  const suffix = intent.internal === null ? '' : '.rc';
  const tag = `${tagOf(state, intent)}.${sent.part}${suffix}`;
  expectTask(state, uid, { seq: intent.seq, nodeId, step: null, part: sent.part }, tag);
  return true;
}

/** A node's own words, where it refused what the client sent (4xx in Meilisearch's shape). */
function refusalOf(status: number, body: string): TaskError | null {
  if (status < 400 || status >= 500 || body.length > 65_536) return null;
  try {
    const error: unknown = JSON.parse(body);
    if (!isObject(error)) return null;
    const { message, code, type, link } = error;
    return typeof code === 'string' && typeof message === 'string'
      ? { message, code, type: String(type), link: String(link) }
      : null;
  } catch {
    return null;
  }
}

/** The intent is over: it was given up, or this repeats what was heard. */
function reportLate(state: State, event: Extract<MachineEvent, { kind: 'report' }>): void {
  const { seq, ticket, results } = event;
  const isGivenUp = state.summaries[seq] === undefined || state.givenUp.has(seq);
  if (isGivenUp && results.some((result) => result.outcome.kind === 'enqueued')) {
    const words = 'a write that was given up was still sent to a node';
    state.emit({ kind: 'alarm', words, seq });
  }
  state.emit({ kind: 'reportReply', ticket, reply: lateReply(state, seq) });
}
