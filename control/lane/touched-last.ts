/**
 * What changed the last in-sync copy of a shard out of order: a late task, or a loss of data. It goes on to
 * count, as nothing demotes it. Copies that were to miss no more than what is noted of them differ from it by
 * all of that as well; and one that was only suspect is untouched, so if it counts again the other gives way.
 */
import {
  type CopyPlace,
  copiesOf,
  demote,
  type MissedWrite,
  rememberLate,
} from '../copies/index.ts';
import type { State } from '../state/index.ts';

/** Tells the other copies of the shard what the last one met. */
export function noteTouchedLast(
  state: State,
  last: CopyPlace,
  met: { readonly missed: MissedWrite; readonly reason: string },
): void {
  const { index, shard, nodeId } = last;
  rememberLate(state, last, met.missed);
  for (const other of copiesOf(index, shard)) {
    if (other.nodeId === nodeId || (other.state !== 'behind' && other.state !== 'filling'))
      continue;
    const copy = { index, shard, nodeId: other.nodeId };
    demote(state, copy, { to: 'behind', reason: met.reason, missed: met.missed });
  }
}
