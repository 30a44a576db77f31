/**
 * Asking the nodes of a federated search. A node whose answer is late is overtaken by other copies of its
 * shards; one that cannot be asked, or whose answer cannot be read, is replaced by them once. What then is
 * missing is named or refused, as in a search of one index (fan-out.ts).
 */
import { assert } from '../../core/assert.ts';
import type { MiroirError } from '../../core/errors.ts';
import { inFilter } from '../../core/filter/index.ts';
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { CoveringSet, ShardRead } from '../../core/placement/index.ts';
import {
  type FederatedAnswer,
  type FederatedNodeRequest,
  type FederatedPlan,
  federatedRequests,
} from '../../core/ranking/index.ts';
import { encodeShard, SHARD_FIELD } from '../../core/reserved/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { UNCONFIRMED } from '../cluster/node-pools.ts';
import { type Answered, askNode, outcomeError } from './ask.ts';
import type { RouteContext } from './context.ts';
import { askCopies, coverFor, newestView, otherCopies, type Said, stillCounts } from './copies.ts';
import { isCurrent, judgeCoverage } from './coverage.ts';
import type { HeaderPair } from './reply.ts';
import { readAll, unreadable } from './unreadable.ts';

type Entries = ReadonlyMap<string, IndexEntry>;
/** What one node answers, by index. */
type Reads = ReadonlyMap<string, ShardRead>;

/** What each node answers, and per index the shards that nobody can. */
export interface FederatedTargets {
  readonly nodes: ReadonlyMap<NodeId, Reads>;
  readonly uncovered: ReadonlyMap<string, readonly number[]>;
}

/** A node's refusal and what it was asked. */
export interface FederatedRefusal {
  readonly answer: Answered;
  readonly request: FederatedNodeRequest;
}

/** One answer of all the nodes' answers, or the refusals of some of them. */
export type FederatedResult<Merged> =
  | {
      readonly kind: 'answered';
      readonly merged: Merged;
      readonly headers: readonly HeaderPair[];
      readonly nodeIds: readonly NodeId[];
      /** The node of each answer that was merged, in their order. */
      readonly sources: readonly NodeId[];
    }
  | { readonly kind: 'refused'; readonly refusals: readonly FederatedRefusal[] };

/** The nodes to ask, from the copies to read of each index. */
export function federatedTargets(coverings: ReadonlyMap<string, CoveringSet>): FederatedTargets {
  const nodes = new Map<NodeId, Map<string, ShardRead>>();
  const uncovered = new Map<string, readonly number[]>();
  for (const [uid, covering] of coverings) {
    if (covering.uncovered.length > 0) uncovered.set(uid, covering.uncovered);
    for (const read of covering.reads) {
      const known = nodes.get(read.nodeId) ?? new Map<string, ShardRead>();
      nodes.set(read.nodeId, known.set(uid, read));
    }
  }
  return { nodes, uncovered };
}

/** What one node is asked of one index. */
interface Part {
  readonly nodeId: NodeId;
  readonly uid: string;
  readonly read: ShardRead;
}

interface MissingPart extends Part {
  readonly kind: 'missing';
  readonly error: MiroirError;
  /** The request's view is too old for what the node holds. */
  readonly isUnconfirmed: boolean;
}

interface AnsweredPart extends Part {
  readonly kind: 'answered';
  readonly answers: readonly FederatedAnswer[];
}

type AskedPart =
  | AnsweredPart
  | MissingPart
  | { readonly kind: 'refused'; readonly refusals: readonly FederatedRefusal[] };

/** Times that a shard's copies are asked: once more after a failure. */
const ROUNDS_MAX = 2;

/** Asks the nodes, merges their answers. Throws what the client sees if too few of them answer. */
export async function askFederation<Merged>(
  context: RouteContext,
  asked: {
    readonly plan: FederatedPlan;
    readonly entries: Entries;
    readonly targets: FederatedTargets;
  },
  merge: (answers: readonly FederatedAnswer[]) => Merged,
): Promise<FederatedResult<Merged>> {
  const { plan, entries } = asked;
  const { metrics } = context.services;
  const missing = new Map([...entries.keys()].map((uid) => [uid, [] as number[]]));
  let asking: Asking = { ...asked, context };
  let answered: readonly AnsweredPart[] = [];
  let error: MiroirError | undefined;
  metrics.fanOutSize.observe(asked.targets.nodes.size);
  for (let round = 1; ; round += 1) {
    const now = asking;
    for (const [uid, shards] of now.targets.uncovered) missing.get(uid)?.push(...shards);
    const asks = partsOf(now.targets).map((part) => askLate(now, plan, part));
    const parts = (await Promise.all(asks)).flat();
    const refused = parts.filter((part) => part.kind === 'refused');
    if (refused.length > 0) {
      return { kind: 'refused', refusals: refused.flatMap(({ refusals }) => refusals) };
    }
    const all = [...answered, ...parts.filter((part) => part.kind === 'answered')];
    const understood = readAll(all, (read) => merge(read.flatMap(({ answers }) => answers)));
    for (const { nodeId } of understood.unreadable) metrics.node(nodeId).error('unreadable');
    answered = understood.readable;
    const failed = parts.filter((part) => part.kind === 'missing');
    error ??= failed[0]?.error ?? (understood.unreadable.length > 0 ? unreadable() : undefined);
    const lost = [...failed, ...understood.unreadable];
    if (lost.length > 0 && round < ROUNDS_MAX) {
      metrics.retries.inc();
      asking = otherTargets(asking, lost);
      continue;
    }
    for (const { uid, read } of lost) missing.get(uid)?.push(...read.shards);
    const indexes = [...entries].map(([uid, { shardCount }]) => ({
      uid,
      shardCount,
      missing: missing.get(uid) ?? [],
    }));
    const nodeIds = [...new Set(answered.map(({ nodeId }) => nodeId))];
    const answeredCount = nodeIds.length;
    const headers = judgeCoverage(context, { indexes, error, answeredCount });
    const sources = answered.flatMap(({ nodeId, answers }) => answers.map(() => nodeId));
    return { kind: 'answered', merged: understood.merged, headers, nodeIds, sources };
  }
}

/** What is asked in one round, and by which view. */
interface Asking {
  readonly context: RouteContext;
  readonly entries: Entries;
  readonly targets: FederatedTargets;
}

/** Other copies for the shards of nodes that failed; by a newer view, if that is what a node wants. */
function otherTargets(asking: Asking, lost: readonly (AnsweredPart | MissingPart)[]): Asking {
  const hopeless = lost.filter((part) => part.kind === 'answered' || !part.isUnconfirmed);
  const excluded = new Set(hopeless.map(({ nodeId }) => nodeId));
  const shardsOf = new Map<string, number[]>();
  for (const { uid, read } of lost) {
    shardsOf.set(uid, [...(shardsOf.get(uid) ?? []), ...read.shards]);
  }
  let { context } = asking;
  const entries = new Map(asking.entries);
  const coverings = new Map<string, CoveringSet>();
  for (const [uid, shards] of shardsOf) {
    const newest = newestView(context, entryOf(asking, uid));
    context = { ...context, view: newest.view };
    entries.set(uid, newest.entry);
    shards.sort((left, right) => left - right);
    coverings.set(uid, coverFor(context, newest.entry, { shards, excluded }));
  }
  return { context, entries, targets: federatedTargets(coverings) };
}

function entryOf({ entries }: Asking, uid: string): IndexEntry {
  const entry = entries.get(uid);
  assert(entry !== undefined, 'only indexes of the federation are asked');
  return entry;
}

function partsOf({ nodes }: FederatedTargets): Part[] {
  return [...nodes].flatMap(([nodeId, reads]) =>
    [...reads].map(([uid, read]) => ({ nodeId, uid, read })),
  );
}

/** Asks a node for its part, and other copies of its shards if it is late. */
function askLate(asking: Asking, plan: FederatedPlan, first: Part): Promise<readonly AskedPart[]> {
  const { context } = asking;
  const { nodeId, uid, read } = first;
  const entry = entryOf(asking, uid);
  return askCopies(context, {
    entry,
    first,
    others: () => {
      const covering = otherCopies(context, entry, { nodeId, shards: read.shards });
      return (covering?.reads ?? []).map((other) => ({ nodeId: other.nodeId, uid, read: other }));
    },
    ask: (part, signal) => askPart(asking, plan, part, signal),
    isGood: ({ kind }) => kind !== 'missing',
  });
}

async function askPart(
  asking: Asking,
  plan: FederatedPlan,
  part: Part,
  signal: AbortSignal,
): Promise<Said<AskedPart>> {
  const { context } = asking;
  const { nodeId, uid, read } = part;
  const index = plan.indexes.get(uid);
  assert(index !== undefined, 'only indexes of the plan are asked');
  const isWhole = read.isWhole && isCurrent(context);
  const filter = isWhole ? undefined : inFilter(SHARD_FIELD, read.shards.map(encodeShard));
  const requests = federatedRequests(plan, index, filter);
  const outcomes = await Promise.all(
    requests.map((request) =>
      askNode(context, nodeId, {
        method: 'POST',
        path: '/multi-search',
        purpose: `${uid}: ${request.part}`,
        body: JSON.stringify(request.body),
        isOfData: true,
        signal,
      }),
    ),
  );
  const answers: FederatedAnswer[] = [];
  // Several requests stand for one of the client's: any of their refusals may be the first one.
  const refusals: FederatedRefusal[] = [];
  let last: NodeOutcome = { kind: 'aborted' };
  for (const [at, request] of requests.entries()) {
    const outcome = outcomes[at];
    assert(outcome !== undefined, 'every request has an outcome');
    last = outcome;
    if (outcome.kind !== 'answered' || outcome.status === 503) {
      const isUnconfirmed = outcome.kind === 'refused' && outcome.reason === UNCONFIRMED;
      const error = outcomeError(outcome);
      return { answer: { ...part, kind: 'missing', error, isUnconfirmed }, outcome };
    }
    if (outcome.status === 200) answers.push({ body: outcome.body, request });
    else refusals.push({ answer: outcome, request });
  }
  if (refusals.length > 0) return { answer: { kind: 'refused', refusals }, outcome: last };
  if (!stillCounts(context, entryOf(asking, uid), read)) {
    const error = outcomeError(undefined);
    return { answer: { ...part, kind: 'missing', error, isUnconfirmed: true }, outcome: last };
  }
  return { answer: { ...part, kind: 'answered', answers }, outcome: last };
}
