/**
 * GET /stats and /indexes/{uid}/stats: the nodes' own figures added up, each document counted once, without
 * the gateway's fields and the marker index. Sizes cannot equal those of one node: each node keeps its own structures.
 * Nodes are asked with the caller's key, so a limited key sees only its indexes.
 */
import { decodeObject } from '../../core/json/slice.ts';
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { type Answered, askNode, outcomeError, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { visibleIndexes } from './indexes-read.ts';
import { indexPath, readableIndex, refuseMissingIndex } from './missing-index.ts';
import { parseQuery, safeQuery } from './query.ts';
import { type HeaderPair, jsonReply } from './reply.ts';
import { countOnce, holdersOf, type StatsByNode } from './stats-count.ts';
import { humanSize, type IndexStats, type NodeIndexStats } from './stats-sum.ts';

/** Indexes that are counted at once, where nodes have to be asked for it. */
const COUNTED_AT_ONCE = 8;

/** GET /stats. */
export async function getStats(context: RouteContext): Promise<GatewayReply> {
  const answers = await askForStats(context, '/stats', [...context.view.nodes.keys()]);
  if (answers.kind === 'refused') return answers.reply;
  const isHuman = parseQuery(context.query).get('sizeFormat') === 'human';
  const nodes = new Map([...answers.parts].map(([id, part]) => [id, part as NodeStats] as const));
  const entries = visibleIndexes(context).filter((entry) =>
    [...nodes.values()].some(({ indexes }) => indexes[entry.uid] !== undefined),
  );
  const indexes: Record<string, unknown> = {};
  for (let at = 0; at < entries.length; at += COUNTED_AT_ONCE) {
    const some = entries.slice(at, at + COUNTED_AT_ONCE);
    const counted = await Promise.all(
      some.map((entry) => countOnce(context, entry, statsOf(entry, nodes))),
    );
    for (const [place, entry] of some.entries()) {
      indexes[entry.uid] = shown(counted[place] ?? NOTHING, isHuman);
    }
  }
  const updates = entries.map(({ updatedAt }) => updatedAt).sort();
  const sum = (pick: (stats: NodeStats) => number): unknown => {
    const bytes = [...nodes.values()].reduce((total, stats) => total + pick(stats), 0);
    return isHuman ? humanSize(bytes) : bytes;
  };
  const value = {
    databaseSize: sum((stats) => stats.databaseSize),
    usedDatabaseSize: sum((stats) => stats.usedDatabaseSize),
    lastUpdate: updates.at(-1) ?? null,
    indexes,
  };
  return jsonReply(context.template, 200, value, answers.headers);
}

/** GET /indexes/{uid}/stats. */
export async function getIndexStats(context: RouteContext): Promise<GatewayReply> {
  const entry = readableIndex(context);
  const path = indexPath(context.params['index_uid'] ?? '', 'stats');
  if (entry === undefined) {
    const question = { method: 'GET', path: path + safeQuery(context.query) } as const;
    return refuseMissingIndex(context, question);
  }
  const answers = await askForStats(context, path, holdersOf(entry));
  if (answers.kind === 'refused') return answers.reply;
  const isHuman = parseQuery(context.query).get('sizeFormat') === 'human';
  const stats = new Map(
    [...answers.parts].map(([id, part]) => [id, (part ?? NOTHING) as NodeIndexStats] as const),
  );
  const counted = await countOnce(context, entry, stats);
  return jsonReply(context.template, 200, shown(counted, isHuman), answers.headers);
}

interface NodeStats {
  readonly databaseSize: number;
  readonly usedDatabaseSize: number;
  readonly indexes: Readonly<Record<string, NodeIndexStats>>;
}

/** Of a node that was reached and does not hold the index (yet). */
const NOTHING: NodeIndexStats = {
  numberOfDocuments: 0,
  rawDocumentDbSize: 0,
  avgDocumentSize: 0,
  isIndexing: false,
  fieldDistribution: {},
};

function statsOf(entry: IndexEntry, nodes: ReadonlyMap<NodeId, NodeStats>): StatsByNode {
  const holders = holdersOf(entry).filter((id) => nodes.has(id));
  return new Map(holders.map((id) => [id, nodes.get(id)?.indexes[entry.uid] ?? NOTHING]));
}

type StatsAnswers =
  | {
      readonly kind: 'answered';
      /** By node; undefined if it does not know the index. */
      readonly parts: ReadonlyMap<NodeId, unknown>;
      readonly headers: readonly HeaderPair[];
    }
  | { readonly kind: 'refused'; readonly reply: GatewayReply };

/**
 * Asks the nodes with sizes as numbers, whatever the client wants to see. A query a node refuses is
 * passed on as asked. Nodes that cannot be reached are named: their sizes are not in the sums. Throws if
 * none can.
 */
async function askForStats(
  context: RouteContext,
  path: string,
  nodeIds: readonly NodeId[],
): Promise<StatsAnswers> {
  const query = new URLSearchParams(context.query);
  if (query.get('sizeFormat') === 'human') query.set('sizeFormat', 'raw');
  const text = query.toString();
  const question = { method: 'GET', path: text === '' ? path : `${path}?${text}` } as const;
  const outcomes = await Promise.all(nodeIds.map((id) => askNode(context, id, question)));
  const parts = new Map<NodeId, unknown>();
  const unreached: NodeId[] = [];
  for (const [place, nodeId] of nodeIds.entries()) {
    const outcome = outcomes[place];
    if (outcome?.kind !== 'answered' || outcome.status >= 500) unreached.push(nodeId);
    else if (outcome.status === 404) parts.set(nodeId, undefined);
    else if (outcome.status !== 200) return { kind: 'refused', reply: relay(context, outcome) };
    else parts.set(nodeId, parseAnswer(outcome));
  }
  if (parts.size === 0) throw outcomeError(outcomes[0]);
  const said = unreached.map((id) => `shards=0; reason=unreachable; node=${id}`);
  const headers: HeaderPair[] = said.length > 0 ? [['x-miroir-degraded', said.join(', ')]] : [];
  return { kind: 'answered', parts, headers };
}

function parseAnswer(answer: Answered): unknown {
  return decodeObject(answer.body);
}

function shown(stats: IndexStats, isHuman: boolean): unknown {
  if (!isHuman) return stats;
  const { internalDatabaseSizes } = stats;
  return {
    ...stats,
    rawDocumentDbSize: humanSize(stats.rawDocumentDbSize),
    avgDocumentSize: humanSize(stats.avgDocumentSize),
    ...(internalDatabaseSizes === undefined
      ? {}
      : {
          internalDatabaseSizes: Object.fromEntries(
            Object.entries(internalDatabaseSizes).map(([name, bytes]) => [name, humanSize(bytes)]),
          ),
        }),
  };
}
