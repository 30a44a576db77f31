/**
 * Reads of an index that is not in the catalog. A node looks at the query, the body and (for a tenant
 * token) the key before it says that an index is missing, so a node is asked the client's own question
 * and its refusal is passed on. An index that a node has but the catalog does not show (the marker, one
 * that is being made) is missing all the same.
 */
import type { IndexEntry } from '../../core/topology.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { askAnyNode, type Question, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { findIndex, indexNotFound, isIndexUid, MARKER_INDEX_UID } from './uid.ts';

/** The index of the path, if a client may read it. */
export function readableIndex(context: RouteContext): IndexEntry | undefined {
  const uid = context.params['index_uid'] ?? '';
  return isIndexUid(uid) ? findIndex(context.view, uid as IndexEntry['uid']) : undefined;
}

/** Passes on a node's refusal of the same question, or says that there is no such index. */
export async function refuseMissingIndex(
  context: RouteContext,
  question: Question,
): Promise<GatewayReply> {
  const uid = context.params['index_uid'] ?? '';
  if (uid !== MARKER_INDEX_UID) {
    const answer = await askAnyNode(context, question);
    if (answer.status >= 400) return relay(context, answer);
  }
  throw indexNotFound(uid);
}

/** `/indexes/<uid>` and more, with every part encoded. */
export function indexPath(uid: string, ...rest: readonly string[]): string {
  return `/indexes/${[uid, ...rest].map(encodeURIComponent).join('/')}`;
}
