/**
 * Whether the client of a write may be told 202 before control answered the report on it: one round trip to
 * control instead of two. Only on the plain path, where the report could not say anything else: the permission
 * said that the write stands once all its targets have taken it (control/lane/stands-when-taken.ts), they all
 * have, the lease is held, and nothing was heard of a target since. Anything else is for control to judge.
 */
import type { CopyState } from '../../core/topology.ts';
import { isHeld, type Lease } from './session-lease.ts';
import { isTaken, type Share } from './session-shares.ts';

/** What is known of a write when the last of its sends is over. */
export interface SendsOver {
  readonly standsWhenTaken: boolean;
  /** Nodes that the permission names. */
  readonly targetCount: number;
  readonly shares: readonly Share[];
  readonly lease: Lease;
  readonly nowMs: number;
}

/** Decides it. Nothing to send, or less than the permission names, is no plain path. */
export function mayAnswerFirst(over: SendsOver): boolean {
  const { standsWhenTaken, targetCount, shares, lease, nowMs } = over;
  if (!standsWhenTaken || shares.length === 0 || shares.length !== targetCount) return false;
  if (!isHeld(lease, nowMs)) return false;
  return shares.every((share) => isTaken(share) && !share.isDoubted);
}

/**
 * Whether a view says that a copy a send went to counts no more: a node may have lost its data between the
 * permission and the send, and is used again only with a view that tells. What a view does not know yet, or
 * knows under another id, it says nothing of.
 */
export function isDoubtedBy(
  seen:
    | {
        readonly id: string;
        readonly owners: readonly (readonly {
          readonly nodeId: string;
          readonly state: CopyState;
        }[])[];
      }
    | undefined,
  sent: { readonly indexId: string; readonly nodeId: string; readonly shards: readonly number[] },
): boolean {
  if (seen === undefined || seen.id !== sent.indexId) return false;
  return sent.shards.some((shard) => {
    const copy = seen.owners[shard]?.find(({ nodeId }) => nodeId === sent.nodeId);
    return copy?.state !== 'in-sync';
  });
}
