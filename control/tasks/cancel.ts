/**
 * POST /tasks/cancel. What was chosen is told to the nodes only while none of them has started with it, and
 * every part of it is in a queue: a half-sent write cannot be called back. Operations that change what an
 * index is called, or remove it, are never called back either, since later writes were planned after them.
 *
 * A node may still be faster than the cancelation. What every node cancelled is cancelled; of the rest the
 * nodes' own results decide, as for any failed write.
 */
import type { Intent, NodeTask, State, TaskChoice } from '../state/index.ts';
import { listTasks } from './list.ts';
import { readTaskQuery } from './query.ts';

/** Node tasks named in one call: a request line has a bound. */
const UIDS_PER_NODE_MAX = 1_000;

const CANCELABLE: ReadonlySet<Intent['kind']> = new Set([
  'documentsReplace',
  'documentsUpdate',
  'documentsDeleteById',
  'documentsDeleteByFilter',
  'documentsDeleteAll',
  'documentsEdit',
  'settingsUpdate',
  'indexCreate',
  'indexCompact',
] as const);

/** What a cancelation is about, and the tasks of each node that are to be cancelled. */
export interface Cancelation {
  readonly choice: TaskChoice;
  readonly nodeTasks: ReadonlyMap<string, readonly number[]>;
}

/** Chooses the tasks as of now; `seq` is the cancelation's own place. */
export function planCancelation(state: State, body: unknown, seq: number): Cancelation {
  const query = readTaskQuery(body);
  const matched = query === undefined ? [] : listTasks(state, query).uids;
  const nodeTasks = new Map<string, number[]>();
  const uids: number[] = [];
  for (const uid of matched) {
    const intent = state.open.get(uid)?.intent;
    if (intent === undefined || !mayBeCancelled(intent)) continue;
    const own = nodeTasksOf(intent);
    if (!hasRoom(nodeTasks, own)) break;
    for (const { nodeId, taskUid } of own) {
      nodeTasks.set(nodeId, [...(nodeTasks.get(nodeId) ?? []), taskUid]);
    }
    intent.canceledBy = seq;
    state.touchIntent(intent);
    uids.push(uid);
  }
  return { choice: { matchedCount: matched.length, uids }, nodeTasks };
}

/** Whether all of a write that is over was cancelled, on the nodes that a cancelation of it was sent to. */
export function isCancelled(intent: Intent): boolean {
  if ((intent.canceledBy ?? null) === null) return false;
  const [steps, parts] = [stepEnds(intent), partEnds(intent)];
  if (![...steps, ...parts].some(isCanceledEnd)) return false;
  // A settings change that some nodes had made already was taken back there.
  if (intent.isUndone) return true;
  // A part of a write that is over has no end where its node is away: the copy there counts no more.
  return steps.every(isCanceledEnd) && parts.every((end) => end === null || isCanceledEnd(end));
}

/** The chosen tasks that are not over: the cancelation ends after them. */
export function awaitsOthers(state: State, intent: Intent): boolean {
  return intent.tasks?.uids.some((uid) => state.open.get(uid)?.intent.isFinal === false) ?? false;
}

/** How many of the chosen tasks the cancelation ended. */
export function countCancelled(state: State, intent: Intent): number {
  return (intent.tasks?.uids ?? []).filter((uid) => state.summaries[uid]?.canceledBy === intent.seq)
    .length;
}

function mayBeCancelled(intent: Intent): boolean {
  if (!CANCELABLE.has(intent.kind) || (intent.canceledBy ?? null) !== null) return false;
  if (intent.steps.some((step) => step.state === 'unsent')) return false;
  const targets = Object.values(intent.targets);
  if (targets.some(({ state }) => state === 'pending' || state === 'unknown')) return false;
  return hasNotBegun(intent);
}

function hasNotBegun(intent: Intent): boolean {
  const ends = [...stepEnds(intent), ...partEnds(intent)];
  return nodeTasksOf(intent).length > 0 && ends.every((task) => task === null);
}

function nodeTasksOf(intent: Intent): { readonly nodeId: string; readonly taskUid: number }[] {
  const ofSteps = intent.steps.flatMap(({ isGround, nodeId, uid }) =>
    isGround || uid === null ? [] : [{ nodeId, taskUid: uid }],
  );
  const ofTargets = Object.entries(intent.targets).flatMap(([nodeId, { parts }]) =>
    Object.values(parts).map(({ uid }) => ({ nodeId, taskUid: uid })),
  );
  return [...ofSteps, ...ofTargets];
}

/** How far control's own calls are that do the write itself; null for one that was not seen to begin. */
function stepEnds(intent: Intent): (NodeTask | null)[] {
  // What is left out on a node is made up for there as the catalog says in the end.
  const steps = intent.steps.filter((step) => !step.isGround && step.state !== 'skipped');
  return steps.map((step) => step.task);
}

/** The same of the parts that a sidecar sent. */
function partEnds(intent: Intent): (NodeTask | null)[] {
  return Object.values(intent.targets).flatMap(({ parts }) =>
    Object.values(parts).map((part) => part.task),
  );
}

function isCanceledEnd(task: NodeTask | null): boolean {
  return task?.status === 'canceled';
}

function hasRoom(
  chosen: ReadonlyMap<string, readonly number[]>,
  more: readonly { readonly nodeId: string }[],
): boolean {
  return more.every(({ nodeId }) => {
    const added = more.filter((item) => item.nodeId === nodeId).length;
    return (chosen.get(nodeId)?.length ?? 0) + added <= UIDS_PER_NODE_MAX;
  });
}
