/** Plans of writes that change what an index is called or its primary key: updates, renames, swaps. */
import { isObject } from '../../core/settings/index.ts';
import type { BeginInput, State, Swap, TaskError } from '../state/index.ts';
import {
  indexAlreadyExists,
  indexNotFound,
  renameTargetExists,
  swapIndexesNotFound,
} from './errors.ts';
import { giveNameUp } from './former-names.ts';
import { emptyPlan, failing, headIndex, type Planned } from './plan.ts';
import { swapSteps, updateSteps } from './steps.ts';

/** PATCH /indexes/:uid: another primary key (only while there are no documents), another name, or both. */
export function planIndexUpdate(state: State, input: BeginInput): Planned {
  const uid = input.indexUid;
  const body = isObject(input.body) ? input.body : {};
  const renamed = typeof body['uid'] === 'string' ? body['uid'] : null;
  const newUid = renamed === uid ? null : renamed;
  const primaryKey = typeof body['primaryKey'] === 'string' ? body['primaryKey'] : null;
  const names = newUid === null ? [uid] : [uid, newUid];
  const index = headIndex(state, uid);
  if (index === undefined) return failing(names, indexNotFound(uid));
  if (newUid !== null && headIndex(state, newUid) !== undefined)
    return failing(names, indexAlreadyExists(newUid));
  const change = {
    ...(renamed === null ? {} : { uid: renamed }),
    ...(primaryKey === null ? {} : { primaryKey }),
  };
  const swaps: Swap[] =
    newUid === null
      ? []
      : [{ left: uid, right: newUid, leftId: index.id, rightId: null, isRename: true }];
  if (newUid !== null) {
    state.head.delete(uid);
    giveNameUp(state, uid);
    state.head.set(newUid, index.id);
    state.touchIndex(index);
    index.headUid = newUid;
    state.touchIndex(index);
  }
  return {
    kind: 'write',
    plan: emptyPlan(names, {
      scope: 'index',
      indexId: index.id,
      change,
      swaps,
      mustBeEmpty: primaryKey !== null && primaryKey !== index.primaryKey,
      ground: updateSteps(index, uid, change),
    }),
  };
}

/** POST /swap-indexes. All pairs or none: the first kind of fault fails the whole task, as on a node. */
export function planSwap(state: State, input: BeginInput): Planned {
  const pairs = readPairs(input.body);
  const names = [...new Set(pairs.flatMap((pair) => [pair.left, pair.right]))];
  const error = swapFault(state, pairs);
  if (error !== undefined) return failing(names, error);
  const swaps: Swap[] = pairs.map(({ left, right, isRename }) => ({
    left,
    right,
    leftId: state.head.get(left) ?? '',
    rightId: isRename ? null : (state.head.get(right) ?? ''),
    isRename,
  }));
  const ground = swapSteps(swaps, (id) => state.indexes.get(id)?.nodeIds ?? []);
  for (const swap of swaps) moveHead(state, swap);
  return { kind: 'write', plan: emptyPlan(names, { scope: 'index', swaps, ground }) };
}

interface Pair {
  readonly left: string;
  readonly right: string;
  readonly isRename: boolean;
}

function readPairs(body: unknown): Pair[] {
  if (!Array.isArray(body)) return [];
  return body.filter(isObject).map((item) => {
    const indexes = Array.isArray(item['indexes']) ? item['indexes'] : [];
    return {
      left: String(indexes[0]),
      right: String(indexes[1]),
      isRename: item['rename'] === true,
    };
  });
}

function swapFault(state: State, pairs: readonly Pair[]): TaskError | undefined {
  const needed = pairs.flatMap(({ left, right, isRename }) => (isRename ? [left] : [left, right]));
  const missing = needed.filter((uid) => !state.head.has(uid));
  if (missing.length > 0) return swapIndexesNotFound([...new Set(missing)].sort());
  const taken = pairs.find(({ right, isRename }) => isRename && state.head.has(right));
  return taken === undefined ? undefined : renameTargetExists(taken.left, taken.right);
}

function moveHead(state: State, swap: Swap): void {
  const left = state.indexes.get(swap.leftId);
  const right = swap.rightId === null ? undefined : state.indexes.get(swap.rightId);
  if (left !== undefined) {
    state.touchIndex(left);
    left.headUid = swap.right;
    state.head.set(swap.right, left.id);
  }
  if (right === undefined) {
    state.head.delete(swap.left);
    giveNameUp(state, swap.left);
  } else {
    state.touchIndex(right);
    right.headUid = swap.left;
    state.head.set(swap.left, right.id);
  }
  for (const index of [left, right]) if (index !== undefined) state.touchIndex(index);
}
