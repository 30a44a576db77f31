/** Which open intents share a name, and which of them have to end in order. */
import type { Intent, OpenIntent, State } from '../state/index.ts';
import { hasEnded, mustWait } from './conflicts.ts';

/** Registers an intent behind those it conflicts with. Earlier ones must be registered already. */
export function enterLane(state: State, open: OpenIntent): void {
  const { intent } = open;
  for (const name of intent.names) {
    const source = intent.mustBeEmpty ? state.openByName : state.unorderedByName;
    for (const seq of source.get(name) ?? []) {
      const earlier = state.open.get(seq);
      if (earlier === undefined || seq === intent.seq) continue;
      const isFirst = isUnderHold(intent, earlier.intent);
      const [later, first] = isFirst ? [earlier, open] : [open, earlier];
      if (seq === intent.internal?.under || !mustWait(state, later, first)) continue;
      later.waitsFor.add(first.intent.seq);
      first.waiters.add(later.intent.seq);
    }
    addTo(state.openByName, name, intent.seq);
    addTo(state.unorderedByName, name, intent.seq);
    if (isBarrier(intent)) addTo(state.barriersByName, name, intent.seq);
  }
  if (intent.indexId !== null) addTo(state.openByIndex, intent.indexId, intent.seq);
  if (intent.tasks) state.openTaskCalls.add(intent.seq);
  state.open.set(intent.seq, open);
}

/** Whether a step is done under a hold for which the other one waits: its place is before that. */
function isUnderHold({ internal }: Intent, other: Intent): boolean {
  return internal !== null && internal.under !== null && other.seq > internal.after;
}

/** The intent is over: nobody meets it any more. */
export function leaveLane(state: State, intent: Intent): void {
  state.open.delete(intent.seq);
  removeNames(state.openByName, intent);
  removeNames(state.unorderedByName, intent);
  removeNames(state.barriersByName, intent);
  if (intent.indexId !== null) removeFrom(state.openByIndex, intent.indexId, intent.seq);
  state.openTaskCalls.delete(intent.seq);
  state.unknownSends.delete(intent.seq);
  state.touchIntent(intent);
}

/** Later ones need not look at it any more: all of it is accounted for. */
export function setOrdered(state: State, intent: Intent): void {
  removeNames(state.unorderedByName, intent);
}

/** More of it is to be sent: later ones have to look at it again. */
export function setUnordered(state: State, intent: Intent): void {
  for (const name of intent.names) addTo(state.unorderedByName, name, intent.seq);
}

/** Makes, changes or removes the index itself: nothing on its names may end across it. */
function isBarrier(intent: Intent): boolean {
  return intent.scope === 'index' || intent.createsIndex;
}

/**
 * Whether an earlier write on the same name has to end first. Nodes work at different speeds, so the last
 * of a later write may be done before the last of an earlier one; the catalog must not see that.
 */
export function hasEarlierBarrier(state: State, intent: Intent): boolean {
  return othersOnNames(state, intent).some(
    (other) => other.seq < intent.seq && (isBarrier(intent) || isBarrier(other)),
  );
}

/** Later writes that have ended and may have been held back by this one, which is final. */
export function heldBack(state: State, intent: Intent): number[] {
  return othersOnNames(state, intent)
    .filter((other) => (isBarrier(intent) || isBarrier(other)) && hasEnded(other))
    .map((other) => other.seq);
}

/** Of clients, and not final. */
function othersOnNames(state: State, intent: Intent): Intent[] {
  const source = isBarrier(intent) ? state.openByName : state.barriersByName;
  return intent.names.flatMap((name) =>
    [...(source.get(name) ?? [])].flatMap((seq) => {
      const other = state.open.get(seq)?.intent;
      const isOther = other !== undefined && seq !== intent.seq;
      return isOther && !other.isFinal && other.internal === null ? [other] : [];
    }),
  );
}

function addTo(map: Map<string, Set<number>>, name: string, seq: number): void {
  const known = map.get(name) ?? new Set<number>();
  map.set(name, known.add(seq));
}

function removeFrom(map: Map<string, Set<number>>, name: string, seq: number): void {
  const known = map.get(name);
  known?.delete(seq);
  if (known?.size === 0) map.delete(name);
}

function removeNames(map: Map<string, Set<number>>, intent: Intent): void {
  for (const name of intent.names) removeFrom(map, name, intent.seq);
}
