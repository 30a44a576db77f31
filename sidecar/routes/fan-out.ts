/**
 * Asks the nodes of a covering set the same questions at once. A node that cannot be asked (transport
 * error, 503) is replaced once by other copies of its shards, where there are any; what then is still
 * missing is named, and the policy of the request decides whether the rest is an answer. A node's
 * refusal of the question itself (4xx) ends the whole: the other nodes would say the same.
 */
import { MiroirError } from '../../core/errors.ts';
import { composeFilter, inFilter } from '../../core/filter/index.ts';
import { type CoveringSet, coveringSet, type ShardRead } from '../../core/placement/index.ts';
import { encodeShard, SHARD_FIELD } from '../../core/reserved/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { type Answered, askNode, isWorthRetrying, outcomeError } from './ask.ts';
import type { RouteContext } from './context.ts';
import type { HeaderPair } from './reply.ts';

/** One question, the same for all nodes but for the internal filter. */
export interface FanOutRequest<Purpose extends string> {
  readonly purpose: Purpose;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What is asked, of which index, where. */
export interface FanOutPlan<Purpose extends string> {
  readonly entry: IndexEntry;
  /** Path of the route on a node. */
  readonly path: string;
  readonly requests: readonly FanOutRequest<Purpose>[];
  readonly covering: CoveringSet;
  /** Default: the caller's own key. */
  readonly token?: string;
}

/** All answers, or the one refusal. */
export type FanOutResult<Purpose extends string> =
  | {
      readonly kind: 'answered';
      /** Per purpose, in one order of nodes. */
      readonly answers: ReadonlyMap<Purpose, readonly Uint8Array[]>;
      readonly headers: readonly HeaderPair[];
      readonly nodeCount: number;
    }
  | { readonly kind: 'refused'; readonly answer: Answered };

type Asked =
  | { readonly kind: 'answered'; readonly bodies: readonly Uint8Array[] }
  | { readonly kind: 'refused'; readonly answer: Answered }
  | { readonly kind: 'missing'; readonly read: ShardRead; readonly error: MiroirError };

/** Runs the plan. Throws miroir_shard_unavailable or miroir_node_timeout as the policy wants. */
export async function fanOut<Purpose extends string>(
  context: RouteContext,
  plan: FanOutPlan<Purpose>,
): Promise<FanOutResult<Purpose>> {
  const { reads, uncovered } = plan.covering;
  const first = await Promise.all(reads.map((read) => askTarget(context, plan, read)));
  const { metrics } = context.services;
  metrics.fanOutSize.observe(reads.length);
  const failed = first.filter((asked) => asked.kind === 'missing');
  const second = failed.length === 0 ? undefined : await retry(context, plan, failed);
  const asked = [...first.filter((one) => one.kind !== 'missing'), ...(second?.asked ?? [])];
  const bodies: (readonly Uint8Array[])[] = [];
  const missing = [...uncovered, ...(second?.uncovered ?? [])];
  let error: MiroirError | undefined;
  for (const one of asked) {
    if (one.kind === 'refused') return { kind: 'refused', answer: one.answer };
    if (one.kind === 'answered') {
      bodies.push(one.bodies);
    } else {
      missing.push(...one.read.shards);
      error ??= one.error;
    }
  }
  error ??= failed[0]?.error;
  const headers = judgeCoverage(context, plan.entry, { missing, error, answered: bodies.length });
  const answers = new Map<Purpose, readonly Uint8Array[]>(
    plan.requests.map(({ purpose }, place) => [
      purpose,
      bodies.map((node) => node[place] ?? EMPTY),
    ]),
  );
  return { kind: 'answered', answers, headers, nodeCount: bodies.length };
}

const EMPTY = new Uint8Array(0);
/** Characters of the list of missing shards that fit in a header with room to spare. */
const NAMED_MAX = 1_024;

/** Asks other copies for the shards of nodes that failed, once. */
async function retry<Purpose extends string>(
  context: RouteContext,
  plan: FanOutPlan<Purpose>,
  failed: readonly { read: ShardRead; error: MiroirError }[],
): Promise<{ asked: Asked[]; uncovered: readonly number[] }> {
  const excluded = new Set<NodeId>(failed.map(({ read }) => read.nodeId));
  const shards = failed.flatMap(({ read }) => read.shards).sort((left, right) => left - right);
  const other = coveringSet(plan.entry.owners, { shards, excluded });
  if (other.reads.length > 0) context.services.metrics.retries.inc();
  const asked = await Promise.all(other.reads.map((read) => askTarget(context, plan, read)));
  return { asked, uncovered: other.uncovered };
}

/** Asks one node everything, all at once. */
async function askTarget<Purpose extends string>(
  context: RouteContext,
  plan: FanOutPlan<Purpose>,
  read: ShardRead,
): Promise<Asked> {
  const isWhole = read.isWhole && context.services.isFollowing();
  const outcomes = await Promise.all(
    plan.requests.map(({ body }) =>
      askNode(context, read.nodeId, {
        method: 'POST',
        path: plan.path,
        body: JSON.stringify(isWhole ? body : withShardFilter(body, read.shards)),
        ...(plan.token === undefined ? {} : { token: plan.token }),
      }),
    ),
  );
  const bodies: Uint8Array[] = [];
  for (const outcome of outcomes) {
    if (outcome.kind === 'answered' && outcome.status === 200) bodies.push(outcome.body);
    else if (outcome.kind === 'answered' && outcome.status < 500) {
      return { kind: 'refused', answer: outcome };
    } else if (outcome.kind === 'answered' && !isWorthRetrying(outcome)) {
      return { kind: 'refused', answer: outcome };
    } else {
      return { kind: 'missing', read, error: outcomeError(outcome) };
    }
  }
  return { kind: 'answered', bodies };
}

/** The body with our filter beside the client's, as items of one array, so that neither reaches the other. */
export function withShardFilter(
  body: Readonly<Record<string, unknown>>,
  shards: readonly number[],
): Record<string, unknown> {
  const filter = inFilter(SHARD_FIELD, shards.map(encodeShard));
  return { ...body, filter: composeFilter(body['filter'], filter) };
}

/** Names what is missing, or throws where nothing or too little is there. */
function judgeCoverage(
  context: RouteContext,
  entry: IndexEntry,
  found: { missing: readonly number[]; error: MiroirError | undefined; answered: number },
): HeaderPair[] {
  const { shardCount } = entry;
  const covered = shardCount - found.missing.length;
  const coverage: HeaderPair = ['x-miroir-coverage', `${covered}/${shardCount}`];
  if (found.missing.length === 0) return [coverage];
  context.services.metrics.partialResponses.inc();
  if (found.answered === 0 || missingPolicy(context) === 'error') {
    throw found.error ?? noCopy(found.missing.length);
  }
  const shards = ranges([...found.missing].sort((left, right) => left - right));
  const named = shards.length > NAMED_MAX ? `${shards.slice(0, NAMED_MAX)}...` : shards;
  const reason = found.error?.code === 'miroir_node_timeout' ? 'timeout' : 'unreachable';
  return [coverage, ['x-miroir-degraded', `shards=${named}; reason=${reason}`]];
}

function noCopy(count: number): MiroirError {
  return new MiroirError(
    'miroir_shard_unavailable',
    `No in-sync copy of ${count} shards can be read.`,
    { retryAfterSeconds: 1 },
  );
}

/** The request's own wish, else the configuration's. */
function missingPolicy(context: RouteContext): 'partial' | 'error' {
  const wish = context.request.headers.get('x-miroir-partial');
  if (wish === 'partial' || wish === 'error') return wish;
  return context.services.config.reads.on_missing_shards;
}

/** `0-4,7`: short even where half of 4,096 shards are missing. */
function ranges(shards: readonly number[]): string {
  const parts: { from: number; to: number }[] = [];
  for (const shard of shards) {
    const last = parts.at(-1);
    if (last !== undefined && last.to === shard - 1) last.to = shard;
    else parts.push({ from: shard, to: shard });
  }
  return parts.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
