/** An index with every shard and copy, and why a document lives where it does. Pure. */
import { hashPrimaryKey, scoreNodes, shardOf } from '../../../core/placement/index.ts';
import type { CopyState as State_ } from '../../../core/topology.ts';
import type { IndexId, NodeId } from '../../../core/types.ts';
import { CopyState } from '../../../proto/gen/miroir/admin/v1/common.ts';
import type {
  CopyLag,
  CopyStatus,
  ExplainPlacementResponse,
  PlacementScore,
  ShardStatus,
} from '../../../proto/gen/miroir/admin/v1/indexes.ts';
import { type CopyPlace, copiesOf, headOf, notesOf, stateOf } from '../../copies/index.ts';
import { jobId } from '../../jobs/index.ts';
import { type IndexRecord, pairKey, type State } from '../../state/index.ts';

const STATES: Readonly<Record<State_, CopyState>> = {
  'in-sync': CopyState.IN_SYNC,
  behind: CopyState.BEHIND,
  suspect: CopyState.SUSPECT,
  filling: CopyState.FILLING,
  leaving: CopyState.LEAVING,
  held: CopyState.HELD,
};

/** The shards of an index, ascending; all, or those that are asked for. */
export function shardStatuses(
  state: State,
  index: IndexRecord,
  shards: readonly number[],
): ShardStatus[] {
  const all = Array.from({ length: index.shardCount }, (_, shard) => shard);
  const wanted = shards.length === 0 ? all : [...new Set(shards)].sort((a, b) => a - b);
  const groups = new Map(state.cluster.nodes.map(({ id, group }) => [id, group]));
  return wanted.map((shard) => ({
    shard,
    copies: copiesOf(index, shard).map(({ nodeId, state: copyState }) =>
      copyStatus(state, { index, shard, nodeId }, { copyState, group: groups.get(nodeId) ?? 0 }),
    ),
  }));
}

function copyStatus(
  state: State,
  copy: CopyPlace,
  { copyState, group }: { readonly copyState: State_; readonly group: number },
): CopyStatus {
  const isCounting = copyState === 'in-sync';
  const job = state.jobs.records.get(
    state.jobs.ofPair.get(pairKey(copy.index.id, copy.nodeId)) ?? -1,
  );
  const lag = lagOf(state, copy);
  return {
    nodeId: copy.nodeId,
    group,
    state: STATES[copyState],
    reason: isCounting ? '' : (notesOf(state, copy)?.reason ?? ''),
    jobId: job === undefined || isCounting ? '' : jobId(job),
    documentCount: undefined,
    lag,
  };
}

/** What a copy may have missed, as far as it is noted. */
function lagOf(state: State, copy: CopyPlace): CopyLag | undefined {
  const copyState = stateOf(copy.index, copy.shard, copy.nodeId);
  if (copyState === 'in-sync' || copyState === 'held') return undefined;
  const notes = notesOf(state, copy);
  if (notes === undefined) return undefined;
  const places = [notes.from, notes.fill?.from ?? null, notes.again?.low ?? null];
  const known = places.filter((place) => place !== null);
  if (known.length === 0 && notes.reread.size === 0) return undefined;
  const head = headOf(state);
  const from = known.length === 0 ? head + 1 : Math.max(0, Math.min(...known));
  return {
    fromSeq: BigInt(from),
    writeCount: BigInt(Math.max(0, head - from + 1)),
    rereadCount: BigInt(notes.reread.size),
    comparesAll: notes.isKeyless || notes.fill?.isKeyless === true || notes.again !== null,
  };
}

/** Where a document lives, and how that follows from its identifier. */
export function explainPlacement(
  state: State,
  of: { readonly uid: string; readonly index: IndexRecord; readonly primaryKey: string },
): ExplainPlacementResponse {
  const { uid, index, primaryKey } = of;
  const hash = hashPrimaryKey(primaryKey);
  const shard = shardOf(hash, index.shardCount);
  const owners = new Map(copiesOf(index, shard).map((copy) => [copy.nodeId, copy.state]));
  const groups = new Map<number, { id: NodeId; weight: number; group: number }[]>();
  for (const { id, weight, group } of state.cluster.nodes) {
    const known = groups.get(group) ?? [];
    known.push({ id: id as NodeId, weight, group });
    groups.set(group, known);
  }
  const scores = [...groups.values()].flatMap((nodes) =>
    scoreNodes(index.id as IndexId, shard, nodes).map(({ node, score }, at): PlacementScore => {
      const copyState = owners.get(node.id);
      return {
        nodeId: node.id,
        group: node.group,
        weight: node.weight,
        score,
        rank: at + 1,
        isOwner: copyState !== undefined,
        copyState: copyState === undefined ? CopyState.UNSPECIFIED : STATES[copyState],
      };
    }),
  );
  scores.sort(
    (left, right) =>
      Number(right.isOwner) - Number(left.isOwner) ||
      left.group - right.group ||
      left.rank - right.rank,
  );
  const hex = hash.toString(16).padStart(16, '0');
  return {
    indexUid: uid,
    indexId: index.id,
    primaryKeyHash: hex,
    shard,
    shardCount: index.shardCount,
    scores,
    explanation: explain({ index, primaryKey, hex, shard }),
  };
}

function explain(of: {
  readonly index: IndexRecord;
  readonly primaryKey: string;
  readonly hex: string;
  readonly shard: number;
}): string {
  const { index, primaryKey, hex, shard } = of;
  const bits = Math.log2(index.shardCount);
  const low = bits === 0 ? 'there is one shard' : `its lowest ${bits} bits are shard ${shard}`;
  return `xxh3-64 of "${primaryKey}" is ${hex}; ${low} of ${index.shardCount}. Owners were chosen when the index was made: in each group the best ${index.copiesPerShard === 1 ? 'node' : 'nodes'} by weighted rendezvous (-weight / ln(h), h from index id, shard and node id) that were not full.`;
}
