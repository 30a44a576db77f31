/** GET /indexes and GET /indexes/{uid}: answered from the catalog, only what the caller may see. */
import type { IndexEntry } from '../../core/topology.ts';
import { compareBytes, mayUseIndex } from '../auth/access.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { askAnyNode, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { parseCount, parseQuery, safeQuery } from './query.ts';
import { jsonReply } from './reply.ts';
import { MARKER_INDEX_UID, requireIndex } from './uid.ts';

const LIMIT_DEFAULT = 20;

/** Lists indexes by uid. */
export async function listIndexes(context: RouteContext): Promise<GatewayReply> {
  const page = parsePage(context.query);
  if (page === undefined) {
    // Something a node would refuse: it knows its own words for it.
    const question = { method: 'GET', path: `/indexes${safeQuery(context.query)}` } as const;
    const answer = await askAnyNode(context, question);
    if (answer.status >= 400) return relay(context, answer);
  }
  const { offset, limit } = page ?? { offset: 0, limit: LIMIT_DEFAULT };
  const visible = visibleIndexes(context);
  return jsonReply(context.template, 200, {
    results: visible.slice(offset, offset + limit).map(indexView),
    offset,
    limit,
    total: visible.length,
  });
}

/** Shows one index. */
export async function getIndex(context: RouteContext): Promise<GatewayReply> {
  const entry = requireIndex(context.view, context.params['index_uid'] ?? '');
  return jsonReply(context.template, 200, indexView(entry));
}

/** The indexes this caller may see, in the order of the bytes of their uids. */
export function visibleIndexes(context: RouteContext): IndexEntry[] {
  return [...context.view.indexes.values()]
    .filter(
      ({ uid, isVisible }) =>
        isVisible && uid !== MARKER_INDEX_UID && mayUseIndex(context.access, uid),
    )
    .sort((left, right) => compareBytes(left.uid, right.uid));
}

function indexView(entry: IndexEntry): unknown {
  const { uid, createdAt, updatedAt, primaryKey } = entry;
  return { uid, createdAt, updatedAt, primaryKey };
}

function parsePage(queryText: string): { offset: number; limit: number } | undefined {
  const page = { offset: 0, limit: LIMIT_DEFAULT };
  for (const [name, text] of parseQuery(queryText)) {
    const value = parseCount(text);
    if (value === undefined || (name !== 'offset' && name !== 'limit')) return undefined;
    page[name] = value;
  }
  return page;
}
