/** What became of control's own calls. */
import { primaryKeyFixed } from '../catalog/index.ts';
import { type Intent, type MachineEvent, markOf, type State } from '../state/index.ts';
import { excuseStep } from './excuse.ts';
import { expectTask } from './lost-data.ts';
import { progress, startSteps } from './progress.ts';

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
    const reference = { seq: event.seq, nodeId, step: event.step, part: null };
    const mark = markOf({ tag: null, enqueuedAt: outcome.enqueuedAt });
    state.checkUid(nodeId, outcome.uid, open.intent.floors[nodeId] ?? -1);
    expectTask(state, outcome.uid, reference, mark);
  } else {
    step.state = 'refused';
    step.refusal = outcome.error;
    excuseStep(state, open.intent, step);
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
