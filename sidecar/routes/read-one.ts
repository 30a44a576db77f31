/**
 * Asking the one node that holds everything. If it cannot be reached and another copy of the whole
 * exists, that one is asked, once.
 */

import type { MiroirError } from '../../core/errors.ts';
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import { type CoveringSet, coveringSet, type ShardRead } from '../../core/placement/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { type Answered, askNode, isWorthRetrying, outcomeError, type Question } from './ask.ts';
import type { RouteContext } from './context.ts';
import { onlyRead } from './index-plan.ts';
import { tryRead, unreadable } from './unreadable.ts';

/** Which node, and for which shards if not for all. */
export interface ReadTarget {
  readonly entry: IndexEntry;
  readonly nodeId: NodeId;
  readonly shards?: readonly number[];
}

/** What `read` made of an answer of status 200, or an answer of any other status but 503. */
export type OneAnswer<Value> =
  | { readonly kind: 'read'; readonly value: Value }
  | { readonly kind: 'said'; readonly answer: Answered };

/**
 * Asks the node, and reads its answer. A node whose answer `read` cannot make sense of (MalformedAnswer)
 * has failed. Throws what the client sees if no node answers.
 */
export async function readOne<Value>(
  context: RouteContext,
  target: ReadTarget,
  question: Question,
  read: (body: Uint8Array) => Value,
): Promise<OneAnswer<Value>> {
  context.trace?.chose(target.entry, coveringOf(target));
  const first = await askOne(context, target.nodeId, question, read);
  if (first.kind !== 'failed') return first;
  const other = first.isFinal ? undefined : otherRead(target);
  if (other === undefined) return lastWord(first);
  context.services.metrics.retries.inc();
  const second = await askOne(context, other.nodeId, question, read);
  return second.kind === 'failed' ? lastWord(second) : second;
}

interface Failed {
  readonly kind: 'failed';
  readonly outcome: NodeOutcome;
  /** Asking another copy would not help. */
  readonly isFinal: boolean;
  readonly error: MiroirError;
}

async function askOne<Value>(
  context: RouteContext,
  nodeId: NodeId,
  question: Question,
  read: (body: Uint8Array) => Value,
): Promise<OneAnswer<Value> | Failed> {
  const outcome = await askNode(context, nodeId, question);
  if (outcome.kind === 'answered' && outcome.status === 200) {
    const value = tryRead(() => read(outcome.body));
    if (value !== undefined) return { kind: 'read', value: value.value };
    context.services.metrics.node(nodeId).error('unreadable');
    const reset = { kind: 'reset', reason: 'unreadable' } as const;
    return { kind: 'failed', outcome: reset, isFinal: false, error: unreadable() };
  }
  if (outcome.kind === 'answered' && outcome.status !== 503) {
    return { kind: 'said', answer: outcome };
  }
  const isFinal = !isWorthRetrying(outcome);
  return { kind: 'failed', outcome, isFinal, error: outcomeError(outcome) };
}

/** A node that is there but overloaded says so itself, and when to come back. */
function lastWord({ outcome, error }: Failed): OneAnswer<never> {
  if (outcome.kind === 'answered') return { kind: 'said', answer: outcome };
  throw error;
}

function coveringOf({ entry, nodeId, shards }: ReadTarget): CoveringSet {
  const all = shards ?? entry.owners.map((_, shard) => shard);
  return { reads: [{ nodeId, shards: all, isWhole: true }], uncovered: [] };
}

function otherRead(target: ReadTarget): ShardRead | undefined {
  const { entry, shards } = target;
  const excluded = new Set([target.nodeId]);
  if (shards === undefined) return onlyRead(coveringSet(entry.owners, { excluded }));
  const { reads, uncovered } = coveringSet(entry.owners, { excluded, shards });
  return reads.length === 1 && uncovered.length === 0 ? reads[0] : undefined;
}
