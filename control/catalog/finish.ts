/**
 * What a finished write does to the catalog that readers see. A write that made an index shows it whatever
 * became of its documents, as on a node, where the index exists as soon as its task was processed; one
 * that was cancelled made nothing, unless the lane says otherwise.
 */
import { mergeSettings } from '../../core/settings/index.ts';
import { forgetNotes } from '../copies/index.ts';
import type { IndexRecord, Intent, State } from '../state/index.ts';

/** Applies an intent whose every call has ended. */
export function applyToCatalog(
  state: State,
  intent: Intent,
  outcome: {
    readonly isSuccess: boolean;
    readonly isIndexMade: boolean;
    readonly finishedAt: string;
  },
): void {
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (index !== undefined && outcome.isIndexMade) show(state, index, intent.indexUid);
  if (index !== undefined && intent.kind === 'settingsUpdate')
    endSettings(index, intent, outcome.isSuccess);
  if (!outcome.isSuccess && index !== undefined && intent.kind === 'indexDelete') {
    keepName(state, index, intent.seq);
  }
  if (outcome.isSuccess) {
    if (index !== undefined && intent.kind === 'indexDelete') remove(state, index);
    if (index !== undefined && intent.kind === 'indexUpdate') update(index, intent);
    for (const swap of intent.swaps) swapVisible(state, swap);
    if (index !== undefined) index.updatedAt = outcome.finishedAt;
  }
  if (index !== undefined && state.indexes.has(index.id)) state.touchIndex(index);
}

function show(state: State, index: IndexRecord, uid: string): void {
  index.visibleUid = uid;
  state.visible.set(uid, index.id);
}

function endSettings(index: IndexRecord, intent: Intent, isSuccess: boolean): void {
  const own = index.pending.find((item) => item.seq === intent.seq);
  index.pending = index.pending.filter((item) => item.seq !== intent.seq);
  if (!isSuccess || own === undefined) return;
  index.settings = mergeSettings(index.settings, own.change);
  index.settingsVersion += 1;
}

function update(index: IndexRecord, intent: Intent): void {
  const primaryKey = intent.change?.['primaryKey'];
  if (typeof primaryKey === 'string') index.primaryKey = primaryKey;
}

/** It was not deleted. If its name was given to another meanwhile, what is left of it is nobody's. */
function keepName(state: State, index: IndexRecord, seq: number): void {
  const uid = index.visibleUid;
  if (uid === null || state.head.has(uid) || isGivenAfter(state, uid, { index, seq })) {
    remove(state, index);
    return;
  }
  index.headUid = uid;
  state.head.set(uid, index.id);
}

/** Whether a later operation gave the name to another index, even if one after that took it away again. */
function isGivenAfter(
  state: State,
  uid: string,
  than: { readonly index: IndexRecord; readonly seq: number },
): boolean {
  for (const seq of state.openByName.get(uid) ?? []) {
    const intent = state.open.get(seq)?.intent;
    if (intent === undefined || seq <= than.seq) continue;
    const swapped = intent.swaps.flatMap(({ leftId, rightId }) => [leftId, rightId]);
    const ids = [intent.indexId, ...swapped];
    if (ids.some((id) => id !== null && id !== than.index.id)) return true;
  }
  return false;
}

function remove(state: State, index: IndexRecord): void {
  state.touchIndex(index);
  if (index.visibleUid !== null) state.visible.delete(index.visibleUid);
  index.visibleUid = null;
  if (index.headUid !== null) return;
  state.indexes.delete(index.id);
  forgetNotes(state, index.id);
}

function swapVisible(state: State, swap: Intent['swaps'][number]): void {
  const moves: [IndexRecord | undefined, string][] = [
    [state.indexes.get(swap.leftId), swap.right],
    [swap.rightId === null ? undefined : state.indexes.get(swap.rightId), swap.left],
  ];
  if (swap.rightId === null) state.visible.delete(swap.left);
  state.changedUids.add(swap.left);
  for (const [index, uid] of moves) {
    if (index === undefined) continue;
    index.visibleUid = uid;
    state.visible.set(uid, index.id);
    state.touchIndex(index);
  }
}
