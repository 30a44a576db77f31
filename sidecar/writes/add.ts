/**
 * POST and PUT documents: the body is spooled and judged as it arrives, takes its place in the lane, and
 * goes to the nodes in shares. Order of refusals as on a node: parameters, uid, content type, body.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  DocumentSplitter,
  type PayloadFormat,
  type SplitResult,
} from '../../core/documents/index.ts';
import { errorBody, MiroirError } from '../../core/errors.ts';
import { isReservedName } from '../../core/reserved/index.ts';
import { type Grant, WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import type { GatewayReply, GatewayRequest } from '../http/exchange.ts';
import { reservedField } from '../routes/reserved-names.ts';
import { parseIndexUid, refuseReservedUid } from '../routes/uid.ts';
import { KEYS_MAX, type WriteIntent } from './begin.ts';
import type { WriteContext } from './context.ts';
import { type AdditionParams, readAdditionParams, readFormat } from './params.ts';
import { runWrite } from './run-session.ts';
import type { NodeShare } from './send.ts';
import { bodyOf, cutParts, type Framing } from './share.ts';
import { Spool } from './spool.ts';
import { readTargets, rowsByNode, shardsOfRows } from './targets.ts';

const TASK_TYPE = 'documentAdditionOrUpdate';
/** Work of so many milliseconds at a stretch is felt by other requests. */
const TURN_MS = 10;

/** POST /indexes/{index_uid}/documents. */
export function handleDocumentReplace(
  request: GatewayRequest,
  context: WriteContext,
): Promise<GatewayReply> {
  return handleAddition(request, context, 'POST');
}

/** PUT /indexes/{index_uid}/documents. */
export function handleDocumentUpdate(
  request: GatewayRequest,
  context: WriteContext,
): Promise<GatewayReply> {
  return handleAddition(request, context, 'PUT');
}

async function handleAddition(
  request: GatewayRequest,
  context: WriteContext,
  method: 'POST' | 'PUT',
): Promise<GatewayReply> {
  const params = readAdditionParams(context.query);
  const uid = parseIndexUid(context.indexUid);
  refuseReservedUid(uid);
  const { primaryKey } = params;
  if (primaryKey !== undefined && isReservedName(primaryKey)) throw reservedField(primaryKey);
  const format = readFormat(request.headers.get('content-type'), params.csvDelimiter);
  const { spool_dir, spool_memory } = context.config.writes;
  const spool = new Spool({ folder: spool_dir, memoryBytes: spool_memory });
  try {
    const index = context.findIndex(uid);
    const addition: Addition = {
      params,
      format,
      method,
      indexKey: index?.primaryKey ?? undefined,
      checksGeo: index !== undefined && usesGeo(index.settings),
      spool,
    };
    const split = await takeIn(request, addition, context.indexUid);
    return await write(context, addition, { split, clientGone: request.signal });
  } finally {
    await spool.close();
  }
}

interface Addition {
  readonly params: AdditionParams;
  readonly format: PayloadFormat;
  readonly method: 'POST' | 'PUT';
  /** Primary key of the index as the view knows it. */
  readonly indexKey: string | undefined;
  /** The index filters or sorts by `_geo`. */
  readonly checksGeo: boolean;
  readonly spool: Spool;
}

/** Whether settings make a node read `_geo`: it is listed by its full name. */
function usesGeo(settings: Readonly<Record<string, unknown>>): boolean {
  const lists = [settings['filterableAttributes'], settings['sortableAttributes']];
  return lists.some((list) => JSON.stringify(list ?? null).includes('"_geo"'));
}

/** What both splits of a payload have in common. */
function judging(addition: Addition, indexUid: string) {
  return {
    indexUid,
    laterReplaces: addition.method === 'POST',
    checksGeo: addition.checksGeo,
    ignoresValues: addition.params.skipCreation,
  };
}

/** Spools the body and judges it. */
async function takeIn(
  request: GatewayRequest,
  addition: Addition,
  indexUid: string,
): Promise<SplitResult> {
  const { spool, params, format } = addition;
  const splitter = new DocumentSplitter({
    ...judging(addition, indexUid),
    format,
    primaryKey: params.primaryKey ?? addition.indexKey,
    ...(params.csvDelimiter === undefined ? {} : { csvDelimiter: params.csvDelimiter }),
    sink: (bytes) => spool.append(bytes),
  });
  for await (const chunk of request.body) {
    splitter.push(chunk);
    await spool.flush();
  }
  return finish(splitter, spool);
}

/** Judges the spooled body once more, with another primary key. CSV is NDJSON by now. */
async function splitAgain(
  addition: Addition,
  indexUid: string,
  primaryKey: string,
): Promise<SplitResult> {
  const { spool } = addition;
  const splitter = new DocumentSplitter({
    ...judging(addition, indexUid),
    format: addition.format === 'json' ? 'json' : 'ndjson',
    primaryKey,
    sink: () => {},
  });
  const reader = spool.reader();
  for (let offset = 0; offset < spool.byteLength; ) {
    await reader.load(offset);
    splitter.push(reader.block);
    offset += reader.block.length;
  }
  return finish(splitter, spool);
}

/** Ends the body and judges what is left of it, without keeping other requests waiting. */
async function finish(splitter: DocumentSplitter, spool: Spool): Promise<SplitResult> {
  splitter.end();
  await spool.seal();
  const steps = splitter.finishInSteps(spool);
  for (let sinceMs = performance.now(); ; ) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - sinceMs < TURN_MS) continue;
    await nextTurn();
    sinceMs = performance.now();
  }
}

function write(
  context: WriteContext,
  addition: Addition,
  first: { readonly split: SplitResult; readonly clientGone: AbortSignal },
): Promise<GatewayReply> {
  let { split } = first;
  return runWrite(context, {
    clientGone: first.clientGone,
    taskType: TASK_TYPE,
    customMetadata: addition.params.customMetadata,
    intent: () => toIntent(context.indexUid, addition, split),
    shares: (grant) => makeShares(context.indexUid, addition, split, grant),
    splitAgain: async (primaryKey) => {
      split = await splitAgain(addition, context.indexUid, primaryKey);
    },
  });
}

/** What control is told. Throws if the client must see an error in place of a task. */
function toIntent(indexUid: string, addition: Addition, split: SplitResult): WriteIntent {
  if (split.kind === 'rejected') {
    throw new MiroirError(split.rejection.code, split.rejection.message);
  }
  if (split.kind === 'reserved') {
    throw new MiroirError(
      'miroir_reserved_field',
      `The field \`${split.name}\` begins with \`_miroir_\`, which is reserved for the gateway.`,
    );
  }
  const { params, indexKey, method } = addition;
  const documentCount = split.kind === 'ok' ? split.table.count : split.documentCount;
  const isOtherKey =
    params.primaryKey !== undefined && indexKey !== undefined && params.primaryKey !== indexKey;
  const failure = isOtherKey
    ? errorBody(
        'index_primary_key_already_exists',
        `Index already has a primary key: \`${indexKey}\`.`,
      )
    : split.kind === 'ok'
      ? undefined
      : split.failure;
  return {
    kind: method === 'POST' ? WriteKind.DOCUMENTS_REPLACE : WriteKind.DOCUMENTS_UPDATE,
    indexUid,
    touches:
      split.kind === 'ok' && failure === undefined
        ? (split.table.hashBytes(KEYS_MAX) ?? 'all')
        : NO_KEYS,
    customMetadata: params.customMetadata,
    detailsJson: JSON.stringify({ receivedDocuments: documentCount, indexedDocuments: null }),
    // Empty where none could be inferred: control then names the one the index has by now.
    primaryKey: split.kind === 'task-failed' ? (split.primaryKey ?? '') : split.primaryKey,
    isPrimaryKeyExplicit: params.primaryKey !== undefined,
    failure,
    documentCount,
    skipsCreation: params.skipCreation,
  };
}

const NO_KEYS = new Uint8Array(0);

function makeShares(
  indexUid: string,
  addition: Addition,
  split: SplitResult,
  grant: Grant,
): NodeShare[] {
  if (split.kind !== 'ok') return [];
  const { table } = split;
  const { spool, params } = addition;
  const targets = readTargets(grant);
  const framing: Framing = addition.format === 'json' ? 'json' : 'ndjson';
  const query: Record<string, string> = {};
  const primaryKey = grant.primaryKey ?? split.primaryKey;
  if (primaryKey !== undefined) query['primaryKey'] = primaryKey;
  if (params.skipCreation) query['skipCreation'] = 'true';
  const { shardCount } = targets;
  const seq = Number(grant.seq);
  const shares = rowsByNode(targets, table.hashLows, table.count).map((rows, place): NodeShare => {
    const source = { spool, table, rows, framing, seq, shardCount };
    return {
      nodeId: targets.nodeIds[place] as NodeShare['nodeId'],
      bodies: cutParts(table, rows, framing).map((part) => ({
        method: addition.method,
        path: `/indexes/${indexUid}/documents`,
        query,
        contentType: framing === 'json' ? 'application/json' : 'application/x-ndjson',
        body: () => bodyOf(source, part),
        bodyBytes: part.bodyBytes,
      })),
      shards: shardsOfRows(rows, table.hashLows, shardCount),
    };
  });
  return shares.filter((share) => share.bodies.length > 0);
}
