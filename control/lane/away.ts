/**
 * Nodes that are away (rule 14 of docs/protocol.md). After a while their copies with unfinished writes count
 * no more, if another copy does, so that no task waits for a dead node; and calls of control to them are
 * left out where every shard has a copy elsewhere: what the index missed there is noted and made up for
 * before any copy on it is filled. A cancelation is left out there once all that it is about has ended.
 */
import {
  type CopyPlace,
  demote,
  inSyncOf,
  isInSync,
  isUnfinished,
  noteEverything,
  resultOf,
  shardsOn,
} from '../copies/index.ts';
import type { IndexRecord, Intent, OpenIntent, State, Step } from '../state/index.ts';
import { awaitsOthers } from '../tasks/index.ts';

/** A node that does not answer for this long is not waited for. */
export const AWAY_MS = 5_000;

/** Whether a node has been down for at least this long, in milliseconds. */
export function isAway(state: State, nodeId: string, forMs: number): boolean {
  const since = state.downNodes.get(nodeId);
  return since !== undefined && state.nowMs >= since + forMs;
}

/** Whether some other copy of the shard counts, on a node that answers. */
export function hasOtherUp(state: State, copy: CopyPlace): boolean {
  return inSyncOf(copy.index, copy.shard).some(
    (nodeId) => nodeId !== copy.nodeId && !state.downNodes.has(nodeId),
  );
}

/** Lets go of nodes that are away; gives the intents that may move by that. */
export function passAway(state: State): number[] {
  const moved: number[] = [];
  for (const nodeId of state.downNodes.keys()) {
    if (!isAway(state, nodeId, AWAY_MS)) continue;
    for (const open of state.open.values()) {
      if (open.intent.internal !== null) continue;
      const isMoved = [
        skipSteps(state, open.intent, nodeId),
        skipCancelation(state, open.intent, nodeId),
        dropCopies(state, open, nodeId),
      ];
      if (isMoved.includes(true)) moved.push(open.intent.seq);
    }
  }
  return moved;
}

function dropCopies(state: State, open: OpenIntent, nodeId: string): boolean {
  const { intent } = open;
  const target = intent.targets[nodeId];
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined || index.copiesPerShard === 1) return false;
  if (target === undefined || !isUnfinished(target) || intent.phase === 'waiting') return false;
  let isMoved = false;
  for (const shard of target.shards) {
    const copy = { index, shard, nodeId };
    if (!isInSync(index, shard, nodeId) || !hasOtherUp(state, copy)) continue;
    if (resultOf(target) !== 'open') continue;
    isMoved =
      demote(state, copy, { to: 'behind', reason: 'its node is away', missed: null }) || isMoved;
  }
  return isMoved;
}

/**
 * Leaves out the calls of control to a node that is away, if the index does without it; true if it did. Only
 * what can be made up for: settings, and making an index; names are changed on every node or not at all.
 */
export function skipSteps(state: State, intent: Intent, nodeId: string): boolean {
  const isSkippable =
    intent.kind === 'settingsUpdate' || intent.kind === 'indexCreate' || intent.createsIndex;
  const index = state.indexes.get(intent.indexId ?? '');
  if (!isSkippable || index === undefined) return false;
  const steps = unfinishedOn(intent, nodeId);
  if (steps.length === 0 || !isCoveredWithout(state, index, nodeId)) return false;
  for (const step of steps) step.state = 'skipped';
  const need = intent.createsIndex || index.needs[nodeId] === 'rebuild' ? 'rebuild' : 'settings';
  index.needs = { ...index.needs, [nodeId]: need };
  state.touchIndex(index);
  state.touchIntent(intent);
  for (const shard of shardsOn(index, nodeId)) {
    const copy = { index, shard, nodeId };
    const missed = { seq: intent.seq, hashes: null };
    demote(state, copy, { to: 'behind', reason: 'its node is away', missed });
    if (need === 'rebuild') noteEverything(state, copy);
  }
  return true;
}

/**
 * A write that ended without the node left a copy there that counts no more, so it does not matter which of
 * its tasks the node still does. One that waits for the node may yet be cancelled on it.
 */
function skipCancelation(state: State, intent: Intent, nodeId: string): boolean {
  if (intent.kind !== 'tasksCancel' || awaitsOthers(state, intent)) return false;
  const steps = unfinishedOn(intent, nodeId);
  if (steps.length === 0) return false;
  for (const step of steps) step.state = 'skipped';
  state.touchIntent(intent);
  return true;
}

function unfinishedOn(intent: Intent, nodeId: string): Step[] {
  return intent.steps.filter(
    (step) => step.nodeId === nodeId && (step.state === 'unsent' || isQueued(step)),
  );
}

function isQueued(step: Step): boolean {
  return step.state === 'enqueued' && (step.task === null || step.task.status === 'processing');
}

/** Whether every shard with a copy on the node has one that counts on another that answers. */
export function isCoveredWithout(state: State, index: IndexRecord, nodeId: string): boolean {
  if (index.copiesPerShard === 1) return false;
  return shardsOn(index, nodeId).every((shard) => hasOtherUp(state, { index, shard, nodeId }));
}
