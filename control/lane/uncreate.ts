/**
 * A cancelled write does not make its index, though the ground for it is laid on the nodes. A later write
 * that would have made the index, had it been first, makes it instead; if there is none, the index is
 * removed from the nodes again, as part of the cancelled write: later writes to its name wait for that.
 */
import { deletionSteps, giveNameUp } from '../catalog/index.ts';
import { forgetNotes } from '../copies/index.ts';
import type { Intent, State } from '../state/index.ts';
import { isCancelled } from '../tasks/index.ts';

const MAKERS: ReadonlySet<Intent['kind']> = new Set([
  'documentsReplace',
  'documentsUpdate',
  'settingsUpdate',
] as const);

/** Passes the making of the index on, or adds the steps that remove it; false if nothing has to be sent. */
export function addRemovalSteps(state: State, intent: Intent): boolean {
  const index = intent.indexId === null ? undefined : state.indexes.get(intent.indexId);
  if (!intent.createsIndex || intent.isUndone || index === undefined) return false;
  if (!isCancelled(intent)) return false;
  intent.isUndone = true;
  state.touchIntent(intent);
  const heir = heirOf(state, intent);
  if (heir !== undefined) {
    heir.createsIndex = true;
    state.touchIntent(heir);
    for (const name of heir.names) {
      const onName = state.barriersByName.get(name) ?? new Set<number>();
      state.barriersByName.set(name, onName.add(heir.seq));
    }
    return false;
  }
  const uid = index.headUid;
  if (uid === null) return false;
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

function heirOf(state: State, intent: Intent): Intent | undefined {
  for (const { intent: other } of state.open.values()) {
    const isLater = other.seq > intent.seq && other.indexId === intent.indexId;
    if (isLater && MAKERS.has(other.kind) && !isCancelled(other) && other.error === null) {
      return other;
    }
  }
  return undefined;
}
