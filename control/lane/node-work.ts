/** What became of control's own calls and of the tasks that nodes work on. */
import { assert } from '../../core/assert.ts';
import { primaryKeyFixed } from '../catalog/index.ts';
import type {
  Intent,
  MachineEvent,
  NodeTask,
  State,
  TaskRecord,
  TaskReference,
} from '../state/index.ts';
import { startOf, updateTask } from '../tasks/index.ts';
import { batchOf, progress, startSteps } from './progress.ts';

/** A call of control was answered. */
export function stepDone(state: State, event: Extract<MachineEvent, { kind: 'stepDone' }>): void {
  const open = state.open.get(event.seq);
  const step = open?.intent.steps[event.step];
  if (open === undefined || step === undefined || step.state !== 'unsent') return;
  const { outcome } = event;
  if (outcome.kind === 'enqueued') {
    step.state = 'enqueued';
    step.uid = outcome.uid;
    const { nodeId } = step;
    state.expectTask(outcome.uid, { seq: event.seq, nodeId, step: event.step, part: null });
  } else {
    step.state = 'refused';
    step.refusal = outcome.error;
  }
  state.touchIntent(open.intent);
  const hasNext = open.intent.steps.some(
    (next) => next.nodeId === step.nodeId && next.state === 'unsent',
  );
  if (hasNext) state.emit({ kind: 'runStep', seq: event.seq, nodeId: step.nodeId });
  progress(state, [event.seq], event.now);
}

/** The documents of an index were counted before its primary key may change. */
export function counted(state: State, event: Extract<MachineEvent, { kind: 'counted' }>): void {
  const open = state.open.get(event.seq);
  if (open === undefined || open.intent.phase !== 'counting') return;
  const { intent } = open;
  state.touchIntent(intent);
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (event.documentCount > 0 && index !== undefined) {
    intent.error = primaryKeyFixed(intent.indexUid, index.primaryKey ?? '');
    intent.steps = [];
    takeBackRename(state, intent);
  }
  startSteps(state, intent);
  progress(state, [event.seq], event.now);
}

/** Nodes told how far their tasks are. */
export function nodeTasks(state: State, event: Extract<MachineEvent, { kind: 'nodeTasks' }>): void {
  const ofNode = state.outstanding.get(event.nodeId);
  const moved = new Set<number>();
  for (const task of event.tasks) {
    const reference = ofNode?.get(task.uid);
    if (reference === undefined) continue;
    if (task.status !== 'processing') ofNode?.delete(task.uid);
    const open = state.open.get(reference.seq);
    if (open === undefined) continue;
    place(open.intent, reference, task);
    state.touchIntent(open.intent);
    moved.add(reference.seq);
  }
  for (const seq of moved) noteBeginning(state, seq);
  progress(state, moved, event.now);
}

function place(intent: Intent, reference: TaskReference, task: NodeTask): void {
  if (reference.step !== null) {
    const step = intent.steps[reference.step];
    assert(step !== undefined, 'a task belongs to a step of its intent');
    step.task = task;
    return;
  }
  const part = intent.targets[reference.nodeId]?.parts[reference.part ?? -1];
  assert(part !== undefined, 'a task belongs to a part of its intent');
  part.task = task;
}

/** The first node that works on it makes the task `processing`, with its batch and start. */
function noteBeginning(state: State, seq: number): void {
  const intent = state.open.get(seq)?.intent;
  const task: TaskRecord | undefined = state.tasks.get(seq);
  if (intent === undefined || task === undefined) return;
  const startedAt = startOf(intent);
  if (startedAt === null || (task.status === 'processing' && task.startedAt === startedAt)) return;
  task.status = 'processing';
  task.startedAt = startedAt;
  task.batchUid ??= batchOf(state, intent);
  updateTask(state, task);
}

function takeBackRename(state: State, intent: Intent): void {
  for (const { left, right, leftId } of intent.swaps) {
    const index = state.indexes.get(leftId);
    if (index === undefined || state.head.get(right) !== leftId) continue;
    state.head.delete(right);
    state.head.set(left, leftId);
    state.changedUids.add(right);
    index.headUid = left;
    state.touchIndex(index);
  }
}
