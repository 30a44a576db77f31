/**
 * Whether a replica is as it should be, for whoever replaces replicas one after another (a rolling update, a
 * node that is emptied): the next is not to be touched before this one is. It is not the same as leading:
 * of several replicas that are well one leads.
 *
 * A replica that nobody counts on yet is well: there is no record, or it is no voter of it. Were it not, an
 * update that has to reach the others first, for them to know of this one, would wait for ever.
 */
import { type CoreState, isForeign, isInSync, isTooOld } from './core/index.ts';

/** Why it is not, in words; undefined if it is. `isServing`: the leader's services are served here. */
export function unreadiness(state: Readonly<CoreState>, isServing: boolean): string | undefined {
  const { engine, options } = state;
  if (state.isDiverged) return 'it holds other changes than its leader';
  if (engine.known === undefined) {
    return engine.isAbsent ? undefined : 'what the replicas agreed in is not known yet';
  }
  const { record } = engine.known;
  if (isForeign(state)) return 'it belongs to another cluster';
  if (isTooOld(state)) return 'its program is too old for the cluster';
  const isCounted = record.members.some(({ id, role }) => id === options.id && role === 'voter');
  if (!isCounted) return undefined;
  if (!isInSync(state, record)) return 'it is not in-sync';
  if (record.leader === '') return 'nobody leads';
  return record.leader === options.id && !isServing ? 'it leads and does not serve yet' : undefined;
}
