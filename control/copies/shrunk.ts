/**
 * Commits that took a readable copy away. They are on disk until every sidecar is known to hold a view of
 * after them, so that the next leader need not suppose the worst of every shard.
 */
import type { IndexRecord, State, StoredViews } from '../state/index.ts';

/** The current batch takes a readable copy of the shard away. */
export function noteShrunk(state: State, indexId: string, shard: number): void {
  const { views, commitIndex } = state;
  views.shrunk.set(shrunkKey(indexId, shard), commitIndex);
  views.outstanding.set(indexId, commitIndex);
  views.isTouched = true;
}

/** The commit that last took a readable copy of the shard away; 0 if none did. */
export function shrunkAt({ views }: State, index: IndexRecord, shard: number): number {
  if (index.copiesPerShard === 1) return 0;
  const own = views.shrunk.get(shrunkKey(index.id, shard)) ?? 0;
  return Math.max(views.floor, views.inherited.get(index.id) ?? 0, own);
}

/** The last commit that took anything away and of which not all is known; 0 if there is none. */
export function newestOutstanding({ views }: State): number {
  const floor = views.floor > views.confirmedIndex ? views.floor : 0;
  return Math.max(floor, ...views.outstanding.values());
}

/** Every sidecar holds a view of at least this commit, or none that counts. */
export function raiseConfirmed({ views }: State, index: number): void {
  views.confirmedIndex = index;
  views.isTouched = true;
  for (const [id, at] of views.outstanding) if (at <= index) views.outstanding.delete(id);
}

/** As the next leader takes it up. */
export function storedViews({ views }: State): StoredViews {
  const { epoch, confirmedIndex, floor, outstanding } = views;
  return { epoch, confirmedIndex, floor, outstanding: [...outstanding] };
}

/**
 * Takes up what the last leader left. `previousEpoch` is that of the last entry in the log before this
 * leader; undefined if it is not there. Unless both are of the same leader, somebody else may have taken
 * copies away, and nothing is taken for known.
 */
export function takeUpViews(
  state: State,
  stored: StoredViews | undefined,
  leader: { readonly epoch: number; readonly previousEpoch: number | undefined },
): void {
  const { views } = state;
  views.epoch = leader.epoch;
  views.isTouched = true;
  if (stored !== undefined && stored.epoch === leader.previousEpoch) {
    views.confirmedIndex = stored.confirmedIndex;
    views.floor = stored.floor;
    for (const [id, at] of stored.outstanding) {
      if (!state.indexes.has(id)) continue;
      views.inherited.set(id, at);
      views.outstanding.set(id, at);
    }
    return;
  }
  const hasCopies = [...state.indexes.values()].some((index) => index.copiesPerShard > 1);
  if (hasCopies) views.floor = state.commitIndex;
}

function shrunkKey(indexId: string, shard: number): string {
  return `${indexId} ${shard}`;
}
