/** The beginning of a recovery: both nodes work off what was before, then both are listed (rules 16, 17). */
import { lowestOpenUid, notesOf, openNotes } from '../copies/index.ts';
import type { RecoveryHold, ShardVersions } from '../state/index.ts';
import { candidates, deletedSince, methodFor } from './candidates.ts';
import { appliedOnSource, enter, isSourceSettled, type Turn, targetOf } from './worker.ts';

/**
 * Lists both nodes once the source applied everything up to the head at which the copy began to be filled
 * and the target has done all that was in its queue then.
 */
export function settle(turn: Turn): void {
  const { state, worker } = turn;
  if (!isSourceSettled(turn) || appliedOnSource(turn) < worker.head) return;
  const lowest = lowestOpenUid(state, worker.place.targetId);
  if (lowest !== undefined && lowest <= worker.drainUid) return;
  list(turn);
}

/** Lists both nodes; a list is good for writes without a list of documents up to what the source applied. */
export function list(turn: Turn): void {
  const { state, worker, index } = turn;
  const { method, words } = methodFor(worker.from, worker.isKeyless);
  worker.method = method;
  worker.lists += 1;
  worker.laterPages = 0;
  worker.recheck = null;
  worker.watch = null;
  const { place, id: recovery } = worker;
  const named = new Set([
    ...(notesOf(state, targetOf(turn))?.reread ?? []),
    ...deletedSince(state, index, place.shard, worker.from),
  ]);
  const isDelta = method === 'delta';
  state.emit({ kind: 'recoveryPlanned', recovery, place, method, words });
  state.emit({
    kind: 'recoveryList',
    recovery,
    place,
    fromSeq: isDelta ? worker.from : 0,
    wanted: isDelta ? [...named] : [],
  });
  enter(turn, { kind: 'listing' });
}

/**
 * Writes without a list of documents came while the copy was filled, and both nodes are through with them:
 * what was found before is no longer enough. Ids are compared anew from the first of them on.
 */
export function listAgain(turn: Turn, upTo = Number.POSITIVE_INFINITY): void {
  const { worker, state } = turn;
  const notes = openNotes(state, targetOf(turn));
  const { again } = notes;
  worker.from = Math.min(worker.from, again?.low ?? worker.from);
  worker.isKeyless = true;
  // What is set aside must say so too: the worker may end at any moment.
  notes.fill = { head: worker.head, from: worker.from, isKeyless: true };
  notes.again = again !== null && again.high > upTo ? { low: upTo + 1, high: again.high } : null;
  list(turn);
}

/** The same under a hold, for the writes before it: both nodes are through with them. */
export function listUnderHold(turn: Turn, hold: RecoveryHold): boolean {
  const again = notesOf(turn.state, targetOf(turn))?.again ?? null;
  if (again === null || again.low > hold.after) return false;
  listAgain(turn, hold.after);
  return true;
}

/** Both nodes are listed. */
export function listed(turn: Turn, source: ShardVersions, target: ShardVersions): void {
  const { state, worker, index } = turn;
  const reread = notesOf(state, targetOf(turn))?.reread ?? [];
  const deleted = deletedSince(state, index, worker.place.shard, worker.from);
  for (const hash of candidates(worker, { source, target }, { reread, deleted })) {
    worker.todo.add(hash);
  }
  enter(turn, { kind: worker.hold === null ? 'choosing' : 'holding' });
}
