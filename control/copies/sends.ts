/** What is under way to a copy, and how far a copy is in the lane. */
import type { IndexRecord, OpenIntent, State, Target } from '../state/index.ts';
import { type CopyPlace, isInSync } from './copy.ts';
import { notesOf } from './notes.ts';

/** What a target has come to: `open` while its sends or its tasks are. */
export function resultOf(target: Target): 'open' | 'ok' | 'failed' | 'lost' | 'absent' {
  if (target.isLost) return 'lost';
  if (target.state === 'pending' || target.state === 'unknown') return 'open';
  if (target.state === 'refused' || target.state === 'none') return 'absent';
  const parts = Object.values(target.parts);
  // One that failed says what it comes to, and not when: the others change the copy as long as they last.
  if (isUnfinished(target)) return 'open';
  if (!parts.every(({ task }) => task?.status === 'succeeded')) return 'failed';
  // Parts of it are missing for good, whatever became of those that arrived.
  return target.state === 'partial' ? 'failed' : 'ok';
}

/** Whether the node failed some part of it, whatever is known of the others. */
export function hasFailedPart(target: Target): boolean {
  return Object.values(target.parts).some(
    ({ task }) => task?.status === 'failed' || task?.status === 'canceled',
  );
}

/** Whether it is open if all parts of a target are in the node's queue. */
export function isUnanswered(target: Target): boolean {
  return target.state === 'pending' || target.state === 'unknown';
}

/** Whether the node may still work on some part of a target. */
export function isUnfinished(target: Target): boolean {
  if (target.isLost) return false;
  if (isUnanswered(target)) return true;
  return Object.values(target.parts).some(
    ({ task }) => task === null || task.status === 'processing',
  );
}

/** Open intents that touch the shard, in lane order. */
export function* openOnShard(
  state: State,
  index: IndexRecord,
  shard: number,
): Generator<OpenIntent> {
  for (const seq of state.openByIndex.get(index.id) ?? []) {
    const open = state.open.get(seq);
    if (open?.intent.shards.includes(shard)) yield open;
  }
}

/** Open intents with a share for this copy. */
export function* openOnCopy(
  state: State,
  copy: CopyPlace,
): Generator<{ readonly open: OpenIntent; readonly target: Target }> {
  for (const open of openOnShard(state, copy.index, copy.shard)) {
    const target = open.intent.targets[copy.nodeId];
    if (target?.shards.includes(copy.shard)) yield { open, target };
  }
}

/** Intents whose send to this copy is not accounted for: pending or unknown. */
export function openSendsOn(state: State, copy: CopyPlace): OpenIntent[] {
  return [...openOnCopy(state, copy)]
    .filter(({ target }) => isUnanswered(target))
    .map(({ open }) => open);
}

/** Whether some send to this copy is unknown. */
export function hasUnknownSend(state: State, copy: CopyPlace): boolean {
  for (const { target } of openOnCopy(state, copy)) {
    if (target.state === 'unknown') return true;
  }
  return false;
}

/**
 * The place in the lane up to which an in-sync copy has applied every client's write to its shard that
 * counts: each is out, applied there, or older than its time as an in-sync copy. -1 if the copy does not
 * count. At most the head of the lane.
 */
export function appliedUpTo(state: State, copy: CopyPlace): number {
  if (!isInSync(copy.index, copy.shard, copy.nodeId)) return -1;
  const since = notesOf(state, copy)?.since ?? -1;
  for (const { intent } of openOnShard(state, copy.index, copy.shard)) {
    if (intent.internal !== null || intent.seq <= since) continue;
    const target = intent.targets[copy.nodeId];
    const isOwn = target?.shards.includes(copy.shard) === true;
    const isOut = intent.outcomes[intent.shards.indexOf(copy.shard)] === 'out';
    // Some parts of one that counts nowhere may still be in the queue.
    if (isOut && !(isOwn && isUnfinished(target))) continue;
    const isApplied = isOwn && resultOf(target) === 'ok';
    if (!isApplied) return intent.seq - 1;
  }
  return headOf(state);
}

/** The last place in the lane that is taken; -1 before the first. */
export function headOf(state: State): number {
  return state.nextSeq - 1;
}

/** Lowest task uid of a node whose end is not known; undefined if there is none. */
export function lowestOpenUid(state: State, nodeId: string): number | undefined {
  let lowest: number | undefined;
  for (const uid of state.outstanding.get(nodeId)?.keys() ?? []) {
    if (lowest === undefined || uid < lowest) lowest = uid;
  }
  return lowest;
}
