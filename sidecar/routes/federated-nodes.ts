/**
 * Asking the nodes of a federated search. A node that cannot be asked, or whose answer cannot be read, is
 * replaced once by other copies of its shards; what then is missing is named or refused, as in a search
 * of one index (fan-out.ts).
 */
import { assert } from '../../core/assert.ts';
import type { MiroirError } from '../../core/errors.ts';
import { inFilter } from '../../core/filter/index.ts';
import { type CoveringSet, coveringSet, type ShardRead } from '../../core/placement/index.ts';
import {
  type FederatedAnswer,
  type FederatedNodeRequest,
  type FederatedPlan,
  federatedRequests,
} from '../../core/ranking/index.ts';
import { encodeShard, SHARD_FIELD } from '../../core/reserved/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { type Answered, askNode, outcomeError } from './ask.ts';
import type { RouteContext } from './context.ts';
import { judgeCoverage } from './coverage.ts';
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

interface AnsweredPart extends Part {
  readonly kind: 'answered';
  readonly answers: readonly FederatedAnswer[];
}

type AskedPart =
  | AnsweredPart
  | (Part & { readonly kind: 'missing'; readonly error: MiroirError })
  | { readonly kind: 'refused'; readonly refusal: FederatedRefusal };

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
  let { targets } = asked;
  let answered: readonly AnsweredPart[] = [];
  let error: MiroirError | undefined;
  metrics.fanOutSize.observe(targets.nodes.size);
  for (let round = 1; ; round += 1) {
    for (const [uid, shards] of targets.uncovered) missing.get(uid)?.push(...shards);
    const parts = await Promise.all(partsOf(targets).map((part) => askPart(context, plan, part)));
    const refused = parts.filter((part) => part.kind === 'refused');
    if (refused.length > 0) {
      return { kind: 'refused', refusals: refused.map(({ refusal }) => refusal) };
    }
    const all = [...answered, ...parts.filter((part) => part.kind === 'answered')];
    const understood = readAll(all, (read) => merge(read.flatMap(({ answers }) => answers)));
    for (const { nodeId } of understood.unreadable) metrics.node(nodeId).error('unreadable');
    answered = understood.readable;
    const failed = parts.filter((part) => part.kind === 'missing');
    error ??= failed[0]?.error ?? (understood.unreadable.length > 0 ? unreadable() : undefined);
    const lost: readonly Part[] = [...failed, ...understood.unreadable];
    if (lost.length > 0 && round < ROUNDS_MAX) {
      metrics.retries.inc();
      targets = otherTargets(entries, lost);
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
    return { kind: 'answered', merged: understood.merged, headers, nodeIds };
  }
}

/** Other copies for the shards of nodes that failed. */
function otherTargets(entries: Entries, lost: readonly Part[]): FederatedTargets {
  const excluded = new Set(lost.map(({ nodeId }) => nodeId));
  const shardsOf = new Map<string, number[]>();
  for (const { uid, read } of lost) {
    shardsOf.set(uid, [...(shardsOf.get(uid) ?? []), ...read.shards]);
  }
  const coverings = new Map<string, CoveringSet>();
  for (const [uid, shards] of shardsOf) {
    const owners = entries.get(uid)?.owners ?? [];
    shards.sort((left, right) => left - right);
    coverings.set(uid, coveringSet(owners, { shards, excluded }));
  }
  return federatedTargets(coverings);
}

function partsOf({ nodes }: FederatedTargets): Part[] {
  return [...nodes].flatMap(([nodeId, reads]) =>
    [...reads].map(([uid, read]) => ({ nodeId, uid, read })),
  );
}

async function askPart(context: RouteContext, plan: FederatedPlan, part: Part): Promise<AskedPart> {
  const { nodeId, uid, read } = part;
  const index = plan.indexes.get(uid);
  assert(index !== undefined, 'only indexes of the plan are asked');
  const isWhole = read.isWhole && context.services.isFollowing();
  const filter = isWhole ? undefined : inFilter(SHARD_FIELD, read.shards.map(encodeShard));
  const requests = federatedRequests(plan, index, filter);
  const outcomes = await Promise.all(
    requests.map((request) =>
      askNode(context, nodeId, {
        method: 'POST',
        path: '/multi-search',
        body: JSON.stringify(request.body),
      }),
    ),
  );
  const answers: FederatedAnswer[] = [];
  for (const [at, request] of requests.entries()) {
    const outcome = outcomes[at];
    assert(outcome !== undefined, 'every request has an outcome');
    if (outcome.kind !== 'answered' || outcome.status === 503) {
      return { ...part, kind: 'missing', error: outcomeError(outcome) };
    }
    if (outcome.status !== 200) return { kind: 'refused', refusal: { answer: outcome, request } };
    answers.push({ body: outcome.body, request });
  }
  return { ...part, kind: 'answered', answers };
}
