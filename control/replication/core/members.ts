/**
 * A change of the members is one compare-and-swap: there is no majority to shift. Who is removed is
 * required until that is confirmed; who is added follows as a learner until it has all that is committed.
 */
import type { CoreState } from './state.ts';
import type { MembersChange } from './types.ts';

/** Takes a change; refused if one is under way, or if it leaves out the leader. */
export function takeMembersChange(state: CoreState, ticket: number, change: MembersChange): void {
  const { leading, options, effects } = state;
  const isVoter = change.members.some(({ id, role }) => id === options.id && role === 'voter');
  const ids = new Set(change.members.map(({ id }) => id));
  const isSound =
    isVoter &&
    ids.size === change.members.length &&
    isLevelSound(state, change.featureLevel) &&
    change.minIsr >= 1 &&
    change.minIsr <= change.members.filter(({ role }) => role === 'voter').length;
  const canTake = leading?.phase === 'open' && leading.handover === undefined;
  if (leading === undefined || !canTake || leading.change !== undefined || !isSound) {
    effects.push({ kind: 'membersChanged', ticket, outcome: 'refused' });
    return;
  }
  leading.change = { ticket, change };
}

/** It never falls, for what it allowed may be in the log, and the leader must know what it allows. */
function isLevelSound({ engine, options }: CoreState, level: number): boolean {
  return level >= (engine.known?.record.featureLevel ?? 0) && level <= options.featureLevel;
}
