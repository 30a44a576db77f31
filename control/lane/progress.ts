/**
 * Moves open intents on: permission, control's own calls, the grant, the outcome of each shard, the end.
 * Called for every intent that an event touched, until nothing moves any more; an intent that moves may set
 * others free, and so may a copy that counts no more.
 */
import {
  endSuspicion,
  hasOtherCopies,
  isInSync,
  isShrinkConfirmed,
  isUnfinished,
  NO_COPY,
} from '../copies/index.ts';
import type { IndexRecord, Intent, Now, OpenIntent, State } from '../state/index.ts';
import { awaitsOthers } from '../tasks/index.ts';
import { hasEnded, hasOpenTargets, hasUnsentSteps, mustWait } from './conflicts.ts';
import { decide } from './finality.ts';
import { finishTask, isOver } from './finish.ts';
import { advanceInternal } from './internal.ts';
import { hasEarlierBarrier, heldBack, leaveLane, setOrdered, setUnordered } from './names.ts';
import { grantReply, notePassedOver, retarget } from './permission.ts';
import { standingOf } from './quorum.ts';
import { answerReports, keepReply } from './replies.ts';
import { settle } from './settle.ts';
import { standsWhenTaken } from './stands-when-taken.ts';
import { addSwapGround } from './swap-ground.ts';
import { addRemovalSteps } from './uncreate.ts';
import { addUndoSteps } from './undo.ts';

/** How long a granted write may be silent. */
export const LEASE_MS = 5_000;
const SUSPECT = 2;

/** Moves on the given intents and all that they set free. */
export function progress(state: State, seqs: Iterable<number>, now: Now): void {
  const queue = new Set(seqs);
  const indexes = new Set<string>();
  for (;;) {
    for (const seq of queue) {
      queue.delete(seq);
      const open = state.open.get(seq);
      if (open === undefined) continue;
      if (open.intent.indexId !== null) indexes.add(open.intent.indexId);
      for (const next of move(state, open, now)) queue.add(next);
    }
    for (const id of [...indexes, ...state.stirredIndexes]) endSuspicions(state, id);
    indexes.clear();
    for (const id of state.stirredIndexes) {
      for (const seq of state.openByIndex.get(id) ?? []) queue.add(seq);
    }
    state.stirredIndexes.clear();
    if (queue.size === 0) return;
  }
}

/** Moves one intent; gives others that may move by that. */
function move(state: State, open: OpenIntent, now: Now): number[] {
  const { intent } = open;
  const freed: number[] = [];
  if (intent.internal === null) advance(state, open, now);
  else advanceInternal(state, open);
  settle(state, open);
  decide(state, open);
  answerWaiting(state, open);
  if (!hasUnsentSteps(intent) && isSettled(intent)) setOrdered(state, intent);
  if (mayFinish(state, intent)) {
    if (addUndoSteps(state, intent) || addRemovalSteps(state, intent)) {
      setUnordered(state, intent);
      startSteps(state, intent);
      return [];
    }
    keepReply(state, open);
    finishTask(state, open, now);
    freed.push(...heldBack(state, intent), ...state.openTaskCalls);
  }
  const isGone = isOver(state, intent);
  if (isGone) leaveLane(state, intent);
  freed.push(...setFree(state, open, isGone));
  return freed;
}

function isSettled(intent: Intent): boolean {
  if (intent.kind === 'look' || intent.kind === 'hold') return intent.isFinal;
  return !hasOpenTargets(intent) && !intent.outcomes.includes('open');
}

function mayFinish(state: State, intent: Intent): boolean {
  if (intent.isFinal || !hasEnded(intent)) return false;
  if (hasEarlierBarrier(state, intent) || awaitsOthers(state, intent)) return false;
  const index = state.indexes.get(intent.indexId ?? '');
  if (index !== undefined && hasRemainderUnderWay(index, intent)) return false;
  if (index === undefined || isShrinkConfirmed(state, index, intent.shards)) return true;
  state.unconfirmed.add(intent.seq);
  return false;
}

/** Parts of a write that did not arrive whole are still worked on where they will be read. */
function hasRemainderUnderWay(index: IndexRecord, intent: Intent): boolean {
  return Object.entries(intent.targets).some(
    ([nodeId, target]) =>
      target.state === 'partial' &&
      isUnfinished(target) &&
      target.shards.some((shard) => isInSync(index, shard, nodeId)),
  );
}

function endSuspicions(state: State, indexId: string): void {
  const index = state.indexes.get(indexId);
  if (index === undefined || !hasOtherCopies(index)) return;
  for (const [slot, byte] of index.copyStates.entries()) {
    const place = index.owners.readUInt16LE(slot * 2);
    const nodeId = index.nodeIds[place];
    if (byte !== SUSPECT || place === NO_COPY || nodeId === undefined) continue;
    const shard = Math.floor(slot / index.copiesPerShard);
    endSuspicion(state, { index, shard, nodeId });
  }
}

/** Whether an older index under a name that is to be given is just being removed from some node. */
function isBeingCleared(state: State, intent: Intent): boolean {
  if (intent.scope !== 'index' && !intent.createsIndex) return false;
  return state.cluster.nodes.some(
    ({ leftovers }) =>
      Array.isArray(leftovers) && intent.names.some((name) => leftovers.includes(name)),
  );
}

/**
 * Whether an index that is to be renamed or deleted is just being made good on some node: the calls for that
 * go by its name. Time (`tick`) looks again.
 */
function isBeingMended(state: State, intent: Intent): boolean {
  if (intent.scope !== 'index' || state.recovery.mending.size === 0) return false;
  const ids = [intent.indexId, ...intent.swaps.flatMap((swap) => [swap.leftId, swap.rightId])];
  return [...state.recovery.mending.keys()].some((key) => ids.includes(key.split(' ')[0] ?? ''));
}

function advance(state: State, open: OpenIntent, now: Now): void {
  const { intent } = open;
  if (intent.phase === 'waiting') {
    if (open.waitsFor.size > 0 || isBeingMended(state, intent)) return;
    if (isBeingCleared(state, intent)) return;
    state.touchIntent(intent);
    if (intent.mustBeEmpty) {
      intent.phase = 'counting';
      state.emit({ kind: 'countDocuments', seq: intent.seq });
      return;
    }
    startSteps(state, intent);
  }
  if (intent.phase === 'preparing' && !hasUnsentSteps(intent)) {
    state.touchIntent(intent);
    if (hasOpenTargets(intent)) grant(state, open, now);
    else intent.phase = 'running';
  }
  if (intent.phase === 'granted' && !hasOpenTargets(intent)) {
    state.touchIntent(intent);
    intent.phase = 'running';
  }
}

/** Begins with control's own calls, on all nodes at once. */
export function startSteps(state: State, intent: Intent): void {
  if (intent.phase === 'waiting') addSwapGround(state, intent);
  intent.phase = 'preparing';
  const nodeIds = new Set(
    intent.steps.filter((step) => step.state === 'unsent').map((step) => step.nodeId),
  );
  const touched = state.cluster.nodes.filter(
    (node) => nodeIds.has(node.id) || intent.targets[node.id] !== undefined,
  );
  intent.floors = Object.fromEntries(touched.map((node) => [node.id, node.lastTaskUid]));
  for (const nodeId of nodeIds) state.emit({ kind: 'runStep', seq: intent.seq, nodeId });
}

function grant(state: State, open: OpenIntent, now: Now): void {
  const { intent } = open;
  intent.phase = 'granted';
  notePassedOver(state, open);
  retarget(state, open);
  open.leaseUntilMs = now.steadyMs + LEASE_MS;
  state.emit({ kind: 'granted', waitedMs: now.steadyMs - open.begunAtMs });
  const reply = grantReply(state, intent, standsWhenTaken(state, open));
  for (const ticket of open.beginTickets) {
    state.beginTickets.delete(ticket);
    state.emit({ kind: 'beginReply', ticket, reply });
  }
  open.beginTickets.length = 0;
}

function answerWaiting(state: State, open: OpenIntent): void {
  if (open.reportTickets.length === 0) return;
  const standing = standingOf(state, open);
  if (standing === 'unconfirmed') state.unconfirmed.add(open.intent.seq);
  if (standing === 'open' || standing === 'unconfirmed') return;
  if (standing === 'out' && open.intent.outcomes.includes('open')) return;
  answerReports(state, open, standing);
}

/** Later intents that need not wait for this one any more. */
function setFree(state: State, open: OpenIntent, isGone: boolean): number[] {
  const freed: number[] = [];
  for (const seq of open.waiters) {
    const waiter = state.open.get(seq);
    if (waiter !== undefined && !isGone && mustWait(state, waiter, open)) continue;
    open.waiters.delete(seq);
    waiter?.waitsFor.delete(open.intent.seq);
    if (waiter?.waitsFor.size === 0) freed.push(seq);
  }
  return freed;
}
