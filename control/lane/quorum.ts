/**
 * Whether a write stands, and what it missed. When its sends are settled every copy that counts has it, so a
 * shard stands if enough of them do: at least `min_copies`, and with a fixed quorum also more than half of
 * the replication factor inside one group.
 */
import { type CopyPlace, copiesOf, isInSync, isShrinkConfirmed } from '../copies/index.ts';
import type { IndexRecord, Intent, MissedCopies, OpenIntent, State } from '../state/index.ts';

/** What may be said of a write: nothing yet, that it stands, or why it does not. */
export type Standing = 'open' | 'unconfirmed' | 'stands' | 'out' | 'noQuorum';

/** Judges the write as of now. */
export function standingOf(state: State, open: OpenIntent): Standing {
  const { intent } = open;
  if (intent.outcomes.includes('open')) return 'open';
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined) return intent.outcomes.includes('out') ? 'out' : 'stands';
  if (isMissing(intent, index)) return 'out';
  if (!isShrinkConfirmed(state, index, intent.shards)) return 'unconfirmed';
  const { minCopies, quorum } = state.placement;
  if (minCopies === 1 && quorum === 'in_sync') return 'stands';
  const hasAll = intent.shards.every((shard) => {
    const nodeIds = copiesOf(index, shard).map(({ nodeId }) => nodeId);
    return isQuorum(
      state,
      nodeIds.filter((nodeId) => hasTaken(intent, { index, shard, nodeId })),
    );
  });
  return hasAll ? 'stands' : 'noQuorum';
}

/** Whether some shard's copies do not have it. Nodes that took it and failed it later are another matter. */
function isMissing(intent: Intent, index: IndexRecord): boolean {
  return intent.shards.some((shard, place) => {
    if (intent.outcomes[place] !== 'out') return false;
    return !copiesOf(index, shard).some(({ nodeId }) => hasTaken(intent, { index, shard, nodeId }));
  });
}

/** Whether these nodes are enough to take a write to one shard. */
export function isQuorum(state: State, nodeIds: readonly string[]): boolean {
  const { minCopies, quorum, replicationFactor } = state.placement;
  const groups = new Map<number, number>();
  for (const nodeId of nodeIds) {
    const group = state.cluster.nodes.find(({ id }) => id === nodeId)?.group ?? 0;
    groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  if (nodeIds.length < minCopies) return false;
  if (quorum === 'in_sync') return true;
  const needed = Math.floor(replicationFactor / 2) + 1;
  return [...groups.values()].some((count) => count >= needed);
}

function hasTaken(intent: Intent, { index, shard, nodeId }: CopyPlace): boolean {
  const target = intent.targets[nodeId];
  if (target?.state !== 'enqueued' || !target.shards.includes(shard)) return false;
  return isInSync(index, shard, nodeId);
}

/** Copies that missed a write that stands, by node. */
export function missedOf(state: State, intent: Intent): MissedCopies[] {
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined || index.copiesPerShard === 1) return [];
  const byNode = new Map<string, { shardCount: number; reason: MissedCopies['reason'] }>();
  for (const shard of intent.shards) {
    for (const { nodeId, state: copyState } of copiesOf(index, shard)) {
      if (copyState === 'leaving' || hasTaken(intent, { index, shard, nodeId })) continue;
      const known = byNode.get(nodeId);
      if (known !== undefined) known.shardCount += 1;
      else byNode.set(nodeId, { shardCount: 1, reason: reasonOf(state, intent, nodeId) });
    }
  }
  return [...byNode].map(([nodeId, missed]) => ({ nodeId, ...missed }));
}

function reasonOf(state: State, intent: Intent, nodeId: string): MissedCopies['reason'] {
  if (state.downNodes.has(nodeId)) return 'down';
  const target = intent.targets[nodeId];
  if (target?.state === 'unknown') return 'timeout';
  if (target === undefined || target.state === 'enqueued') return 'behind';
  return 'refused';
}
