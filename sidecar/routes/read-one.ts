/**
 * Asking the one node that holds everything. If its answer is late, or it cannot be reached, and another
 * copy of the whole exists, that one is asked, once.
 */

import { assert } from '../../core/assert.ts';
import type { MiroirError } from '../../core/errors.ts';
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { CoveringSet } from '../../core/placement/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { UNCONFIRMED } from '../cluster/node-pools.ts';
import { type Answered, askNode, isWorthRetrying, outcomeError, type Question } from './ask.ts';
import type { RouteContext } from './context.ts';
import {
  askCopies,
  coverFor,
  hasChoice,
  newestView,
  otherCopies,
  type Said,
  stillCounts,
} from './copies.ts';
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
  context.trace?.chose(context, target.entry, coveringOf(target));
  const first = hasChoice(target.entry)
    ? await askLate(context, target, question, read)
    : (await askOne(context, target, question, read)).answer;
  if (first.kind !== 'failed') return first;
  const other = first.isFinal ? undefined : otherRead(context, target, first);
  if (other === undefined) return lastWord(first);
  context.services.metrics.retries.inc();
  const second = await askOne(other.context, other.target, question, read);
  return second.answer.kind === 'failed' ? lastWord(second.answer) : second.answer;
}

/** Asks the node, and another if it is late. */
async function askLate<Value>(
  context: RouteContext,
  target: ReadTarget,
  question: Question,
  read: (body: Uint8Array) => Value,
): Promise<OneAnswer<Value> | Failed> {
  const { entry, nodeId } = target;
  const first: { readonly nodeId: NodeId } = { nodeId };
  const [answer] = await askCopies(context, {
    entry,
    first,
    others: () => {
      const shards = shardsOf(target);
      return onlyOne(target, otherCopies(context, entry, { nodeId, shards }));
    },
    ask: (part, signal) => {
      const one = { ...target, nodeId: part.nodeId };
      return askOne(context, one, { ...question, signal }, read);
    },
    isGood: ({ kind }) => kind !== 'failed',
  });
  assert(answer !== undefined, 'one node was asked');
  return answer;
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
  target: ReadTarget,
  question: Question,
  read: (body: Uint8Array) => Value,
): Promise<Said<OneAnswer<Value> | Failed>> {
  const { entry, nodeId } = target;
  const outcome = await askNode(context, nodeId, { ...question, isOfData: true });
  if (outcome.kind === 'answered') {
    const shards = shardsOf(target);
    if (!stillCounts(context, entry, { nodeId, shards, isWhole: true })) {
      const late = { kind: 'refused', reason: UNCONFIRMED } as const;
      const error = outcomeError(late);
      return { answer: { kind: 'failed', outcome: late, isFinal: false, error }, outcome };
    }
  }
  if (outcome.kind === 'answered' && outcome.status === 200) {
    const value = tryRead(() => read(outcome.body));
    if (value !== undefined) return { answer: { kind: 'read', value: value.value }, outcome };
    context.services.metrics.node(nodeId).error('unreadable');
    const reset = { kind: 'reset', reason: 'unreadable' } as const;
    const failed: Failed = {
      kind: 'failed',
      outcome: reset,
      isFinal: false,
      error: unreadable(),
    };
    return { answer: failed, outcome: reset };
  }
  if (outcome.kind === 'answered' && outcome.status !== 503) {
    return { answer: { kind: 'said', answer: outcome }, outcome };
  }
  const isFinal = !isWorthRetrying(outcome);
  return { answer: { kind: 'failed', outcome, isFinal, error: outcomeError(outcome) }, outcome };
}

/** A node that is there but overloaded says so itself, and when to come back. */
function lastWord({ outcome, error }: Failed): OneAnswer<never> {
  if (outcome.kind === 'answered') return { kind: 'said', answer: outcome };
  throw error;
}

function coveringOf(target: ReadTarget): CoveringSet {
  const read = { nodeId: target.nodeId, shards: shardsOf(target), isWhole: true };
  return { reads: [read], uncovered: [] };
}

function shardsOf({ entry, shards }: ReadTarget): readonly number[] {
  return shards ?? entry.owners.map((_, shard) => shard);
}

/** Another node for the whole; the same one by a newer view, if that is what it wants. */
function otherRead(
  context: RouteContext,
  target: ReadTarget,
  { outcome }: Failed,
): { readonly target: ReadTarget; readonly context: RouteContext } | undefined {
  const isUnconfirmed = outcome.kind === 'refused' && outcome.reason === UNCONFIRMED;
  const { view, entry } = newestView(context, target.entry);
  const now = { ...context, view };
  const covering = coverFor(now, entry, {
    shards: shardsOf(target),
    ...(isUnconfirmed ? {} : { excluded: new Set([target.nodeId]) }),
  });
  const [other] = onlyOne(target, covering);
  if (other === undefined) return undefined;
  return { target: { ...target, entry, nodeId: other.nodeId }, context: now };
}

/**
 * The one read that covers everything; empty if there is none. Where all shards are asked the question has
 * no internal filter, so the node may hold nothing else; where few are, it names their documents.
 */
function onlyOne({ entry, shards }: ReadTarget, covering?: CoveringSet): CoveringSet['reads'] {
  const [read, second] = covering?.reads ?? [];
  if (covering === undefined || read === undefined || second !== undefined) return [];
  const isNarrow = shards !== undefined && shards.length < entry.shardCount;
  return covering.uncovered.length === 0 && (read.isWhole || isNarrow) ? [read] : [];
}
