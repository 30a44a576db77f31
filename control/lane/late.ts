/**
 * Tasks that should not be there (rule 12 of docs/protocol.md): of a send that was taken as never arrived, of
 * a node that is no target, or the same part twice. The copies it touches may hold what is in no order with
 * the rest, so they count no more and its documents are written anew.
 */
import { asMissed, demote, isLate, type MissedWrite, shardsOn } from '../copies/index.ts';
import {
  type IndexRecord,
  markOf,
  type NodeRecord,
  type OpenIntent,
  type State,
  type TailTask,
} from '../state/index.ts';
import { doubtIndexes } from './excuse.ts';
import { expectTask } from './lost-data.ts';
import { noteTouchedLast } from './touched-last.ts';

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
  const { nodeId, found, tag } = late;
  expectTask(state, found.uid, { seq: tag.seq, nodeId, step: null, part: null }, markOf(found));
  const node = state.cluster.nodes.find(({ id }) => id === nodeId);
  if (node !== undefined) {
    doubtNames(state, node);
    node.lateUids = [...(node.lateUids ?? []), found.uid];
    state.touchCluster();
  }
  const indexes = indexesOf(state, late);
  if (indexes.length === 0) {
    const words = `a task of a write that is over came late to ${nodeId}, for an index that is gone`;
    state.emit({ kind: 'alarm', words, seq: tag.seq });
    return;
  }
  for (const index of indexes) takeOut(state, late, index);
}

/**
 * Documents make their index on a node: one that was deleted, has another name by now, or is kept on other
 * nodes. What is there once the task has ended is looked through; where names are being removed already, that
 * follows by itself, and their removal must not be forgotten.
 */
function doubtNames(state: State, node: NodeRecord): void {
  if (!Array.isArray(node.leftovers)) doubtIndexes(state, node);
}

/** Late tasks are kept with their node, so that the next leader waits for them as well, until they have ended. */
export function forgetEndedLate(state: State, node: NodeRecord): void {
  if (node.lateUids === undefined) return;
  const ofNode = state.outstanding.get(node.id);
  const left = node.lateUids.filter((uid) => {
    const reference = ofNode?.get(uid);
    return reference !== undefined && isLate(reference);
  });
  if (left.length === node.lateUids.length) return;
  if (left.length > 0) node.lateUids = left;
  else delete node.lateUids;
  state.touchCluster();
}

function takeOut(state: State, late: LateTask, index: IndexRecord): void {
  const { nodeId, tag, open } = late;
  const placed = new Set(shardsOn(index, nodeId));
  // What it brings is known only of a write that is open, and only if the name still means its index.
  const isKnown = open !== undefined && open.intent.indexId === index.id;
  const shards = isKnown ? open.intent.shards : [...placed];
  const missed: MissedWrite =
    open === undefined ? { seq: Math.max(tag.seq, 0), hashes: null } : asMissed(open);
  const isForeign = isKnown
    ? shards.some((shard) => !placed.has(shard)) && open.intent.targets[nodeId] === undefined
    : placed.size < index.shardCount;
  if (isForeign) flagForeign(state, index, nodeId);
  let lastCount = 0;
  for (const shard of shards) {
    if (!placed.has(shard)) continue;
    const reason = `a task of write ${tag.seq} came late`;
    const copy = { index, shard, nodeId };
    if (demote(state, copy, { to: 'behind', reason, missed })) continue;
    noteTouchedLast(state, copy, { missed, reason: `a task came late to ${nodeId}` });
    lastCount += 1;
  }
  if (lastCount === 0) return;
  const words = `a task came late to ${nodeId}, which holds the last copy of ${lastCount} shards in sync`;
  state.emit({ kind: 'alarm', words, seq: tag.seq });
}

/** Where names are being exchanged it depends on the node's queue which index the task meets: all of them. */
function indexesOf(state: State, late: LateTask): IndexRecord[] {
  const uid = late.found.indexUid ?? '';
  const ids = new Set([state.head.get(uid), state.visible.get(uid), late.open?.intent.indexId]);
  for (const seq of state.barriersByName.get(uid) ?? []) {
    for (const swap of state.open.get(seq)?.intent.swaps ?? []) {
      if (swap.left !== uid && swap.right !== uid) continue;
      ids.add(swap.leftId).add(swap.rightId);
    }
  }
  return [...ids].flatMap((id) => state.indexes.get(id ?? '') ?? []);
}

/** A node may hold documents of shards it owns no copy of: it is asked with a filter until they are purged. */
function flagForeign(state: State, index: IndexRecord, nodeId: string): void {
  if (index.foreignNodeIds.includes(nodeId)) return;
  index.foreignNodeIds = [...index.foreignNodeIds, nodeId];
  state.touchIndex(index);
}
