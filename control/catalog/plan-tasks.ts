/**
 * Plans of what concerns tasks rather than documents: compacting the file of an index, and cancelling or
 * deleting tasks. None of them conflicts with a write.
 */
import type { BeginInput, State } from '../state/index.ts';
import { planCancelation, planTaskDeletion } from '../tasks/index.ts';
import { indexNotFound } from './errors.ts';
import { emptyPlan, failing, headIndex, type Planned } from './plan.ts';
import { cancelationSteps, compactionSteps } from './steps.ts';

/** POST /indexes/:uid/compact: on every node that holds the index and answers. */
export function planCompaction(state: State, input: BeginInput): Planned {
  const uid = input.indexUid;
  const index = headIndex(state, uid);
  if (index === undefined) return failing([uid], indexNotFound(uid));
  const nodeIds = index.nodeIds.filter((nodeId) => !state.downNodes.has(nodeId));
  const ground = compactionSteps(nodeIds, uid);
  return { kind: 'write', plan: emptyPlan([uid], { indexId: index.id, ground }) };
}

/** POST /tasks/cancel: the nodes are told the tasks of theirs that make up the ones that may be cancelled. */
export function planCancel(state: State, input: BeginInput, seq: number): Planned {
  const { choice, nodeTasks } = planCancelation(state, input.body, seq);
  return {
    kind: 'write',
    plan: emptyPlan([], { tasks: choice, ground: cancelationSteps(nodeTasks) }),
  };
}

/** DELETE /tasks: nodes are told nothing, for their tasks are what writes are looked up by. */
export function planDelete(state: State, input: BeginInput): Planned {
  return { kind: 'write', plan: emptyPlan([], { tasks: planTaskDeletion(state, input.body) }) };
}
