/**
 * Lists of documents sorted by distance. A node takes `_geo` for unsortable until one of its documents had
 * it. Where another node of the index sorts by it, one node with all the documents would: the first is then
 * asked without that entry, since none of its documents has a place and all of them come last there.
 */
import { decodeObject } from '../../core/json/slice.ts';
import type { DocumentsPlan, JsonObject } from '../../core/ranking/index.ts';
import type { IndexEntry } from '../../core/topology.ts';
import { askNode } from './ask.ts';
import type { RouteContext } from './context.ts';
import { readableNodes } from './copies.ts';
import { indexPath } from './missing-index.ts';

const PROBE = JSON.stringify({ sort: ['_geoPoint(0, 0):asc'], limit: 0 });

/** Whether a node may have refused a list because no document of it has had a place. */
export function isBlindToGeo(plan: DocumentsPlan, refusal: Uint8Array): boolean {
  if (!plan.sort.some(({ point }) => point !== undefined)) return false;
  const { code, message } = decodeObject(refusal);
  return code === 'invalid_document_sort' && String(message).startsWith('Attribute `_geo` ');
}

/** Whether some node of the index sorts by distance. Asks them one after another. */
export async function someNodeSortsByGeo(
  context: RouteContext,
  entry: IndexEntry,
): Promise<boolean> {
  for (const nodeId of readableNodes(context, entry)) {
    const outcome = await askNode(context, nodeId, {
      method: 'POST',
      path: indexPath(entry.uid, 'documents', 'fetch'),
      purpose: 'geo',
      body: PROBE,
      token: context.view.internalKey,
    });
    if (outcome.kind === 'answered' && outcome.status === 200) return true;
  }
  return false;
}

/** What a node without places is asked. */
export function withoutGeoSort(body: JsonObject): JsonObject {
  const sort = (body['sort'] as string[]).filter((entry) => !entry.startsWith('_geoPoint('));
  return { ...body, sort };
}
