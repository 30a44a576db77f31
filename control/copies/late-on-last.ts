/**
 * Late tasks on the last in-sync copy of a shard. It goes on to count, whatever they did to it; but when a
 * copy that was only suspect counts again, that one is untouched and the other gives way. A copy that is
 * filled meanwhile takes over what the last one holds, so nothing is left to be remembered.
 */
import type { State, TaskReference } from '../state/index.ts';
import { type CopyPlace, copiesOf, copyKey } from './copy.ts';
import { type MissedWrite, note } from './notes.ts';

/** Remembers a late task on a copy that cannot be demoted. */
export function rememberLate(state: State, copy: CopyPlace, missed: MissedWrite): void {
  const key = copyKey(copy.index.id, copy.shard, copy.nodeId);
  const known = state.lateOnLast.get(key);
  const isBoth = known !== undefined && known.hashes !== null && missed.hashes !== null;
  const hashes = isBoth ? Buffer.concat([known.hashes, missed.hashes]) : missed.hashes;
  state.lateOnLast.set(key, {
    seq: Math.min(known?.seq ?? missed.seq, missed.seq),
    hashes: known !== undefined && known.hashes === null ? null : hashes,
  });
}

/** Copies of the shard with late tasks that could not be demoted; they are forgotten. */
export function takeLate(
  state: State,
  shardOf: Pick<CopyPlace, 'index' | 'shard'>,
): { readonly copy: CopyPlace; readonly missed: MissedWrite }[] {
  if (state.lateOnLast.size === 0) return [];
  return copiesOf(shardOf.index, shardOf.shard).flatMap(({ nodeId }) => {
    const key = copyKey(shardOf.index.id, shardOf.shard, nodeId);
    const missed = state.lateOnLast.get(key);
    if (missed === undefined) return [];
    state.lateOnLast.delete(key);
    return [{ copy: { ...shardOf, nodeId }, missed }];
  });
}

/** A copy that goes behind misses what came late to the one it will be filled from. */
export function noteLate(state: State, copy: CopyPlace): void {
  if (state.lateOnLast.size === 0) return;
  for (const { nodeId } of copiesOf(copy.index, copy.shard)) {
    const missed = state.lateOnLast.get(copyKey(copy.index.id, copy.shard, nodeId));
    if (missed !== undefined) note(state, copy, missed);
  }
}

/** Whether a node may still work on a task that came late. */
export function hasLateTasks(state: State, nodeId: string): boolean {
  for (const reference of state.outstanding.get(nodeId)?.values() ?? []) {
    if (isLate(reference)) return true;
  }
  return false;
}

/** Whether a task came late: it is only waited for. */
export function isLate({ step, part }: Pick<TaskReference, 'step' | 'part'>): boolean {
  return step === null && part === null;
}
