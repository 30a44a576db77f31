/**
 * What a permission may promise: that the write stands, and no copy misses it, once every target has taken all
 * of it. A sidecar may then answer its client before its report is answered (rule 9 of docs/protocol.md). What
 * happens to a copy from here on changes nothing in that: the copy has the write in its queue, and until the
 * report it counts here as not answered, so that whatever takes the copy out notes the write as well.
 */
import { copiesOf, isShrinkConfirmed } from '../copies/index.ts';
import type { IndexRecord, OpenIntent, State } from '../state/index.ts';
import { isTellable } from './closing.ts';
import { isQuorum } from './quorum.ts';

/** Judges a write that is being granted. */
export function standsWhenTaken(state: State, open: OpenIntent): boolean {
  const { intent } = open;
  const index = state.indexes.get(intent.indexId ?? '');
  if (index === undefined || intent.shards.length === 0) return false;
  const idCount = state.tasks.get(intent.seq)?.details?.['providedIds'];
  // Its sidecar may die before it reports: then only the nodes' lists tell.
  if (!isTellable(open, index.copiesPerShard, Number(idCount))) return false;
  if (!intent.shards.every((shard) => goesEverywhere(state, open, { index, shard }))) return false;
  return isShrinkConfirmed(state, index, intent.shards);
}

/** Whether every copy of the shard is plainly in-sync and a target, and they are enough. */
function goesEverywhere(
  state: State,
  { intent }: OpenIntent,
  { index, shard }: { readonly index: IndexRecord; readonly shard: number },
): boolean {
  const copies = copiesOf(index, shard).filter((copy) => copy.state !== 'leaving');
  const isEach = copies.every(
    ({ nodeId, state: copyState }) =>
      copyState === 'in-sync' && intent.targets[nodeId]?.shards.includes(shard) === true,
  );
  return (
    isEach &&
    isQuorum(
      state,
      copies.map(({ nodeId }) => nodeId),
    )
  );
}
