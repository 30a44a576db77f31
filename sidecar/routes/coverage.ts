/**
 * What a read over several nodes could not see: named in headers, or refused, as the request or the
 * configuration wants. Never passed over in silence.
 */
import { MiroirError } from '../../core/errors.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { RouteContext } from './context.ts';
import type { HeaderPair } from './reply.ts';

/** Characters of the list of missing shards that fit in a header with room to spare. */
const NAMED_MAX = 1_024;

/** What was asked for and what came. */
export interface Found {
  readonly indexes: readonly FoundIndex[];
  /** Why the first of them is missing; absent if it has no copy that may be read. */
  readonly error: MiroirError | undefined;
  readonly answeredCount: number;
}

/** What came of one index. */
export interface FoundIndex {
  readonly uid: string;
  readonly shardCount: number;
  /** Shards, in any order. */
  readonly missing: readonly number[];
}

/** The headers that say what is missing. Throws where nothing, or too little, is there. */
export function judgeCoverage(context: RouteContext, found: Found): HeaderPair[] {
  const { indexes, error } = found;
  const shardCount = indexes.reduce((sum, index) => sum + index.shardCount, 0);
  const missingCount = indexes.reduce((sum, { missing }) => sum + missing.length, 0);
  const covered = shardCount - missingCount;
  const coverage: HeaderPair = ['x-miroir-coverage', `${covered}/${shardCount}`];
  if (missingCount === 0) return [coverage];
  context.services.metrics.partialResponses.inc();
  if (found.answeredCount === 0 || missingPolicy(context) === 'error') {
    throw error ?? noCopy(missingCount);
  }
  const shards = indexes
    .filter(({ missing }) => missing.length > 0)
    .map(({ uid, missing }) => {
      const list = ranges([...missing].sort((left, right) => left - right));
      return indexes.length === 1 ? list : `${uid}:${list}`;
    })
    .join(' ');
  const named = shards.length > NAMED_MAX ? `${shards.slice(0, NAMED_MAX)}...` : shards;
  const reason = error?.code === 'miroir_node_timeout' ? 'timeout' : 'unreachable';
  return [coverage, [DEGRADED, `shards=${named}; reason=${reason}`]];
}

/** Whether the view the request is answered from is known to be current, from its beginning until now. */
export function isCurrent(context: RouteContext): boolean {
  return context.wasCurrent && context.services.isCurrent();
}

/**
 * Says in an answer that the worker could not know whether its view is current: a copy that was read may
 * lack what others were told. In one header with what else is missing.
 */
export function withCurrency(context: RouteContext, reply: GatewayReply): GatewayReply {
  if (reply.status !== 200 || isCurrent(context)) return reply;
  const headers = reply.headers.filter(([name]) => name !== DEGRADED);
  const said = reply.headers.filter(([name]) => name === DEGRADED).map(([, value]) => value);
  headers.push([DEGRADED, [...said, 'shards=all; reason=unconfirmed'].join(', ')]);
  return { ...reply, headers };
}

const DEGRADED = 'x-miroir-degraded';

/** Whether a part of the shards is an answer: the request's own wish, else the configuration's. */
export function missingPolicy(context: RouteContext): 'partial' | 'error' {
  const wish = context.request.headers.get('x-miroir-partial');
  if (wish === 'partial' || wish === 'error') return wish;
  return context.services.config.reads.on_missing_shards;
}

function noCopy(count: number): MiroirError {
  return new MiroirError(
    'miroir_shard_unavailable',
    `No in-sync copy of ${count} shards can be read.`,
    { retryAfterSeconds: 1 },
  );
}

/** Ascending shards as text, `0-4,7`: short even where half of 4,096 shards are missing. */
export function ranges(shards: readonly number[]): string {
  const parts: { from: number; to: number }[] = [];
  for (const shard of shards) {
    const last = parts.at(-1);
    if (last !== undefined && last.to === shard - 1) last.to = shard;
    else parts.push({ from: shard, to: shard });
  }
  return parts.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
