/**
 * Tasks that should not be there (rule 12 of docs/protocol.md): of a send that was taken as never arrived, of
 * a node that is no target, or the same part twice. The copies it touches may hold what is in no order with
 * the rest, so they count no more and its documents are written anew.
 */
import { asMissed, demote, type MissedWrite, rememberLate, shardsOn } from '../copies/index.ts';
import type { IndexRecord, OpenIntent, State, TailTask } from '../state/index.ts';

/** A late task. */
export interface LateTask {
  readonly nodeId: string;
  readonly found: TailTask;
  readonly tag: { readonly seq: number; readonly part: number };
  /** Its intent, if that is not over. */
  readonly open: OpenIntent | undefined;
}

/** Takes a late task in. Its end is waited for before a copy there is filled. */
export function takeLateTask(state: State, late: LateTask): void {
  const { nodeId, found, tag, open } = late;
  state.expectTask(found.uid, { seq: tag.seq, nodeId, step: null, part: null }, found.tag);
  const index = indexOf(state, late);
  if (index === undefined) {
    const words = `a task of a write that is over came late to ${nodeId}, for an index that is gone`;
    state.emit({ kind: 'alarm', words, seq: tag.seq });
    return;
  }
  const placed = new Set(shardsOn(index, nodeId));
  const shards = open?.intent.shards ?? [...placed];
  const missed: MissedWrite =
    open === undefined ? { seq: Math.max(tag.seq, 0), hashes: null } : asMissed(open);
  if (shards.some((shard) => !placed.has(shard)) && open?.intent.targets[nodeId] === undefined) {
    flagForeign(state, index, nodeId);
  }
  let lastCount = 0;
  for (const shard of shards) {
    if (!placed.has(shard)) continue;
    const reason = `a task of write ${tag.seq} came late`;
    const copy = { index, shard, nodeId };
    if (demote(state, copy, { to: 'behind', reason, missed })) continue;
    rememberLate(state, copy, missed);
    lastCount += 1;
  }
  if (lastCount === 0) return;
  const words = `a task came late to ${nodeId}, which holds the last copy of ${lastCount} shards in sync`;
  state.emit({ kind: 'alarm', words, seq: tag.seq });
}

function indexOf(state: State, late: LateTask): IndexRecord | undefined {
  const known = late.open?.intent.indexId;
  if (known !== undefined) return state.indexes.get(known ?? '');
  const uid = late.found.indexUid ?? '';
  return state.indexes.get(state.head.get(uid) ?? state.visible.get(uid) ?? '');
}

/** A node may hold documents of shards it owns no copy of: it is asked with a filter until they are purged. */
function flagForeign(state: State, index: IndexRecord, nodeId: string): void {
  if (index.foreignNodeIds.includes(nodeId)) return;
  index.foreignNodeIds = [...index.foreignNodeIds, nodeId];
  state.touchIndex(index);
}
