/**
 * Moves open intents on: permission, control's own calls, the grant, the end. Called for every intent that
 * an event touched, until nothing moves any more; an intent that moves may set others free.
 */
import { applyToCatalog, writableOwners } from '../catalog/index.ts';
import type { BeginReply, Intent, Now, OpenIntent, State, TaskRecord } from '../state/index.ts';
import {
  awaitsOthers,
  batchFor,
  countCancelled,
  deleteTasks,
  endOf,
  finalDetails,
  formatTime,
  isCancelled,
  mainTasks,
  startOf,
  swapGroupNames,
  updateTask,
} from '../tasks/index.ts';
import { hasEnded, hasOpenTargets, hasUnsentSteps, mustWait } from './conflicts.ts';
import { errorOf, isDecided, reportReply } from './outcome.ts';
import { addRemovalSteps } from './uncreate.ts';
import { addUndoSteps } from './undo.ts';

/** How long a granted write may be silent. */
export const LEASE_MS = 5_000;

/** Moves on the given intents and all that they set free. */
export function progress(state: State, seqs: Iterable<number>, now: Now): void {
  const queue = new Set(seqs);
  for (const seq of queue) {
    queue.delete(seq);
    const open = state.open.get(seq);
    if (open === undefined) continue;
    advance(state, open, now);
    answerReports(state, open);
    if (!hasUnsentSteps(open.intent) && !hasOpenTargets(open.intent)) {
      removeFromNames(state.unorderedByName, open.intent);
    }
    const isOver =
      hasEnded(open.intent) &&
      !hasEarlierBarrier(state, open.intent) &&
      !awaitsOthers(state, open.intent);
    if (isOver && (addUndoSteps(state, open.intent) || addRemovalSteps(state, open.intent))) {
      for (const name of open.intent.names) addToName(state.unorderedByName, name, seq);
      startSteps(state, open.intent);
      continue;
    }
    if (isOver) {
      finish(state, open, now);
      for (const ended of heldBack(state, open.intent)) queue.add(ended);
      for (const call of state.openTaskCalls) queue.add(call);
    }
    for (const waiter of setFree(state, open, isOver)) queue.add(waiter);
  }
}

/** Registers an intent behind those it conflicts with. Earlier ones must be registered already. */
export function enterLane(state: State, open: OpenIntent): void {
  const { intent } = open;
  for (const name of intent.names) {
    const source = intent.mustBeEmpty ? state.openByName : state.unorderedByName;
    for (const seq of source.get(name) ?? []) {
      const earlier = state.open.get(seq);
      if (earlier === undefined || seq === intent.seq || !mustWait(open, earlier)) continue;
      open.waitsFor.add(seq);
      earlier.waiters.add(intent.seq);
    }
    addToName(state.openByName, name, intent.seq);
    addToName(state.unorderedByName, name, intent.seq);
    if (isBarrier(intent)) addToName(state.barriersByName, name, intent.seq);
  }
  if (intent.tasks) state.openTaskCalls.add(intent.seq);
  state.open.set(intent.seq, open);
}

/** Makes, changes or removes the index itself: nothing on its names may end across it. */
function isBarrier(intent: Intent): boolean {
  return intent.scope === 'index' || intent.createsIndex;
}

/**
 * Whether an earlier write on the same name has to end first. Nodes work at different speeds, so the last
 * of a later write may be done before the last of an earlier one; the catalog must not see that.
 */
function hasEarlierBarrier(state: State, intent: Intent): boolean {
  return othersOnNames(state, intent).some(
    (other) => other.seq < intent.seq && (isBarrier(intent) || isBarrier(other)),
  );
}

/** Later writes that have ended and may have been held back by this one, which is over. */
function heldBack(state: State, intent: Intent): number[] {
  return othersOnNames(state, intent)
    .filter((other) => (isBarrier(intent) || isBarrier(other)) && hasEnded(other))
    .map((other) => other.seq);
}

function othersOnNames(state: State, intent: Intent): Intent[] {
  const source = isBarrier(intent) ? state.openByName : state.barriersByName;
  return intent.names.flatMap((name) =>
    [...(source.get(name) ?? [])].flatMap((seq) => {
      const other = state.open.get(seq)?.intent;
      return other === undefined || seq === intent.seq ? [] : [other];
    }),
  );
}

/** The answer that carries the permission: the targets as of now. */
export function grantReply(state: State, intent: Intent): BeginReply {
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (index === undefined) {
    return { kind: 'settled', seq: intent.seq, enqueuedAt: intent.enqueuedAt };
  }
  return {
    kind: 'grant',
    seq: intent.seq,
    enqueuedAt: intent.enqueuedAt,
    indexId: index.id,
    primaryKey: index.primaryKey,
    shardCount: index.shardCount,
    nodeIds: index.nodeIds,
    copiesPerShard: index.copiesPerShard,
    targets: writableOwners(index),
    tag: `m1.${state.cluster.clusterId}.${intent.seq}`,
  };
}

function addToName(map: Map<string, Set<number>>, name: string, seq: number): void {
  const onName = map.get(name) ?? new Set<number>();
  map.set(name, onName.add(seq));
}

function removeFromNames(map: Map<string, Set<number>>, intent: Intent): void {
  for (const name of intent.names) {
    const onName = map.get(name);
    onName?.delete(intent.seq);
    if (onName?.size === 0) map.delete(name);
  }
}

function advance(state: State, open: OpenIntent, now: Now): void {
  const { intent } = open;
  if (intent.phase === 'waiting') {
    if (open.waitsFor.size > 0) return;
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
  open.leaseUntilMs = now.steadyMs + LEASE_MS;
  state.emit({ kind: 'granted', waitedMs: now.steadyMs - open.begunAtMs });
  const reply = grantReply(state, intent);
  for (const ticket of open.beginTickets) {
    state.beginTickets.delete(ticket);
    state.emit({ kind: 'beginReply', ticket, reply });
  }
  open.beginTickets.length = 0;
}

function answerReports(state: State, open: OpenIntent): void {
  if (open.reportTickets.length === 0 || !isDecided(open.intent)) return;
  const reply = reportReply(open.intent, true);
  for (const { ticket } of open.reportTickets) state.emit({ kind: 'reportReply', ticket, reply });
  open.reportTickets.length = 0;
}

/** Later intents that need not wait for this one any more. */
function setFree(state: State, open: OpenIntent, isOver: boolean): number[] {
  const freed: number[] = [];
  for (const seq of open.waiters) {
    const waiter = state.open.get(seq);
    if (waiter !== undefined && !isOver && mustWait(waiter, open)) continue;
    open.waiters.delete(seq);
    waiter?.waitsFor.delete(open.intent.seq);
    if (waiter?.waitsFor.size === 0) freed.push(seq);
  }
  return freed;
}

function finish(state: State, open: OpenIntent, now: Now): void {
  const { intent } = open;
  const task = state.tasks.get(intent.seq);
  if (task !== undefined) {
    const providedIds = task.details?.['providedIds'];
    const isCanceled = isCancelled(intent);
    const error = isCanceled
      ? null
      : errorOf(intent, typeof providedIds === 'number' ? providedIds : 0);
    const isSuccess = error === null && !isCanceled;
    const finishedAt = endOf(intent) ?? formatTime(now.wallNs);
    task.details = detailsOf(state, task, intent);
    task.error = error;
    task.status = error === null ? 'succeeded' : 'failed';
    if (isCanceled) noteCanceled(state, task, intent);
    task.startedAt = startOf(intent) ?? finishedAt;
    task.finishedAt = finishedAt;
    if (task.batchUid === null) task.batchUid = batchOf(state, intent);
    updateTask(state, task);
    applyToCatalog(state, intent, { isSuccess, isCanceled, finishedAt });
    if (isSuccess) {
      for (const swap of intent.swaps) swapGroupNames(state, swap.left, swap.right, intent.seq);
    }
    state.emit({ kind: 'taskFinished', seq: intent.seq, status: task.status });
  }
  state.open.delete(intent.seq);
  removeFromNames(state.openByName, intent);
  removeFromNames(state.barriersByName, intent);
  state.openTaskCalls.delete(intent.seq);
  state.touchIntent(intent);
}

/** A cancelled task is of the batch of its cancelation, as on a node. */
function noteCanceled(state: State, task: TaskRecord, intent: Intent): void {
  task.status = 'canceled';
  task.canceledBy = intent.canceledBy;
  const cancelation = state.tasks.get(intent.canceledBy ?? -1);
  if (cancelation === undefined) return;
  if (cancelation.batchUid === null) {
    cancelation.batchUid = batchFor(state, undefined, null);
    updateTask(state, cancelation);
  }
  task.batchUid = cancelation.batchUid;
}

function detailsOf(state: State, task: TaskRecord, intent: Intent): TaskRecord['details'] {
  if (intent.kind === 'tasksCancel') {
    return { ...task.details, canceledTasks: countCancelled(state, intent) };
  }
  if (intent.kind === 'tasksDelete') {
    return { ...task.details, deletedTasks: deleteTasks(state, intent) };
  }
  return finalDetails(task, intent);
}

/** Our batch of the first node's task that does the write itself. */
export function batchOf(state: State, intent: Intent): number {
  const [first] = mainTasks(intent);
  const place =
    first === undefined
      ? undefined
      : (intent.steps.find((step) => step.task === first)?.nodeId ??
        Object.entries(intent.targets).find(([, target]) =>
          Object.values(target.parts).some((part) => part.task === first),
        )?.[0]);
  return batchFor(state, place, first?.batchUid ?? null);
}
