/** What sidecars and nodes tell about sends: reports, and look-ups of what was left open. */
import { isObject } from '../../core/settings/index.ts';
import type {
  MachineEvent,
  OpenIntent,
  SendReport,
  State,
  Target,
  TaskError,
} from '../state/index.ts';
import { reportReply } from './outcome.ts';
import { progress } from './progress.ts';

/** How long the answer to a report waits for the look-up of what is unknown. */
const LOOKUP_WAIT_MS = 3_000;

/** Takes a Report in. */
export function report(state: State, event: Extract<MachineEvent, { kind: 'report' }>): void {
  const { seq, ticket, now } = event;
  const open = state.open.get(seq);
  if (open === undefined) {
    reportLate(state, event);
    return;
  }
  for (const result of event.results) takeResult(state, open, result);
  state.touchIntent(open.intent);
  if (event.isComplete) completeReport(state, open);
  const hasUnknown = Object.values(open.intent.targets).some((item) => item.state === 'unknown');
  if (event.isComplete && hasUnknown && !open.intent.isAbandoned) {
    open.reportTickets.push({ ticket, untilMs: now.steadyMs + LOOKUP_WAIT_MS });
  } else {
    const reply = reportReply(open.intent, event.isComplete);
    state.emit({ kind: 'reportReply', ticket, reply });
  }
  progress(state, [seq], now);
}

/** No more reports come: the connections are closed, so what is open can be looked up. */
export function completeReport(state: State, open: OpenIntent): void {
  open.isReportComplete = true;
  for (const [nodeId, target] of Object.entries(open.intent.targets)) {
    if (target.state === 'pending') {
      target.state = 'unknown';
      target.reason ??= 'nothing was reported';
    }
    if (target.state !== 'unknown' || open.lookups.has(nodeId)) continue;
    open.lookups.add(nodeId);
    state.emit({ kind: 'findTags', seq: open.intent.seq, nodeId });
  }
}

/** Takes the tasks of a node that carry the intent's tag. */
export function tagsFound(state: State, event: Extract<MachineEvent, { kind: 'tagsFound' }>): void {
  const open = state.open.get(event.seq);
  const target = open?.intent.targets[event.nodeId];
  if (open === undefined || target === undefined) return;
  open.lookups.delete(event.nodeId);
  state.touchIntent(open.intent);
  for (const { part, uid } of event.parts) addPart(state, event, target, { part, uid });
  if (target.state === 'unknown') closeUnknown(target);
  progress(state, [event.seq], event.now);
}

function closeUnknown(target: Target): void {
  const found = Object.keys(target.parts).length;
  if (found === 0) target.state = 'none';
  else if (target.partCount === null || found === target.partCount) target.state = 'enqueued';
  else {
    target.state = 'refused';
    target.reason = `${found} of ${target.partCount} parts arrived`;
  }
}

function takeResult(state: State, open: OpenIntent, result: SendReport): void {
  const target = open.intent.targets[result.nodeId];
  if (target === undefined) {
    const words = `a sidecar reports a send to ${result.nodeId}, which is no target`;
    state.emit({ kind: 'alarm', words, seq: open.intent.seq });
    return;
  }
  target.partCount = result.partCount;
  const { outcome } = result;
  if (outcome.kind === 'enqueued') {
    const place = { seq: open.intent.seq, nodeId: result.nodeId };
    addPart(state, place, target, { part: result.part, uid: outcome.uid });
    const isWhole = Object.keys(target.parts).length === target.partCount;
    if (isWhole && target.state !== 'refused') target.state = 'enqueued';
  } else if (outcome.kind === 'refused') {
    target.state = 'refused';
    target.refusal ??= refusalOf(outcome.status, outcome.body);
    target.reason ??=
      outcome.status === 0 ? outcome.body || 'no connection' : `it answered ${outcome.status}`;
  } else if (target.state === 'pending') {
    target.state = 'unknown';
    target.reason = outcome.reason;
  }
}

function addPart(
  state: State,
  place: { readonly seq: number; readonly nodeId: string },
  target: Target,
  sent: { readonly part: number; readonly uid: number },
): void {
  const known = target.parts[sent.part];
  if (known !== undefined) {
    if (known.uid === sent.uid) return;
    const words = `part ${sent.part} is twice in the queue of ${place.nodeId}`;
    state.emit({ kind: 'alarm', words, seq: place.seq });
    return;
  }
  target.parts[sent.part] = { uid: sent.uid, task: null };
  state.expectTask(sent.uid, {
    seq: place.seq,
    nodeId: place.nodeId,
    step: null,
    part: sent.part,
  });
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
  const summary = state.summaries[event.seq];
  const isGivenUp = summary === undefined || state.givenUp.has(event.seq);
  if (isGivenUp && event.results.some((result) => result.outcome.kind === 'enqueued')) {
    const words = 'a write that was given up was still sent to a node';
    state.emit({ kind: 'alarm', words, seq: event.seq });
  }
  const refusal = {
    code: 'miroir_write_abandoned',
    message: 'The write was given up before it was complete; send it again.',
  };
  const reply = isGivenUp
    ? { stands: false, refusal, missed: [] }
    : { stands: true, refusal: null, missed: [] };
  state.emit({ kind: 'reportReply', ticket: event.ticket, reply });
}
