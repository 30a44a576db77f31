/** Why copies are not in-sync: what is noted about them, put together by index, node and reason. */
import { COPY_STATES } from '../../core/topology.ts';
import type {
  CopyGroup,
  DescribeCopiesResponse,
} from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { copyKey, NO_COPY } from '../copies/index.ts';
import type { IndexRecord, State } from '../state/index.ts';
import { allUids } from './view-messages.ts';

const GROUPS_MAX = 1_000;
const IN_SYNC = COPY_STATES.indexOf('in-sync');

/** Describes all copies of all indexes that are not in-sync. */
export function describeCopies(state: State): DescribeCopiesResponse {
  const groups = new Map<string, CopyGroup>();
  let leftOut = 0;
  for (const uid of [...allUids(state)].sort()) {
    const index = state.entryOf(uid)?.index;
    if (index === undefined || index.copyStates.every((byte) => byte === IN_SYNC)) continue;
    for (const copy of unwell(index)) {
      const notes = state.notes.get(copyKey(index.id, copy.shard, copy.nodeId));
      const reason = notes?.reason ?? '';
      const name = JSON.stringify([uid, copy.nodeId, copy.state, reason]);
      const known = groups.get(name);
      if (known !== undefined) {
        known.shards.push(copy.shard);
        known.from = lower(known.from, notes?.from);
      } else if (groups.size >= GROUPS_MAX) {
        leftOut += 1;
      } else {
        const { nodeId } = copy;
        const from = lower(undefined, notes?.from);
        const shards = [copy.shard];
        groups.set(name, { indexUid: uid, nodeId, state: copy.state, reason, shards, from });
      }
    }
  }
  return { groups: [...groups.values()], leftOut };
}

/** Copies that are not in-sync, by shard. */
function* unwell(index: IndexRecord): Generator<{ shard: number; nodeId: string; state: number }> {
  for (let slot = 0; slot < index.copyStates.length; slot += 1) {
    const state = index.copyStates[slot] ?? IN_SYNC;
    const place = index.owners.readUInt16LE(slot * 2);
    const nodeId = place === NO_COPY ? undefined : index.nodeIds[place];
    if (state === IN_SYNC || nodeId === undefined) continue;
    yield { shard: Math.floor(slot / index.copiesPerShard), nodeId, state };
  }
}

function lower(known: bigint | undefined, from: number | null | undefined): bigint | undefined {
  if (from === null || from === undefined) return known;
  const place = BigInt(from);
  return known === undefined || place < known ? place : known;
}
