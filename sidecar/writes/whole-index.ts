/** Writes that every owner node of an index gets alike: DELETE documents, deletion by filter, edits. */
import { assert } from '../../core/assert.ts';
import { MiroirError } from '../../core/errors.ts';
import { editPrefix, RESERVED_PREFIX } from '../../core/reserved/index.ts';
import { type Grant, WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import type { GatewayReply, GatewayRequest } from '../http/exchange.ts';
import { bytesReply } from '../routes/reply.ts';
import { checkObject, missingField, wrongType } from '../routes/shape.ts';
import { parseIndexUid, refuseReservedUid } from '../routes/uid.ts';
import type { WriteIntent } from './begin.ts';
import type { WriteContext } from './context.ts';
import { fieldText, refuseBadFilter, refuseEmptyFilter, refuseReservedFilter } from './filter.ts';
import { readCustomMetadata } from './params.ts';
import { askOneNode } from './probe.ts';
import { runWrite } from './run-session.ts';
import type { NodeBody, NodeShare } from './send.ts';
import { readSmallBody } from './small-body.ts';
import { readTargets, shardsByNode } from './targets.ts';

/** DELETE /indexes/{index_uid}/documents. */
export async function handleDocumentDeleteAll(
  _request: GatewayRequest,
  context: WriteContext,
): Promise<GatewayReply> {
  refuseReservedUid(parseIndexUid(context.indexUid));
  const customMetadata = readCustomMetadata(context.query);
  const intent = {
    kind: WriteKind.DOCUMENTS_DELETE_ALL,
    detailsJson: '{"deletedDocuments":null}',
    customMetadata,
  };
  return writeEverywhere(context, intent, 'documentDeletion', () => ({
    method: 'DELETE',
    path: `/indexes/${context.indexUid}/documents`,
    query: {},
    bodyBytes: 0,
  }));
}

/** POST /indexes/{index_uid}/documents/delete. */
export async function handleDocumentDeleteByFilter(
  request: GatewayRequest,
  context: WriteContext,
): Promise<GatewayReply> {
  const customMetadata = readCustomMetadata(context.query);
  const body = await readSmallBody(request);
  const fields = checkObject(body.value, '', { filter: () => {} });
  if (!Object.hasOwn(fields, 'filter')) throw missingField('missing_document_filter', 'filter', '');
  refuseReservedUid(parseIndexUid(context.indexUid));
  refuseEmptyFilter(fields['filter']);
  await refuseBadFilter(context, body);
  refuseReservedFilter(fields['filter']);
  const filterText = fieldText(body, 'filter');
  assert(filterText !== undefined, 'the field is there');
  const askedText = await evenFilterText(context, fields['filter'], filterText);
  const intent = {
    kind: WriteKind.DOCUMENTS_DELETE_BY_FILTER,
    detailsJson: JSON.stringify({
      providedIds: 0,
      deletedDocuments: null,
      originalFilter: filterText,
    }),
    customMetadata,
  };
  return writeEverywhere(context, intent, 'documentDeletion', () =>
    jsonBody(`/indexes/${context.indexUid}/documents/delete`, `{"filter":${askedText}}`),
  );
}

/** POST /indexes/{index_uid}/documents/edit. */
export async function handleDocumentEdit(
  request: GatewayRequest,
  context: WriteContext,
): Promise<GatewayReply> {
  const customMetadata = readCustomMetadata(context.query);
  const body = await readSmallBody(request);
  const fields = checkObject(body.value, '', {
    filter: () => {},
    context: () => {},
    function: (value, location) => {
      if (typeof value === 'string') return;
      throw wrongType('invalid_document_edition_function_filter', 'a string', value, location);
    },
  });
  const script = fields['function'];
  if (typeof script !== 'string') {
    throw missingField('missing_document_edition_function', 'function', '');
  }
  const texts = {
    filter: fields['filter'] === null ? undefined : fieldText(body, 'filter'),
    context: fields['context'] === null ? undefined : fieldText(body, 'context'),
  };
  const refused = await probeEdit(context, { ...texts, function: JSON.stringify(script) });
  if (refused !== undefined) return refused;
  refuseReservedUid(parseIndexUid(context.indexUid));
  refuseBadContext(fields['context']);
  refuseReservedFilter(fields['filter']);
  refuseReservedScript(script);
  const { filter } = texts;
  const asked =
    filter === undefined ? undefined : await evenFilterText(context, fields['filter'], filter);
  const intent = {
    kind: WriteKind.DOCUMENTS_EDIT,
    detailsJson: editDetails(script, texts),
    customMetadata,
  };
  return writeEverywhere(context, intent, 'documentEdition', (grant) => {
    const versioned = JSON.stringify(editPrefix(Number(grant.seq)) + script);
    return jsonBody(
      `/indexes/${context.indexUid}/documents/edit`,
      editBody({ ...texts, filter: asked, function: versioned }),
    );
  });
}

/** JSON text of the filter as nodes are asked: the client's own where it may stay. */
async function evenFilterText(
  context: WriteContext,
  filter: unknown,
  text: string,
): Promise<string> {
  const even = await context.evenFilter(filter);
  return even === filter ? text : JSON.stringify(even);
}

/** JSON texts of an edit's fields; undefined for those that are not there. */
interface EditTexts {
  readonly filter: string | undefined;
  readonly context: string | undefined;
  readonly function: string;
}

function editBody(texts: EditTexts): string {
  const members = Object.entries(texts).filter(([, text]) => text !== undefined);
  return `{${members.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
}

function editDetails(script: string, texts: Omit<EditTexts, 'function'>): string {
  const filter = texts.filter === undefined ? 'null' : JSON.stringify(texts.filter);
  return `{"editedDocuments":null,"deletedDocuments":null,"originalFilter":${filter},"context":${texts.context ?? 'null'},"function":${JSON.stringify(script)}}`;
}

/**
 * Feature flag, script and filter as a node judges them. The context is the last thing it looks at before
 * it makes a task, so that a context that is no object makes the question harmless.
 */
async function probeEdit(
  context: WriteContext,
  texts: EditTexts,
): Promise<GatewayReply | undefined> {
  const answer = await askOneNode(context, {
    path: `/indexes/${encodeURIComponent(context.indexUid)}/documents/edit`,
    body: Buffer.from(editBody({ ...texts, context: '5' })),
    authorization: context.authorization,
  });
  if (answer === undefined) {
    throw new MiroirError('miroir_shard_unavailable', 'No node can be asked about the edit.', {
      retryAfterSeconds: 1,
    });
  }
  if (answer.code === 'invalid_document_edition_context') return undefined;
  return bytesReply(context.route, answer.status, [answer.body]);
}

function refuseBadContext(value: unknown): void {
  const isObject = typeof value === 'object' && !Array.isArray(value);
  if (value === undefined || isObject) return;
  throw new MiroirError('invalid_document_edition_context', 'The context must be an object');
}

function refuseReservedScript(script: string): void {
  if (!script.includes(RESERVED_PREFIX)) return;
  throw new MiroirError(
    'miroir_reserved_field',
    'A function cannot name fields that begin with `_miroir_`; they are reserved for the gateway.',
  );
}

function jsonBody(path: string, text: string): NodeBody {
  const body = Buffer.from(text);
  return {
    method: 'POST',
    path,
    query: {},
    contentType: 'application/json',
    body: () => body,
    bodyBytes: body.length,
  };
}

function writeEverywhere(
  context: WriteContext,
  intent: Pick<WriteIntent, 'kind' | 'detailsJson' | 'customMetadata'>,
  taskType: string,
  makeBody: (grant: Grant) => NodeBody,
): Promise<GatewayReply> {
  const whole: WriteIntent = { ...intent, indexUid: context.indexUid, touches: 'all' };
  return runWrite(context, {
    taskType,
    customMetadata: intent.customMetadata,
    intent: () => whole,
    shares: (grant) => sharesEverywhere(grant, makeBody(grant)),
  });
}

/** The same body for every node that holds a copy which takes the write. */
function sharesEverywhere(grant: Grant, body: NodeBody): NodeShare[] {
  const targets = readTargets(grant);
  return shardsByNode(targets)
    .map((shards, place) => ({
      nodeId: targets.nodeIds[place] as NodeShare['nodeId'],
      bodies: [body],
      shards,
    }))
    .filter(({ shards }) => shards.length > 0);
}
