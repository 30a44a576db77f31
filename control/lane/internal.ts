/**
 * Steps in the lane that no client asked for: fixes of recovery, looks, and holds of a shard. They stand
 * between client writes, take no task, and conflict with writes as a write of the same documents would. A
 * look or a hold stands until it is ended, or its limit is over: writes that come later wait for it.
 */
import { isUnfinished, resultOf } from '../copies/index.ts';
import type {
  IndexRecord,
  Intent,
  InternalRequest,
  MachineEvent,
  Now,
  OpenIntent,
  State,
} from '../state/index.ts';
import { markUnknown } from './closing.ts';
import { enterLane } from './names.ts';
import { newTarget, openIntent } from './open-intent.ts';
import { notePassedOver, tagOf } from './permission.ts';

/**
 * Puts an internal step into the lane, behind everything that began; the caller lets the lane progress
 * afterwards with the place that is given. `internalGranted` follows when it may be sent, or looks at what
 * stands still; `internalEnded` when it is over. Undefined if the index has no name any more.
 */
export function beginInternal(
  state: State,
  request: InternalRequest,
  now: Now,
): number | undefined {
  const index = state.indexes.get(request.indexId);
  if (index === undefined || index.headUid === null) return undefined;
  const number = state.nextInternal;
  state.nextInternal += 1;
  state.isInternalTouched = true;
  const intent = makeIntent(state, request, { index, number });
  const open = openIntent(intent, request.keyHashes ?? Buffer.alloc(0));
  open.begunAtMs = now.steadyMs;
  if (request.limitMs !== null) {
    open.endsAtMs = now.steadyMs + request.limitMs;
    state.timedSteps.add(intent.seq);
    state.emit({ kind: 'wakeAt', steadyMs: open.endsAtMs });
  }
  state.touchIntent(intent);
  enterLane(state, open);
  return intent.seq;
}

function makeIntent(
  state: State,
  request: InternalRequest,
  made: { readonly index: IndexRecord; readonly number: number },
): Intent {
  const { kind, shard, nodeId, keyHashes, under } = request;
  const hold = under === null ? undefined : state.open.get(under)?.intent.internal;
  const after = hold?.after ?? state.nextSeq - 1;
  const name = made.index.headUid ?? '';
  return {
    seq: -made.number,
    kind,
    internal: { number: made.number, after, shard, nodeId, under: hold ? under : null },
    caller: { sidecarId: '', requestNumber: '' },
    names: [name],
    scope: keyHashes === null ? 'all' : 'keys',
    indexUid: name,
    indexId: made.index.id,
    createsIndex: false,
    enqueuedAt: '',
    documentCount: 0,
    skipsCreation: false,
    shards: [shard],
    outcomes: ['open'],
    applied: [false],
    change: null,
    swaps: [],
    mustBeEmpty: false,
    tasks: null,
    canceledBy: null,
    bodies: [],
    steps: [],
    targets: nodeId === null ? {} : { [nodeId]: newTarget([shard]) },
    phase: 'waiting',
    error: null,
    isUndone: false,
    isAbandoned: false,
    isReported: false,
    reply: null,
    isFinal: false,
    floors: {},
  };
}

/** Moves an internal step on: its permission, and its end. */
export function advanceInternal(state: State, open: OpenIntent): void {
  const { intent } = open;
  if (intent.isFinal) return;
  if (intent.phase === 'waiting' && open.waitsFor.size === 0) {
    intent.phase = 'granted';
    state.touchIntent(intent);
    notePassedOver(state, open);
    const tag = tagOf(state, intent);
    state.emit({ kind: 'internalGranted', seq: intent.seq, tag });
  }
  const [target] = Object.values(intent.targets);
  if (intent.phase === 'waiting' || target === undefined || isUnfinished(target)) return;
  intent.phase = 'running';
  const result = resultOf(target);
  const outcome = result === 'ok' ? 'applied' : result === 'absent' ? 'notSent' : 'failed';
  end(state, open, outcome);
}

/** What the step brings is on its way: from here on only a report or a reading tells what became of it. */
export function sendInternal(state: State, seq: number): void {
  const open = state.open.get(seq);
  if (open === undefined) return;
  open.isSent = true;
  const nodeIds = Object.keys(open.intent.targets);
  open.intent.floors = Object.fromEntries(nodeIds.map((id) => [id, state.floorOf(id)]));
  state.touchIntent(open.intent);
}

/**
 * Ends a step: a look or a hold that has served, a fix that is not sent. One that was sent ends by itself;
 * until it is heard of it is unknown, so that nobody waits for it and nothing is filled behind its back.
 */
export function endInternal(
  state: State,
  event: Extract<MachineEvent, { kind: 'internalEnd' }>,
): void {
  const open = state.open.get(event.seq);
  if (open === undefined || open.intent.internal === null || open.intent.isFinal) return;
  const [target] = Object.values(open.intent.targets);
  if (target === undefined) {
    open.intent.phase = 'running';
    end(state, open, 'ended');
    return;
  }
  if (target.state !== 'pending') return;
  if (open.isSent) {
    target.reason = 'a page was not answered in time';
    markUnknown(state, open);
    return;
  }
  target.state = 'none';
  state.touchIntent(open.intent);
}

/** Ends steps whose limit is over; gives their places. */
export function endTimedSteps(state: State, now: Now): number[] {
  const ended: number[] = [];
  for (const seq of state.timedSteps) {
    const open = state.open.get(seq);
    if (open?.endsAtMs !== null && open !== undefined && now.steadyMs < open.endsAtMs) continue;
    state.timedSteps.delete(seq);
    if (open === undefined) continue;
    endInternal(state, { kind: 'internalEnd', seq, now });
    ended.push(seq);
  }
  return ended;
}

function end(
  state: State,
  open: OpenIntent,
  outcome: 'applied' | 'failed' | 'notSent' | 'ended',
): void {
  const { intent } = open;
  intent.isFinal = true;
  intent.outcomes[0] = outcome === 'applied' ? 'in' : 'out';
  state.timedSteps.delete(intent.seq);
  state.touchIntent(intent);
  state.emit({ kind: 'internalEnded', seq: intent.seq, outcome });
}
