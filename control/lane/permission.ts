/**
 * The permission of a write: given when no earlier conflicting one can come after it on a copy that counts,
 * and only for the copies that count then (rules 2 and 3 of docs/protocol.md).
 */
import {
  asMissed,
  copiesOf,
  demote,
  hasOtherCopies,
  isUnanswered,
  note,
  notePassed,
  noteWhileFilling,
  slotOf,
  stateOf,
} from '../copies/index.ts';
import type { BeginReply, IndexRecord, Intent, OpenIntent, State } from '../state/index.ts';
import { conflicts, shardSetOf } from './conflicts.ts';

/** Notes a write that begins on every copy of its shards that it does not go to. */
export function noteUntouched(state: State, open: OpenIntent): void {
  const { intent } = open;
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined || index.copiesPerShard === 1 || intent.shards.length === 0) return;
  for (const shard of intent.shards) {
    for (const { nodeId, state: copyState } of copiesOf(index, shard)) {
      if (intent.targets[nodeId]?.shards.includes(shard)) continue;
      const copy = { index, shard, nodeId };
      const missed = asMissed(open);
      if (copyState === 'filling') noteWhileFilling(state, copy, missed);
      else if (copyState === 'behind' || copyState === 'suspect') notePassed(state, copy, missed);
      else if (copyState !== 'leaving') {
        demote(state, copy, { to: 'behind', reason: 'its node is away', missed });
      }
    }
  }
}

/**
 * Earlier conflicting writes whose send to a copy that does not count is not accounted for may land there
 * after this one: both are noted as missed on that copy.
 */
export function notePassedOver(state: State, open: OpenIntent): void {
  const { intent } = open;
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined || !hasOtherCopies(index)) return;
  for (const seq of state.openByIndex.get(index.id) ?? []) {
    const earlier = state.open.get(seq);
    if (earlier === undefined || earlier === open || !isBefore(earlier, open)) continue;
    if (!Object.values(earlier.intent.targets).some(isUnanswered)) continue;
    if (!conflicts(open, earlier)) continue;
    noteBoth(state, { open, earlier, index });
  }
}

function noteBoth(
  state: State,
  pair: { readonly open: OpenIntent; readonly earlier: OpenIntent; readonly index: IndexRecord },
): void {
  const { open, earlier, index } = pair;
  const shards = shardSetOf(open);
  for (const [nodeId, target] of Object.entries(earlier.intent.targets)) {
    if (!isUnanswered(target)) continue;
    for (const shard of target.shards) {
      const copyState = stateOf(index, shard, nodeId);
      if (!shards.has(shard) || (copyState !== 'behind' && copyState !== 'suspect')) continue;
      const copy = { index, shard, nodeId };
      note(state, copy, asMissed(earlier));
      if (open.intent.internal === null) note(state, copy, asMissed(open));
    }
  }
}

/** Order in the lane: internal steps stand behind the client's write they follow. */
export function isBefore(left: OpenIntent, right: OpenIntent): boolean {
  const [a, b] = [left.intent, right.intent];
  const [placeA, placeB] = [a.internal?.after ?? a.seq, b.internal?.after ?? b.seq];
  if (placeA !== placeB) return placeA < placeB;
  return (a.internal?.number ?? 0) < (b.internal?.number ?? 0);
}

/** Takes the copies out that count no more since the write began. */
export function retarget(state: State, open: OpenIntent): void {
  const { intent } = open;
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined || !hasOtherCopies(index)) return;
  for (const [nodeId, target] of Object.entries(intent.targets)) {
    const kept = target.shards.filter((shard) => {
      const copyState = stateOf(index, shard, nodeId);
      if (copyState === 'in-sync' || copyState === 'held' || copyState === 'filling') return true;
      if (copyState === 'behind' || copyState === 'suspect') {
        notePassed(state, { index, shard, nodeId }, asMissed(open));
      }
      return false;
    });
    if (kept.length === target.shards.length) continue;
    target.shards = kept;
    if (kept.length === 0) delete intent.targets[nodeId];
    state.touchIntent(intent);
  }
}

/**
 * The answer that carries the permission: the targets as of now. `standsWhenTaken` is only ever true of the
 * permission as it is given.
 */
export function grantReply(state: State, intent: Intent, standsWhenTaken: boolean): BeginReply {
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (index === undefined) {
    return { kind: 'settled', seq: intent.seq, enqueuedAt: intent.enqueuedAt };
  }
  return {
    kind: 'grant',
    seq: intent.seq,
    enqueuedAt: intent.enqueuedAt,
    indexId: index.id,
    primaryKey: index.primaryKey,
    shardCount: index.shardCount,
    nodeIds: index.nodeIds,
    copiesPerShard: index.copiesPerShard,
    targets: targetTable(index, intent),
    tag: tagOf(state, intent),
    standsWhenTaken,
  };
}

/** What every call of a write to a node is tagged with, before the number of the part. */
export function tagOf(state: State, intent: Intent): string {
  return `m1.${state.cluster.clusterId}.${intent.internal?.number ?? intent.seq}`;
}

/** The owner table with only the copies that take this write. */
function targetTable(index: IndexRecord, intent: Intent): Buffer {
  const table = Buffer.alloc(index.owners.length, 0xff);
  for (const [nodeId, target] of Object.entries(intent.targets)) {
    const place = index.nodeIds.indexOf(nodeId);
    for (const shard of target.shards) {
      const slot = slotOf(index, shard, nodeId);
      if (slot >= 0) table.writeUInt16LE(place, slot * 2);
    }
  }
  return table;
}
