/**
 * Calls of control that fail on a node where the index is to be made anew anyhow: because the node lost its
 * data, missed what came before, or has an index already under the name to be given. They are left out there;
 * the index is made as the catalog says it.
 */
import { wasOurs } from '../catalog/index.ts';
import { demote, noteEverything, shardsOn } from '../copies/index.ts';
import type { IndexRecord, Intent, NodeRecord, State, Step } from '../state/index.ts';
import { isCoveredWithout } from './away.ts';

/** Whether the failure of a step was excused. */
export function excuseStep(state: State, intent: Intent, step: Step): boolean {
  const { nodeId } = step;
  const node = state.cluster.nodes.find(({ id }) => id === nodeId);
  if (intent.kind === 'indexDelete' && node?.leftovers !== undefined) {
    // What is left of the index there is removed with all else that the node should not hold.
    skip(state, intent, step);
    return true;
  }
  const indexes = concerned(state, intent).filter((index) => index.nodeIds.includes(nodeId));
  const isNeeded = indexes.some((index) => index.needs[nodeId] === 'rebuild');
  if (!isNeeded && !isNameTaken(state, intent, step)) return false;
  if (!indexes.every((index) => isOut(state, index, nodeId))) return false;
  for (const index of indexes) rebuild(state, index, nodeId);
  // A name that was to be given up may be left there.
  if (node !== undefined && intent.scope === 'index') doubtIndexes(state, node);
  skip(state, intent, step);
  return true;
}

/**
 * The name was free in its place in the lane: documents that came late made an index of it on this node. Under
 * a name that was never ours it is somebody else's, and stands in the way on all nodes alike.
 */
function isNameTaken(state: State, { swaps }: Intent, { task }: Step): boolean {
  if (swaps.length === 0 || task?.error?.code !== 'index_already_exists') return false;
  return swaps.every(({ right, rightId }) => rightId !== null || wasOurs(state, right));
}

function skip(state: State, intent: Intent, step: Step): void {
  step.state = 'skipped';
  step.task = null;
  step.refusal = null;
  state.touchIntent(intent);
}

/**
 * An index that was to be made was there already: a node that lost data may have brought it back, with what
 * it held then. Where the index does without the node it is made anew there.
 */
export function doubtFound(state: State, intent: Intent, step: Step): void {
  const index = state.indexes.get(intent.indexId ?? '');
  const isFound = step.task?.status === 'failed' && step.taskType === 'indexCreation';
  if (!isFound || !intent.createsIndex || index === undefined) return;
  if (isCoveredWithout(state, index, step.nodeId)) rebuild(state, index, step.nodeId);
}

/** The node may hold indexes that it should not: they are looked for before it is relied on. */
export function doubtIndexes(state: State, node: NodeRecord): void {
  node.leftovers = 'unlisted';
  state.recovery.clearing.delete(node.id);
  state.touchCluster();
}

/** Whether the index does without the node: it is out already, or others have all of its shards. */
function isOut(state: State, index: IndexRecord, nodeId: string): boolean {
  return index.needs[nodeId] === 'rebuild' || isCoveredWithout(state, index, nodeId);
}

function concerned(state: State, intent: Intent): IndexRecord[] {
  const ids = new Set(
    [intent.indexId, ...intent.swaps.flatMap((swap) => [swap.leftId, swap.rightId])].filter(
      (id) => id !== null,
    ),
  );
  return [...ids].flatMap((id) => state.indexes.get(id) ?? []);
}

function rebuild(state: State, index: IndexRecord, nodeId: string): void {
  if (index.needs[nodeId] === 'rebuild') return;
  index.needs = { ...index.needs, [nodeId]: 'rebuild' };
  state.touchIndex(index);
  for (const shard of shardsOn(index, nodeId)) {
    const copy = { index, shard, nodeId };
    const reason = 'its index is to be made anew';
    if (demote(state, copy, { to: 'behind', reason, missed: null })) noteEverything(state, copy);
  }
}
