/** The calls control itself makes to nodes for an intent. Pure values; bodies are shared between nodes. */
import { toNodePatch, toNodeSettings } from '../../core/settings/index.ts';
import type { IndexRecord, JsonObject, Step, Swap } from '../state/index.ts';
import { hasSeveralOwners } from './index-record.ts';

/** Steps with the bodies they point into. */
export interface StepPlan {
  readonly steps: readonly Step[];
  readonly bodies: readonly string[];
}

/** Collects steps; equal bodies are kept once. */
class StepList implements StepPlan {
  readonly steps: Step[] = [];
  readonly bodies: string[] = [];

  add(
    nodeId: string,
    call: Pick<Step, 'method' | 'path' | 'taskType' | 'taskIndexUid'> & {
      readonly body?: unknown;
      readonly isGround?: boolean;
      readonly tolerates?: readonly string[];
    },
  ): void {
    const { method, path, taskType, taskIndexUid } = call;
    this.steps.push({
      nodeId,
      method,
      path,
      body: call.body === undefined ? -1 : this.#bodyPlace(JSON.stringify(call.body)),
      taskType,
      taskIndexUid,
      isGround: call.isGround ?? false,
      tolerates: call.tolerates ?? [],
      state: 'unsent',
      uid: null,
      task: null,
      refusal: null,
    });
  }

  #bodyPlace(text: string): number {
    const known = this.bodies.indexOf(text);
    return known >= 0 ? known : this.bodies.push(text) - 1;
  }
}

const indexPath = (uid: string): string => `/indexes/${encodeURIComponent(uid)}`;

function addCreation(
  list: StepList,
  nodeId: string,
  index: {
    readonly uid: string;
    readonly primaryKey: string | null;
    readonly settings: JsonObject;
  },
  isGround: boolean,
): void {
  const { uid, primaryKey, settings } = index;
  list.add(nodeId, {
    method: 'POST',
    path: '/indexes',
    body: primaryKey === null ? { uid } : { uid, primaryKey },
    taskType: 'indexCreation',
    taskIndexUid: uid,
    isGround,
    tolerates: ['index_already_exists'],
  });
  list.add(nodeId, {
    method: 'PATCH',
    path: `${indexPath(uid)}/settings`,
    body: settings,
    taskType: 'settingsUpdate',
    taskIndexUid: uid,
    isGround: true,
  });
}

/**
 * An index with its settings on all its owner nodes. `isGround`: for the sake of another write. `isNameOld`: an
 * index of ours had the name before. A node that was rolled back, and is not known to be, may hold that one:
 * it is removed first.
 */
export function creationSteps(
  index: IndexRecord,
  uid: string,
  options: {
    readonly primaryKey: string | null;
    readonly isGround: boolean;
    readonly isNameOld: boolean;
  },
): StepPlan {
  const list = new StepList();
  const settings = toNodeSettings(index.settings, { hasSeveralOwners: hasSeveralOwners(index) });
  for (const nodeId of index.nodeIds) {
    if (options.isNameOld) addDeletion(list, nodeId, { uid, isGround: true });
    addCreation(list, nodeId, { uid, primaryKey: options.primaryKey, settings }, options.isGround);
  }
  return list;
}

/** A settings change on all owner nodes. */
export function settingsSteps(index: IndexRecord, uid: string, change: JsonObject): StepPlan {
  const list = new StepList();
  const body = toNodePatch(change, { hasSeveralOwners: hasSeveralOwners(index) });
  for (const nodeId of index.nodeIds) {
    list.add(nodeId, {
      method: 'PATCH',
      path: `${indexPath(uid)}/settings`,
      body,
      taskType: 'settingsUpdate',
      taskIndexUid: uid,
    });
  }
  return list;
}

/** PATCH /indexes/:uid on all owner nodes. */
export function updateSteps(index: IndexRecord, uid: string, change: JsonObject): StepPlan {
  const list = new StepList();
  for (const nodeId of index.nodeIds) {
    list.add(nodeId, {
      method: 'PATCH',
      path: indexPath(uid),
      body: change,
      taskType: 'indexUpdate',
      taskIndexUid: uid,
    });
  }
  return list;
}

/** DELETE /indexes/:uid on all owner nodes. */
export function deletionSteps(index: IndexRecord, uid: string): StepPlan {
  const list = new StepList();
  for (const nodeId of index.nodeIds) addDeletion(list, nodeId, { uid, isGround: false });
  return list;
}

function addDeletion(
  list: StepList,
  nodeId: string,
  { uid, isGround }: { readonly uid: string; readonly isGround: boolean },
): void {
  list.add(nodeId, {
    method: 'DELETE',
    path: indexPath(uid),
    taskType: 'indexDeletion',
    taskIndexUid: uid,
    isGround,
    tolerates: ['index_not_found'],
  });
}

/** POST /indexes/:uid/compact on the given nodes. */
export function compactionSteps(nodeIds: readonly string[], uid: string): StepPlan {
  const list = new StepList();
  for (const nodeId of nodeIds) {
    list.add(nodeId, {
      method: 'POST',
      path: `${indexPath(uid)}/compact`,
      taskType: 'indexCompaction',
      taskIndexUid: uid,
    });
  }
  return list;
}

/** POST /tasks/cancel on each node, with the uids of its own tasks. */
export function cancelationSteps(tasksOfNode: ReadonlyMap<string, readonly number[]>): StepPlan {
  const list = new StepList();
  for (const [nodeId, uids] of tasksOfNode) {
    list.add(nodeId, {
      method: 'POST',
      path: `/tasks/cancel?uids=${uids.join(',')}`,
      taskType: 'taskCancelation',
      taskIndexUid: null,
    });
  }
  return list;
}

/** The making of an index of which only the name counts. */
export function creationStep(nodeId: string, uid: string): { step: Step; body: string } {
  const list = new StepList();
  list.add(nodeId, {
    method: 'POST',
    path: '/indexes',
    body: { uid },
    taskType: 'indexCreation',
    taskIndexUid: uid,
    isGround: true,
    tolerates: ['index_already_exists'],
  });
  return { step: list.steps[0] as Step, body: list.bodies[0] as string };
}

/**
 * POST /swap-indexes on every node that holds one of the indexes. A swap fails on a node where one of both
 * is missing, so there the other one is only renamed.
 */
export function swapSteps(
  swaps: readonly Swap[],
  nodesOf: (id: string) => readonly string[],
): StepPlan {
  const list = new StepList();
  const nodeIds = new Set(
    swaps.flatMap((swap) => [
      ...nodesOf(swap.leftId),
      ...(swap.rightId === null ? [] : nodesOf(swap.rightId)),
    ]),
  );
  for (const nodeId of [...nodeIds].sort()) {
    list.add(nodeId, {
      method: 'POST',
      path: '/swap-indexes',
      body: swaps.flatMap((swap) => nodeSwap(swap, (id) => nodesOf(id).includes(nodeId))),
      taskType: 'indexSwap',
      taskIndexUid: null,
    });
  }
  return list;
}

function nodeSwap(
  { left, right, leftId, rightId }: Swap,
  holds: (id: string) => boolean,
): { indexes: [string, string]; rename?: true }[] {
  const hasLeft = holds(leftId);
  const hasRight = rightId !== null && holds(rightId);
  if (hasLeft && hasRight) return [{ indexes: [left, right] }];
  if (hasLeft) return [{ indexes: [left, right], rename: true }];
  return hasRight ? [{ indexes: [right, left], rename: true }] : [];
}
