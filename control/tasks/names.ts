/**
 * Which index a task belongs to, by name. A swap or a rename also rewrites the index of every earlier task
 * on a node; here tasks point to a name group, and a swap exchanges the names of the groups begun before
 * it. A swap closes the groups of its names when it begins, so later tasks never share them.
 */
import type { NameGroup, State } from '../state/index.ts';

/** The group for a task at `seq` on the index called `name`; made if need be. */
export function groupFor(state: State, name: string, seq: number): number {
  const current = state.groupOfName.get(name);
  if (current !== undefined) return current;
  const group: NameGroup = {
    id: state.groups.length,
    name,
    firstName: name,
    fromSeq: seq,
    isOpen: true,
  };
  state.groups.push(group);
  state.groupOfName.set(name, group.id);
  state.touchedGroups.add(group.id);
  return group.id;
}

/** Later tasks on these names get groups of their own. */
export function closeGroups(state: State, names: readonly string[]): void {
  for (const name of names) {
    const group = state.groups[state.groupOfName.get(name) ?? -1];
    if (group === undefined) continue;
    group.isOpen = false;
    state.touchedGroups.add(group.id);
    state.groupOfName.delete(name);
  }
}

/** Exchanges two names in all groups begun before `seq`. For a rename `right` is the new name. */
export function swapGroupNames(state: State, left: string, right: string, seq: number): void {
  for (const group of state.groups) {
    if (group.fromSeq >= seq) continue;
    if (group.name === left) group.name = right;
    else if (group.name === right) group.name = left;
    else continue;
    state.touchedGroups.add(group.id);
  }
}

/** Name of a group now. */
export function groupName(state: State, id: number): string {
  return state.groups[id]?.name ?? '';
}

/** Name of a group while its tasks were worked on: swaps rename tasks on a node, but not batches. */
export function firstName(state: State, id: number): string {
  return state.groups[id]?.firstName ?? groupName(state, id);
}
