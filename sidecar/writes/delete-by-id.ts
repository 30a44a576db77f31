/** DELETE documents/{document_id} and POST documents/delete-batch: each node is sent only its identifiers. */

import { assert } from '../../core/assert.ts';
import { DocumentTable } from '../../core/documents/index.ts';
import { MiroirError } from '../../core/errors.ts';
import { type HashHalves, hashPrimaryKeyInto } from '../../core/placement/index.ts';
import { type Grant, WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import type { GatewayReply, GatewayRequest } from '../http/exchange.ts';
import { parseIndexUid, refuseReservedUid } from '../routes/uid.ts';
import { KEYS_MAX, type WriteIntent } from './begin.ts';
import type { WriteContext } from './context.ts';
import { findNonSequence, readIds } from './ids.ts';
import { readCustomMetadata } from './params.ts';
import { runWrite } from './run-session.ts';
import type { NodeBody, NodeShare } from './send.ts';
import { PART_BYTES_MAX } from './share.ts';
import { readSmallBody } from './small-body.ts';
import { readTargets, rowsByNode, shardsOfRows } from './targets.ts';

const TASK_TYPE = 'documentDeletion';

/** DELETE /indexes/{index_uid}/documents/{document_id}. */
export function handleDocumentDelete(
  _request: GatewayRequest,
  context: WriteContext,
): Promise<GatewayReply> {
  const customMetadata = readCustomMetadata(context.query);
  refuseReservedUid(parseIndexUid(context.indexUid));
  assert(context.documentId !== undefined, 'the route names a document');
  return deleteIds(context, [context.documentId], customMetadata);
}

/** POST /indexes/{index_uid}/documents/delete-batch. */
export async function handleDocumentDeleteBatch(
  request: GatewayRequest,
  context: WriteContext,
): Promise<GatewayReply> {
  const body = await readSmallBody(request);
  const wrong = findNonSequence(body);
  if (wrong !== undefined) throw new MiroirError('bad_request', wrong);
  const customMetadata = readCustomMetadata(context.query);
  refuseReservedUid(parseIndexUid(context.indexUid));
  return deleteIds(context, readIds(body), customMetadata);
}

function deleteIds(
  context: WriteContext,
  ids: readonly string[],
  customMetadata: string | undefined,
): Promise<GatewayReply> {
  const table = new DocumentTable();
  const hash: HashHalves = { low: 0, high: 0 };
  for (const id of ids) {
    hashPrimaryKeyInto(id, hash);
    table.add(0, 0, hash.low, hash.high);
  }
  const intent: WriteIntent = {
    kind: WriteKind.DOCUMENTS_DELETE_BY_ID,
    indexUid: context.indexUid,
    touches: table.hashBytes(KEYS_MAX) ?? 'all',
    customMetadata,
    detailsJson: JSON.stringify({
      providedIds: ids.length,
      deletedDocuments: null,
      originalFilter: null,
    }),
  };
  return runWrite(context, {
    taskType: TASK_TYPE,
    customMetadata,
    intent: () => intent,
    shares: (grant) => makeShares(context.indexUid, ids, table, grant),
  });
}

function makeShares(
  indexUid: string,
  ids: readonly string[],
  table: DocumentTable,
  grant: Grant,
): NodeShare[] {
  const targets = readTargets(grant);
  return rowsByNode(targets, table.hashLows, table.count)
    .map((rows, place) => ({
      nodeId: targets.nodeIds[place] as NodeShare['nodeId'],
      bodies: cutIdBodies(indexUid, ids, rows),
      shards: shardsOfRows(rows, table.hashLows, targets.shardCount),
    }))
    .filter((share) => share.bodies.length > 0);
}

/** Bodies of identifiers as texts, none larger than a part may be. */
function cutIdBodies(indexUid: string, ids: readonly string[], rows: Uint32Array): NodeBody[] {
  const bodies: NodeBody[] = [];
  let texts: string[] = [];
  let bytes = 0;
  const close = (): void => {
    const body = Buffer.from(`[${texts.join(',')}]`);
    bodies.push({
      method: 'POST',
      path: `/indexes/${indexUid}/documents/delete-batch`,
      query: {},
      contentType: 'application/json',
      body: () => body,
      bodyBytes: body.length,
    });
    texts = [];
    bytes = 0;
  };
  for (const row of rows) {
    const text = JSON.stringify(ids[row]);
    const added = Buffer.byteLength(text) + 1;
    if (texts.length > 0 && bytes + added > PART_BYTES_MAX) close();
    texts.push(text);
    bytes += added;
  }
  if (texts.length > 0) close();
  return bodies;
}
