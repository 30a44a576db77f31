/**
 * Asking the one node that holds everything. If it cannot be reached and another copy of the whole
 * exists, that one is asked, once.
 */
import { coveringSet, type ShardRead } from '../../core/placement/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { type Answered, askNode, isWorthRetrying, outcomeError, type Question } from './ask.ts';
import type { RouteContext } from './context.ts';
import { onlyRead } from './index-plan.ts';

/** Which node, and for which shards if not for all. */
export interface ReadTarget {
  readonly entry: IndexEntry;
  readonly nodeId: NodeId;
  readonly shards?: readonly number[];
}

/** The node's answer of any status but 503. Throws what the client sees if there is none. */
export async function readOne(
  context: RouteContext,
  target: ReadTarget,
  question: Question,
): Promise<Answered> {
  const outcome = await askNode(context, target.nodeId, question);
  if (outcome.kind === 'answered' && outcome.status !== 503) return outcome;
  if (!isWorthRetrying(outcome)) throw outcomeError(outcome);
  const other = otherRead(target);
  if (other === undefined) {
    // A node that is there but overloaded says so itself, and when to come back.
    if (outcome.kind === 'answered') return outcome;
    throw outcomeError(outcome);
  }
  context.services.metrics.retries.inc();
  const second = await askNode(context, other.nodeId, question);
  if (second.kind === 'answered') return second;
  throw outcomeError(second);
}

function otherRead(target: ReadTarget): ShardRead | undefined {
  const { entry, shards } = target;
  const excluded = new Set([target.nodeId]);
  if (shards === undefined) return onlyRead(coveringSet(entry.owners, { excluded }));
  return coveringSet(entry.owners, { excluded, shards }).reads[0];
}
