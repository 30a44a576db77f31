/**
 * Begin: the durable intent, its place in the lane, and the task that clients see. A repeated request of
 * the same sidecar finds its first self and takes no second place.
 */
import { isObject, toClientDetails } from '../../core/settings/index.ts';
import { DOWN_MS, planWrite, type WritePlan } from '../catalog/index.ts';
import { noteTombstones } from '../copies/index.ts';
import type { BeginInput, Intent, MachineEvent, State, TaskRecord } from '../state/index.ts';
import { addTask, closeGroups, formatTime, groupFor, TASK_TYPES } from '../tasks/index.ts';
import { isAway, skipSteps } from './away.ts';
import { enterLane } from './names.ts';
import { newTarget, openIntent } from './open-intent.ts';
import { grantReply, noteUntouched } from './permission.ts';
import { progress } from './progress.ts';

type BeginEvent = Extract<MachineEvent, { kind: 'begin' }>;

const CALLERS_KEPT = 20_000;
const NO_HASHES = Buffer.alloc(0);

/** Takes a Begin in. */
export function begin(state: State, event: BeginEvent): void {
  const { input, ticket, now } = event;
  const caller = `${input.sidecarId} ${input.requestNumber}`;
  const known = state.callers.get(caller);
  if (known !== undefined) {
    repeat(state, known, ticket);
    return;
  }
  const seq = state.nextSeq;
  const enqueuedAt = formatTime(now.wallNs);
  const place = { seq, enqueuedAt, freshIndexId: event.freshIndexId };
  const planned = planWrite(state, input, place);
  if (planned.kind !== 'write') {
    state.emit({ kind: 'beginReply', ticket, reply: planned });
    return;
  }
  state.nextSeq += 1;
  const intent = makeIntent(input, planned.plan, { seq, enqueuedAt });
  addTask(state, makeTask(state, input, intent));
  rememberCaller(state, caller, seq);
  const open = openIntent(intent, planned.plan.scope === 'keys' ? input.keyHashes : NO_HASHES);
  open.begunAtMs = now.steadyMs;
  state.touchIntent(intent);
  enterLane(state, open);
  noteUntouched(state, open);
  noteTombstones(state, open);
  for (const nodeId of state.downNodes.keys()) {
    if (isAway(state, nodeId, DOWN_MS)) skipSteps(state, intent, nodeId);
  }
  if (Object.keys(intent.targets).length > 0) {
    open.beginTickets.push(ticket);
    state.beginTickets.set(ticket, seq);
  } else {
    state.emit({ kind: 'beginReply', ticket, reply: { kind: 'settled', seq, enqueuedAt } });
  }
  progress(state, [seq], now);
}

function repeat(state: State, seq: number, ticket: number): void {
  const open = state.open.get(seq);
  const enqueuedAt = open?.intent.enqueuedAt ?? enqueueTime(state, seq);
  const isGivenUp = open === undefined ? state.givenUp.has(seq) : open.intent.isAbandoned;
  const refusal = state.lastReplies.get(seq)?.refusal ?? null;
  if (isGivenUp || refusal !== null) {
    const message = 'The write was given up before it was repeated; send it again.';
    const given = refusal ?? { code: 'miroir_write_abandoned', message };
    state.emit({ kind: 'beginReply', ticket, reply: { kind: 'refusal', ...given } });
  } else if (open === undefined || Object.keys(open.intent.targets).length === 0) {
    state.emit({ kind: 'beginReply', ticket, reply: { kind: 'settled', seq, enqueuedAt } });
  } else if (open.intent.phase === 'granted') {
    state.emit({ kind: 'beginReply', ticket, reply: grantReply(state, open.intent, false) });
  } else {
    open.beginTickets.push(ticket);
    state.beginTickets.set(ticket, seq);
  }
}

/** Of a task that is over: to the microsecond. */
function enqueueTime(state: State, seq: number): string {
  const micros = Math.round((state.summaries[seq]?.enqueuedMs ?? 0) * 1_000);
  return formatTime(BigInt(micros) * 1_000n);
}

function makeIntent(
  input: BeginInput,
  plan: WritePlan,
  place: { readonly seq: number; readonly enqueuedAt: string },
): Intent {
  return {
    seq: place.seq,
    kind: input.kind,
    internal: null,
    caller: { sidecarId: input.sidecarId, requestNumber: input.requestNumber },
    names: plan.names,
    scope: plan.scope,
    indexUid: input.indexUid,
    indexId: plan.indexId,
    createsIndex: plan.createsIndex,
    enqueuedAt: place.enqueuedAt,
    documentCount: input.documentCount,
    skipsCreation: input.skipsCreation,
    shards: plan.shards,
    outcomes: plan.shards.map(() => 'open'),
    applied: plan.shards.map(() => false),
    change: plan.change,
    swaps: plan.swaps,
    mustBeEmpty: plan.mustBeEmpty,
    tasks: plan.tasks,
    canceledBy: null,
    bodies: plan.ground.bodies,
    // More may be added, and plans without any share one.
    steps: [...plan.ground.steps],
    targets: Object.fromEntries(
      [...plan.targets].map(([nodeId, shards]) => [nodeId, newTarget(shards)]),
    ),
    phase: 'waiting',
    error: plan.error,
    isUndone: false,
    isAbandoned: false,
    isReported: false,
    reply: null,
    isFinal: false,
    floors: {},
  };
}

function makeTask(state: State, input: BeginInput, intent: Intent): TaskRecord {
  const { seq } = intent;
  const isSwap = input.kind === 'indexSwap';
  const hasIndex = !isSwap && intent.tasks === null;
  // Tasks from here on must not take part in the renaming that this one brings.
  if (isSwap || intent.swaps.length > 0) closeGroups(state, intent.names);
  const group = !hasIndex ? null : groupFor(state, input.indexUid, seq);
  const newName = newNameOf(input);
  return {
    uid: seq,
    batchUid: null,
    group,
    status: 'enqueued',
    type: TASK_TYPES[input.kind],
    canceledBy: null,
    details:
      input.kind === 'settingsUpdate' && isObject(input.body)
        ? toClientDetails({}, input.body)
        : matchedDetails(intent, input.details),
    newNameGroup: newName === null ? null : groupFor(state, newName, seq),
    swapGroups: isSwap ? swapGroupsOf(state, input, seq) : [],
    error: null,
    enqueuedAt: intent.enqueuedAt,
    startedAt: null,
    finishedAt: null,
    customMetadata: input.customMetadata,
  };
}

/** The number of tasks named is known at once. */
function matchedDetails(intent: Intent, details: TaskRecord['details']): TaskRecord['details'] {
  return intent.tasks === null ? details : { ...details, matchedTasks: intent.tasks.matchedCount };
}

/** The name that a PATCH of an index asks for. */
function newNameOf(input: BeginInput): string | null {
  if (input.kind !== 'indexUpdate' || !isObject(input.body)) return null;
  const { uid } = input.body;
  return typeof uid === 'string' ? uid : null;
}

function swapGroupsOf(state: State, input: BeginInput, seq: number): TaskRecord['swapGroups'] {
  const pairs = Array.isArray(input.body) ? (input.body as Record<string, unknown>[]) : [];
  return pairs.map((pair) => ({
    groups: (Array.isArray(pair['indexes']) ? pair['indexes'] : []).map((name) =>
      groupFor(state, String(name), seq),
    ),
    rename: pair['rename'] === true,
  }));
}

function rememberCaller(state: State, caller: string, seq: number): void {
  state.callers.set(caller, seq);
  state.touchedCallers.add(caller);
  for (const oldest of state.callers.keys()) {
    if (state.callers.size <= CALLERS_KEPT) break;
    state.callers.delete(oldest);
    state.touchedCallers.add(oldest);
  }
}
