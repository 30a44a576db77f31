/**
 * Names that indexes of this cluster had once. A node that is restored from an old copy of its data may bring
 * an index back under such a name; that index is ours, and may be removed without asking anybody. One under a
 * name that was never ours is somebody else's.
 */
import type { State } from '../state/index.ts';

/** Names that are remembered; the oldest are forgotten first. */
const KEPT_MAX = 100_000;

/** An index of ours gives this name up, or is about to. */
export function giveNameUp(state: State, uid: string): void {
  state.formerNames.delete(uid);
  state.formerNames.set(uid, state.nextSeq);
  state.touchedFormerNames.add(uid);
  for (const oldest of state.formerNames.keys()) {
    if (state.formerNames.size <= KEPT_MAX) return;
    state.formerNames.delete(oldest);
    state.touchedFormerNames.add(oldest);
  }
}

/** Whether some index of ours had the name once: nodes may still hold that one. */
export function wasOurs(state: State, uid: string): boolean {
  return state.formerNames.has(uid);
}

/** Whether what a node holds under the name was made by this cluster. */
export function isOurs(state: State, uid: string): boolean {
  return state.head.has(uid) || state.visible.has(uid) || wasOurs(state, uid);
}
