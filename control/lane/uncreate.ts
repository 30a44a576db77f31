/**
 * A cancelled write does not make its index, though the ground for it is laid on the nodes. The next write
 * to the index that is open takes that over: one that would have made the index, had it been first, makes it;
 * another fails, as on a node that never had it, and hands it on in its turn. If nobody is left, the index is
 * removed from the nodes again, as part of the write that ends last: later writes to its name wait for that,
 * and none that was planned on it can come to what has the name by then. Where the next one changes what the
 * index is called, others may be planned on that: the index stays, empty.
 */
import { deletionSteps, giveNameUp, indexNotFound } from '../catalog/index.ts';
import { forgetNotes } from '../copies/index.ts';
import type { IndexRecord, Intent, State } from '../state/index.ts';
import { isCancelled } from '../tasks/index.ts';

const MAKERS: ReadonlySet<Intent['kind']> = new Set([
  'documentsReplace',
  'documentsUpdate',
  'indexCreate',
  'settingsUpdate',
] as const);

/** Passes the making of the index on, or adds the steps that remove it; false if nothing has to be sent. */
export function addRemovalSteps(state: State, intent: Intent): boolean {
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (!intent.createsIndex || index === undefined || canMake(intent)) return false;
  if (!isCancelled(intent)) intent.error ??= indexNotFound(intent.indexUid);
  const next = nextOn(state, intent);
  if (next === undefined) return remove(state, intent, index);
  if (next.kind === 'indexDelete') next.error = indexNotFound(next.indexUid);
  else if (!isRenaming(next)) passOn(state, next);
  state.touchIntent(next);
  return false;
}

/** Whether a write that has ended, and was to make its index, did. */
export function isIndexMade(state: State, intent: Intent): boolean {
  if (!intent.createsIndex || canMake(intent)) return intent.createsIndex;
  const next = nextOn(state, intent);
  return next !== undefined && isRenaming(next);
}

function canMake(intent: Intent): boolean {
  return MAKERS.has(intent.kind) && !isCancelled(intent);
}

/** The next write that was planned on the index. A compaction needs nothing that anybody else would miss. */
function nextOn(state: State, { seq, indexId }: Intent): Intent | undefined {
  let next: Intent | undefined;
  for (const { intent: other } of state.open.values()) {
    const isOn =
      other.indexId === indexId ||
      other.swaps.some(({ leftId, rightId }) => leftId === indexId || rightId === indexId);
    if (!isOn || other.internal !== null || other.seq <= seq || other.error !== null) continue;
    if (other.kind !== 'indexCompact' && other.seq < (next?.seq ?? Number.POSITIVE_INFINITY)) {
      next = other;
    }
  }
  return next;
}

function isRenaming({ kind }: Intent): boolean {
  return kind === 'indexUpdate' || kind === 'indexSwap';
}

function passOn(state: State, heir: Intent): void {
  heir.createsIndex = true;
  for (const name of heir.names) {
    const onName = state.barriersByName.get(name) ?? new Set<number>();
    state.barriersByName.set(name, onName.add(heir.seq));
  }
}

function remove(state: State, intent: Intent, index: IndexRecord): boolean {
  const uid = index.headUid;
  if (uid === null) return false;
  state.touchIntent(intent);
  state.head.delete(uid);
  giveNameUp(state, uid);
  state.touchIndex(index);
  index.headUid = null;
  state.indexes.delete(index.id);
  forgetNotes(state, index.id);
  intent.steps.push(
    ...deletionSteps(index, uid).steps.map((step) => ({ ...step, isGround: true })),
  );
  return true;
}
