/**
 * Indexes on nodes that were away: what the catalog did meanwhile (settings, or the index as a whole) has to
 * be made good there before any copy on the node is filled. While an index needs that on a node, no copy of
 * it there counts, so nobody else writes to it.
 */
import { hasSeveralOwners } from '../catalog/index.ts';
import { isHeldBack } from '../jobs/index.ts';
import { type MachineEvent, markOf, type State } from '../state/index.ts';
import { isChanging, isNodeReady } from './usable.ts';

/** A mending that was not answered in this time is asked for again: longer than its three tasks may take. */
const MEND_LIMIT_MS = 900_000;
const MENDINGS_MAX = 4;

/** Asks for what is needed and can be done now. */
export function startMending(state: State): void {
  const { mending } = state.recovery;
  for (const [key, { sinceMs }] of mending) {
    if (state.nowMs - sinceMs > MEND_LIMIT_MS) mending.delete(key);
  }
  for (const index of state.indexes.values()) {
    if (mending.size >= MENDINGS_MAX) return;
    for (const [nodeId, need] of Object.entries(index.needs)) {
      const key = `${index.id} ${nodeId}`;
      if (mending.has(key) || !isNodeReady(state, nodeId) || isChanging(state, index)) continue;
      if (index.headUid === null || isHeldBack(state, index.id, nodeId)) continue;
      mending.set(key, { sinceMs: state.nowMs, floor: state.floorOf(nodeId) });
      state.emit({
        kind: 'mendIndex',
        indexId: index.id,
        nodeId,
        need,
        indexUid: index.headUid,
        primaryKey: index.primaryKey,
        settings: index.settings,
        settingsVersion: index.settingsVersion,
        hasSeveralOwners: hasSeveralOwners(index),
      });
    }
  }
}

/** An index on a node was made good, or not. What changed meanwhile is still to be done. */
export function indexMended(
  state: State,
  event: Extract<MachineEvent, { kind: 'indexMended' }>,
): void {
  const { indexId, nodeId } = event;
  const key = `${indexId} ${nodeId}`;
  const floor = state.recovery.mending.get(key)?.floor ?? -1;
  state.recovery.mending.delete(key);
  const { lastTask } = event;
  if (lastTask !== null) {
    state.checkUid(nodeId, lastTask.uid, floor);
    const mark = markOf({ tag: null, enqueuedAt: lastTask.enqueuedAt });
    state.noteTask(nodeId, lastTask.uid, mark);
  }
  const index = state.indexes.get(indexId);
  if (index === undefined || index.needs[nodeId] === undefined || !event.isDone) return;
  const isSame =
    index.settingsVersion === event.settingsVersion && index.headUid === event.indexUid;
  const { [nodeId]: _need, ...others } = index.needs;
  index.needs = isSame && !isChanging(state, index) ? others : { ...others, [nodeId]: 'settings' };
  if (index.headUid !== event.indexUid) index.needs = { ...others, [nodeId]: 'rebuild' };
  state.touchIndex(index);
}
