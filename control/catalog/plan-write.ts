/**
 * What one write needs, decided from the catalog as of its place in the lane (the head): which index it
 * means, which is made for it, which calls control makes, which nodes take documents, and whether one node
 * would fail it. The head moves here too: writes that come later see what this one will do.
 */
import { assertNever } from '../../core/assert.ts';
import { isObject } from '../../core/settings/index.ts';
import { copiesOf } from '../copies/index.ts';
import type { BeginInput, IndexRecord, JsonObject, State } from '../state/index.ts';
import { indexAlreadyExists, indexNotFound, primaryKeyExists } from './errors.ts';
import { giveNameUp, wasOurs } from './former-names.ts';
import { makeIndex, touchedShards } from './index-record.ts';
import {
  emptyPlan,
  failing,
  headIndex,
  NO_STEPS,
  type Place,
  type Planned,
  refuseIfDown,
  type WritePlan,
} from './plan.ts';
import { planIndexUpdate, planSwap } from './plan-names.ts';
import { planCancel, planCompaction, planDelete } from './plan-tasks.ts';
import { creationSteps, deletionSteps, type StepPlan, settingsSteps } from './steps.ts';

/** A node that does not answer for this long is not counted on by writes that begin. */
export const DOWN_MS = 1_000;

/** Plans a write and moves the head. */
export function planWrite(state: State, input: BeginInput, place: Place): Planned {
  switch (input.kind) {
    case 'documentsReplace':
    case 'documentsUpdate':
      return planAddition(state, input, place);
    case 'documentsDeleteById':
    case 'documentsDeleteByFilter':
    case 'documentsDeleteAll':
    case 'documentsEdit':
      return planChange(state, input);
    case 'indexCreate':
      return planCreation(state, input, place);
    case 'indexDelete':
      return planDeletion(state, input);
    case 'indexUpdate':
      return planIndexUpdate(state, input);
    case 'indexSwap':
      return planSwap(state, input);
    case 'settingsUpdate':
      return planSettings(state, input, place);
    case 'indexCompact':
      return planCompaction(state, input);
    case 'tasksCancel':
      return planCancel(state, input, place.seq);
    case 'tasksDelete':
      return planDelete(state, input);
    default:
      return assertNever(input.kind);
  }
}

function planAddition(state: State, input: BeginInput, place: Place): Planned {
  const uid = input.indexUid;
  const names = [uid];
  const known = headIndex(state, uid);
  if (known === undefined) {
    if (!input.mayCreateIndex) return failing(names, input.failure ?? indexNotFound(uid));
    if (input.failure !== null && !input.failureCreatesIndex) return failing(names, input.failure);
    return planFirstDocuments(state, input, place);
  }
  const { primaryKey } = known;
  if (primaryKey !== null && input.primaryKey !== null && input.primaryKey !== primaryKey) {
    if (input.isPrimaryKeyExplicit) return failing(names, primaryKeyExists(primaryKey));
    return { kind: 'otherPrimaryKey', primaryKey };
  }
  if (input.failure !== null) return failing(names, input.failure);
  const shares = documentShares(state, known, input);
  const refused = refuseIfDown(state, known, shares.shards);
  if (refused !== undefined) return refused;
  if (primaryKey === null && input.primaryKey !== null) {
    known.primaryKey = input.primaryKey;
    state.touchIndex(known);
  }
  return { kind: 'write', plan: emptyPlan(names, { ...shares, indexId: known.id }) };
}

/** The first write makes the index and its settings on all owner nodes, under the same place. */
function planFirstDocuments(state: State, input: BeginInput, place: Place): Planned {
  const index = makeIndex(state, {
    id: place.freshIndexId,
    uid: input.indexUid,
    at: place.enqueuedAt,
  });
  const refused = refuseIfDown(state, index);
  if (refused !== undefined) return refused;
  const primaryKey = input.failure === null ? input.primaryKey : null;
  index.primaryKey = primaryKey;
  addToHead(state, index, input.indexUid);
  const shares =
    input.failure === null ? documentShares(state, index, input) : { scope: 'none' as const };
  return {
    kind: 'write',
    plan: emptyPlan([input.indexUid], {
      ...shares,
      indexId: index.id,
      createsIndex: true,
      ground: creationSteps(index, input.indexUid, {
        primaryKey,
        isGround: true,
        isNameOld: wasOurs(state, input.indexUid),
      }),
      error: input.failure,
    }),
  };
}

function planChange(state: State, input: BeginInput): Planned {
  const names = [input.indexUid];
  const known = headIndex(state, input.indexUid);
  if (known === undefined) return failing(names, indexNotFound(input.indexUid));
  if (input.failure !== null) return failing(names, input.failure);
  const shares = documentShares(state, known, input);
  const refused = refuseIfDown(state, known, shares.shards);
  if (refused !== undefined) return refused;
  return { kind: 'write', plan: emptyPlan(names, { ...shares, indexId: known.id }) };
}

function planCreation(state: State, input: BeginInput, place: Place): Planned {
  const uid = input.indexUid;
  if (headIndex(state, uid) !== undefined) return failing([uid], indexAlreadyExists(uid));
  const index = makeIndex(state, { id: place.freshIndexId, uid, at: place.enqueuedAt });
  const refused = refuseIfDown(state, index);
  if (refused !== undefined) return refused;
  const body = isObject(input.body) ? input.body : {};
  const primaryKey = typeof body['primaryKey'] === 'string' ? body['primaryKey'] : null;
  index.primaryKey = primaryKey;
  addToHead(state, index, uid);
  return {
    kind: 'write',
    plan: emptyPlan([uid], {
      scope: 'index',
      indexId: index.id,
      createsIndex: true,
      ground: creationSteps(index, uid, {
        primaryKey,
        isGround: false,
        isNameOld: wasOurs(state, uid),
      }),
    }),
  };
}

function planDeletion(state: State, input: BeginInput): Planned {
  const uid = input.indexUid;
  const known = headIndex(state, uid);
  if (known === undefined) return failing([uid], indexNotFound(uid));
  state.head.delete(uid);
  giveNameUp(state, uid);
  state.touchIndex(known);
  known.headUid = null;
  return {
    kind: 'write',
    plan: emptyPlan([uid], {
      scope: 'index',
      indexId: known.id,
      ground: deletionSteps(known, uid),
    }),
  };
}

function planSettings(state: State, input: BeginInput, place: Place): Planned {
  const uid = input.indexUid;
  const change: JsonObject = isObject(input.body) ? input.body : {};
  let index = headIndex(state, uid);
  const isNew = index === undefined;
  if (index === undefined) {
    if (!input.mayCreateIndex) return failing([uid], indexNotFound(uid));
    index = makeIndex(state, { id: place.freshIndexId, uid, at: place.enqueuedAt });
    const refused = refuseIfDown(state, index);
    if (refused !== undefined) return refused;
    addToHead(state, index, uid);
  }
  const creation = isNew
    ? creationSteps(index, uid, {
        primaryKey: null,
        isGround: true,
        isNameOld: wasOurs(state, uid),
      })
    : NO_STEPS;
  index.pending.push({ seq: place.seq, change });
  state.touchIndex(index);
  return {
    kind: 'write',
    plan: emptyPlan([uid], {
      scope: 'index',
      indexId: index.id,
      createsIndex: isNew,
      change,
      ground: joinSteps(creation, settingsSteps(index, uid, change)),
    }),
  };
}

function documentShares(
  state: State,
  index: IndexRecord,
  input: BeginInput,
): Pick<WritePlan, 'scope' | 'shards' | 'targets'> {
  if (input.touchesAllShards) {
    const shards = touchedShards(index, undefined);
    return { scope: 'all', shards, targets: chooseTargets(state, index, { input, shards }) };
  }
  if (input.keyHashes.length === 0) return { scope: 'none', shards: [], targets: new Map() };
  const shards = touchedShards(index, input.keyHashes);
  return { scope: 'keys', shards, targets: chooseTargets(state, index, { input, shards }) };
}

/**
 * Node -> those of the shards of which its copy takes the write. A copy that is being filled takes only what
 * does not depend on what it holds: whole documents and deletions, both by id.
 */
function chooseTargets(
  state: State,
  index: IndexRecord,
  write: { readonly input: BeginInput; readonly shards: readonly number[] },
): Map<string, number[]> {
  const { input, shards } = write;
  const isWhole = input.kind === 'documentsReplace' && !input.skipsCreation;
  const fitsFilling = !input.touchesAllShards && (isWhole || input.kind === 'documentsDeleteById');
  const targets = new Map<string, number[]>();
  for (const shard of shards) {
    const copies = copiesOf(index, shard);
    const isCounting = copies.map(({ state: copy }) => copy === 'in-sync' || copy === 'held');
    const hasUp = copies.some(({ nodeId }, at) => isCounting[at] && !state.downNodes.has(nodeId));
    for (const [at, { nodeId, state: copy }] of copies.entries()) {
      const isAway = hasUp && state.nowMs - (state.downNodes.get(nodeId) ?? state.nowMs) >= DOWN_MS;
      const takes = isCounting[at] ? !isAway : copy === 'filling' && fitsFilling;
      if (!takes) continue;
      const known = targets.get(nodeId);
      if (known === undefined) targets.set(nodeId, [shard]);
      else known.push(shard);
    }
  }
  return targets;
}

function addToHead(state: State, index: IndexRecord, uid: string): void {
  state.indexes.set(index.id, index);
  state.head.set(uid, index.id);
  state.touchIndex(index);
}

function joinSteps(first: StepPlan, second: StepPlan): StepPlan {
  const shift = first.bodies.length;
  return {
    bodies: [...first.bodies, ...second.bodies],
    steps: [
      ...first.steps,
      ...second.steps.map((step) => ({
        ...step,
        body: step.body < 0 ? step.body : step.body + shift,
      })),
    ],
  };
}
