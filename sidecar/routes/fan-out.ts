/**
 * Asks the nodes of a covering set the same questions at once. A node whose answer is late is overtaken by
 * other copies of its shards (copies.ts); one that cannot be asked (transport error, 503, an answer that
 * is none) is replaced once by them, where there are any. What then is still missing is named, and the
 * policy of the request decides whether the rest is an answer. A node's refusal of the question itself
 * (4xx) ends the whole: the other nodes would say the same.
 */
import type { MiroirError } from '../../core/errors.ts';
import { composeFilter, inFilter } from '../../core/filter/index.ts';
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { CoveringSet, ShardRead } from '../../core/placement/index.ts';
import { encodeShard, SHARD_FIELD } from '../../core/reserved/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { UNCONFIRMED } from '../cluster/node-pools.ts';
import { type Answered, askNode, isWorthRetrying, outcomeError } from './ask.ts';
import { askList } from './ask-list.ts';
import type { RouteContext } from './context.ts';
import { askCopies, coverFor, newestView, otherCopies, type Said, stillCounts } from './copies.ts';
import { isCurrent, judgeCoverage } from './coverage.ts';
import type { HeaderPair } from './reply.ts';
import { readAll, unreadable } from './unreadable.ts';

/** One question, the same for all nodes but for the internal filter. */
export interface FanOutRequest<Purpose extends string> {
  readonly purpose: Purpose;
  readonly body: Body;
  /** What to ask a node for that refuses the body with this answer; undefined: the refusal stands. */
  readonly instead?: (refusal: Uint8Array) => Body | undefined;
}

type Body = Readonly<Record<string, unknown>>;

/** What is asked, of which index, where. */
export interface FanOutPlan<Purpose extends string> {
  readonly entry: IndexEntry;
  /** Path of the route on a node. */
  readonly path: string;
  readonly requests: readonly FanOutRequest<Purpose>[];
  readonly covering: CoveringSet;
  /** Nodes show no more hits at once: longer lists are read in parts. Default: they show all. */
  readonly hitsMax?: number;
  /** Default: the caller's own key. */
  readonly token?: string;
}

/** Answers per purpose, in one order of nodes. */
export type FanOutAnswers<Purpose extends string> = ReadonlyMap<Purpose, readonly Uint8Array[]>;

/** All answers, or the one refusal. */
export type FanOutResult<Purpose extends string, Merged> =
  | {
      readonly kind: 'answered';
      readonly answers: FanOutAnswers<Purpose>;
      /** What `merge` made of the answers. */
      readonly merged: Merged;
      readonly headers: readonly HeaderPair[];
      readonly nodeCount: number;
      /** The nodes that answered, in the order of the answers. */
      readonly nodeIds: readonly NodeId[];
      /** Shards without an answer. */
      readonly missing: readonly number[];
    }
  | { readonly kind: 'refused'; readonly answer: Answered };

interface NodeAnswers {
  readonly kind: 'answered';
  readonly read: ShardRead;
  /** In the order of the requests. */
  readonly bodies: readonly Uint8Array[];
}

interface Missing {
  readonly kind: 'missing';
  readonly read: ShardRead;
  readonly error: MiroirError;
  /** The request's view is too old for what the node holds. */
  readonly isUnconfirmed: boolean;
}

type Asked = NodeAnswers | Missing | { readonly kind: 'refused'; readonly answer: Answered };

/** Times that a shard's copies are asked: once more after a failure. */
const ROUNDS_MAX = 2;

/**
 * Runs the plan. `merge` makes one answer of the nodes' answers; a node whose answer it cannot read
 * (MalformedAnswer) has failed like one that cannot be reached. Throws miroir_shard_unavailable or
 * miroir_node_timeout as the policy wants.
 */
export async function fanOut<Purpose extends string, Merged>(
  context: RouteContext,
  plan: FanOutPlan<Purpose>,
  merge: (answers: FanOutAnswers<Purpose>) => Merged,
): Promise<FanOutResult<Purpose, Merged>> {
  const { metrics } = context.services;
  const mergeOf = (nodes: readonly NodeAnswers[]) => merge(collect(plan, nodes));
  const missing = [...plan.covering.uncovered];
  let asking: Asking = { context, entry: plan.entry, reads: plan.covering.reads };
  let answered: readonly NodeAnswers[] = [];
  let error: MiroirError | undefined;
  metrics.fanOutSize.observe(asking.reads.length);
  context.trace?.chose(context, plan.entry, plan.covering);
  for (let round = 1; ; round += 1) {
    const { reads } = asking;
    const parts = await Promise.all(reads.map((read) => askTarget(plan, asking, read)));
    const asked = parts.flat();
    const refused = asked.find((one) => one.kind === 'refused');
    if (refused !== undefined) return { kind: 'refused', answer: refused.answer };
    const all = [...answered, ...asked.filter((one) => one.kind === 'answered')];
    const understood = readAll(all, mergeOf);
    for (const { read } of understood.unreadable) metrics.node(read.nodeId).error('unreadable');
    answered = understood.readable;
    const failed = asked.filter((one) => one.kind === 'missing');
    error ??= failed[0]?.error ?? (understood.unreadable.length > 0 ? unreadable() : undefined);
    const lost = [...failed, ...understood.unreadable];
    const other = round < ROUNDS_MAX ? otherReads(asking, lost) : undefined;
    const uncovered = other?.uncovered ?? lost.flatMap(({ read }) => read.shards);
    missing.push(...uncovered);
    if (other !== undefined && other.reads.length > 0) {
      metrics.retries.inc();
      asking = other;
      continue;
    }
    const { uid, shardCount } = plan.entry;
    const answeredCount = answered.length;
    const indexes = [{ uid, shardCount, missing }];
    const headers = judgeCoverage(context, { indexes, error, answeredCount });
    const answers = collect(plan, answered);
    const { merged } = understood;
    const nodeIds = answered.map(({ read }) => read.nodeId);
    const nodeCount = answeredCount;
    return { kind: 'answered', answers, merged, headers, nodeCount, nodeIds, missing };
  }
}

/** What is asked in one round, and by which view. */
interface Asking {
  readonly context: RouteContext;
  readonly entry: IndexEntry;
  readonly reads: readonly ShardRead[];
}

/** Other copies for the shards of nodes that failed; by a newer view, if that is what a node wants. */
function otherReads(
  asking: Asking,
  lost: readonly (NodeAnswers | Missing)[],
): (Asking & CoveringSet) | undefined {
  if (lost.length === 0) return undefined;
  const { view, entry } = newestView(asking.context, asking.entry);
  const context = { ...asking.context, view };
  const hopeless = lost.filter((one) => one.kind === 'answered' || !one.isUnconfirmed);
  const excluded = new Set<NodeId>(hopeless.map(({ read }) => read.nodeId));
  const shards = lost.flatMap(({ read }) => read.shards).sort((left, right) => left - right);
  return { context, entry, ...coverFor(context, entry, { shards, excluded }) };
}

function collect<Purpose extends string>(
  plan: FanOutPlan<Purpose>,
  nodes: readonly NodeAnswers[],
): FanOutAnswers<Purpose> {
  return new Map(
    plan.requests.map(({ purpose }, place) => [
      purpose,
      nodes.map(({ bodies }) => bodies[place] ?? EMPTY),
    ]),
  );
}

const EMPTY = new Uint8Array(0);

/** Asks one node everything, and other copies of its shards if it is late. */
function askTarget<Purpose extends string>(
  plan: FanOutPlan<Purpose>,
  asking: Asking,
  first: ShardRead,
): Promise<readonly Asked[]> {
  const { context, entry } = asking;
  return askCopies(context, {
    entry,
    first,
    others: () => otherCopies(context, entry, first)?.reads ?? [],
    ask: (read, signal) => askRead(asking, plan, { read, signal }),
    isGood: ({ kind }) => kind !== 'missing',
  });
}

/** Asks one node everything, all at once. */
async function askRead<Purpose extends string>(
  { context, entry }: Asking,
  plan: FanOutPlan<Purpose>,
  { read, signal }: { readonly read: ShardRead; readonly signal: AbortSignal },
): Promise<Said<Asked>> {
  const isWhole = read.isWhole && isCurrent(context);
  const askWith = (purpose: Purpose, body: Body): Promise<NodeOutcome> => {
    const asked = isWhole ? body : withShardFilter(body, read.shards);
    return askList(asked, plan.hitsMax ?? Number.POSITIVE_INFINITY, (part) =>
      askNode(context, read.nodeId, {
        method: 'POST',
        path: plan.path,
        purpose,
        body: JSON.stringify(part),
        isOfData: true,
        signal,
        ...(plan.token === undefined ? {} : { token: plan.token }),
      }),
    );
  };
  const outcomes = await Promise.all(
    plan.requests.map(async ({ purpose, body, instead }) => {
      const outcome = await askWith(purpose, body);
      if (instead === undefined || !isRefusal(outcome)) return outcome;
      const other = instead(outcome.body);
      return other === undefined ? outcome : askWith(purpose, other);
    }),
  );
  const said = toAsked(read, outcomes);
  if (said.answer.kind !== 'answered' || stillCounts(context, entry, read)) return said;
  const error = outcomeError(undefined);
  return { ...said, answer: { kind: 'missing', read, error, isUnconfirmed: true } };
}

function isRefusal(outcome: NodeOutcome): outcome is Answered {
  return outcome.kind === 'answered' && outcome.status === 400;
}

function toAsked(read: ShardRead, outcomes: readonly NodeOutcome[]): Said<Asked> {
  const bodies: Uint8Array[] = [];
  let last: NodeOutcome = { kind: 'aborted' };
  for (const outcome of outcomes) {
    last = outcome;
    if (outcome.kind === 'answered' && outcome.status === 200) bodies.push(outcome.body);
    else if (outcome.kind === 'answered' && !isWorthRetrying(outcome)) {
      return { answer: { kind: 'refused', answer: outcome }, outcome };
    } else {
      const isUnconfirmed = outcome.kind === 'refused' && outcome.reason === UNCONFIRMED;
      const error = outcomeError(outcome);
      return { answer: { kind: 'missing', read, error, isUnconfirmed }, outcome };
    }
  }
  return { answer: { kind: 'answered', read, bodies }, outcome: last };
}

/** The body with our filter beside the client's, as items of one array, so that neither reaches the other. */
export function withShardFilter(
  body: Readonly<Record<string, unknown>>,
  shards: readonly number[],
): Record<string, unknown> {
  const filter = inFilter(SHARD_FIELD, shards.map(encodeShard));
  return { ...body, filter: composeFilter(body['filter'], filter) };
}
