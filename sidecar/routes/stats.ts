/**
 * GET /stats and /indexes/{uid}/stats: the nodes' own figures added up, without the gateway's fields
 * and the marker index. Sizes cannot equal those of one node: each node keeps its own structures.
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
import { jsonReply } from './reply.ts';
import { addIndexStats, humanSize, type IndexStats, type NodeIndexStats } from './stats-sum.ts';

/** GET /stats. */
export async function getStats(context: RouteContext): Promise<GatewayReply> {
  const answers = await askForStats(context, '/stats', [...context.view.nodes.keys()]);
  if (answers.kind === 'refused') return answers.reply;
  const isHuman = parseQuery(context.query).get('sizeFormat') === 'human';
  const nodes = answers.parts.map((part) => part.value as NodeStats);
  const indexes = new Map<string, unknown>();
  let lastUpdate: string | null = null;
  for (const entry of visibleIndexes(context)) {
    const parts = nodes.flatMap(({ indexes: held }) => held[entry.uid] ?? []);
    if (parts.length === 0) continue;
    indexes.set(entry.uid, shown(addIndexStats(parts, copiesOf(entry)), isHuman));
    if (lastUpdate === null || entry.updatedAt > lastUpdate) lastUpdate = entry.updatedAt;
  }
  const sum = (pick: (stats: NodeStats) => number): unknown => {
    const bytes = nodes.reduce((total, stats) => total + pick(stats), 0);
    return isHuman ? humanSize(bytes) : bytes;
  };
  return jsonReply(context.template, 200, {
    databaseSize: sum((stats) => stats.databaseSize),
    usedDatabaseSize: sum((stats) => stats.usedDatabaseSize),
    lastUpdate,
    indexes: Object.fromEntries(indexes),
  });
}

/** GET /indexes/{uid}/stats. */
export async function getIndexStats(context: RouteContext): Promise<GatewayReply> {
  const entry = readableIndex(context);
  const path = indexPath(context.params['index_uid'] ?? '', 'stats');
  if (entry === undefined) {
    const question = { method: 'GET', path: path + safeQuery(context.query) } as const;
    return refuseMissingIndex(context, question);
  }
  const answers = await askForStats(context, path, ownersOf(entry));
  if (answers.kind === 'refused') return answers.reply;
  const isHuman = parseQuery(context.query).get('sizeFormat') === 'human';
  const parts = answers.parts.map((part) => part.value as NodeIndexStats);
  return jsonReply(context.template, 200, shown(addIndexStats(parts, copiesOf(entry)), isHuman));
}

interface NodeStats {
  readonly databaseSize: number;
  readonly usedDatabaseSize: number;
  readonly indexes: Readonly<Record<string, NodeIndexStats>>;
}

type StatsAnswers =
  | { readonly kind: 'answered'; readonly parts: readonly { readonly value: unknown }[] }
  | { readonly kind: 'refused'; readonly reply: GatewayReply };

/**
 * Asks the nodes with sizes as numbers, whatever the client wants to see. A query a node refuses is
 * passed on as asked. A node that cannot be reached fails the whole: a sum with a hole is a wrong figure.
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
  const parts: { value: unknown }[] = [];
  for (const outcome of outcomes) {
    if (outcome.kind !== 'answered' || outcome.status >= 500) throw outcomeError(outcome);
    if (outcome.status === 404) continue;
    if (outcome.status !== 200) return { kind: 'refused', reply: relay(context, outcome) };
    parts.push({ value: parseAnswer(outcome) });
  }
  return { kind: 'answered', parts };
}

function parseAnswer(answer: Answered): unknown {
  return decodeObject(answer.body);
}

/** Nodes that hold a copy of some shard, whatever its state. */
export function ownersOf(entry: IndexEntry): NodeId[] {
  return [...new Set(entry.owners.flatMap((copies) => copies.map((copy) => copy.nodeId)))];
}

/** Copies of a shard, on average: each document is counted once per copy. */
function copiesOf(entry: IndexEntry): number {
  const copyCount = entry.owners.reduce((sum, copies) => sum + copies.length, 0);
  return Math.max(1, copyCount / Math.max(1, entry.shardCount));
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
