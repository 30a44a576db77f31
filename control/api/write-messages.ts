/** Write messages <-> the lane's own types. Bad messages throw BadMessage. */
import { isObject } from '../../core/settings/index.ts';
import {
  type BeginRequest,
  type BeginResponse,
  type ReportRequest,
  WriteKind as WireKind,
} from '../../proto/gen/miroir/write/v1/write.ts';
import type {
  BeginInput,
  BeginReply,
  JsonObject,
  SendReport,
  TaskError,
  WriteKind,
} from '../state/index.ts';

/** A message that no sidecar of ours sends. */
export class BadMessage extends Error {
  override name = 'BadMessage';
}

const KINDS: ReadonlyMap<number, WriteKind> = new Map<number, WriteKind>([
  [WireKind.DOCUMENTS_REPLACE, 'documentsReplace'],
  [WireKind.DOCUMENTS_UPDATE, 'documentsUpdate'],
  [WireKind.DOCUMENTS_DELETE_BY_ID, 'documentsDeleteById'],
  [WireKind.DOCUMENTS_DELETE_BY_FILTER, 'documentsDeleteByFilter'],
  [WireKind.DOCUMENTS_DELETE_ALL, 'documentsDeleteAll'],
  [WireKind.DOCUMENTS_EDIT, 'documentsEdit'],
  [WireKind.INDEX_CREATE, 'indexCreate'],
  [WireKind.INDEX_UPDATE, 'indexUpdate'],
  [WireKind.INDEX_DELETE, 'indexDelete'],
  [WireKind.INDEX_SWAP, 'indexSwap'],
  [WireKind.SETTINGS_UPDATE, 'settingsUpdate'],
  [WireKind.INDEX_COMPACT, 'indexCompact'],
  [WireKind.TASKS_CANCEL, 'tasksCancel'],
  [WireKind.TASKS_DELETE, 'tasksDelete'],
]);

/** Kinds that are about no single index. */
const KINDS_WITHOUT_INDEX: ReadonlySet<WriteKind> = new Set([
  'indexSwap',
  'tasksCancel',
  'tasksDelete',
] as const);
const INDEX_UID = /^[A-Za-z0-9_-]{1,400}$/;
const HASH_BYTES_MAX = 8 * 65_536;

/** A Begin as the lane takes it. */
export function toBeginInput(request: BeginRequest): BeginInput {
  const kind = KINDS.get(request.kind);
  if (kind === undefined) throw new BadMessage(`unknown kind ${request.kind}`);
  if (request.sidecarId === '' || request.requestNumber === 0n) {
    throw new BadMessage('sidecar_id and request_number are needed');
  }
  const hasIndex = !KINDS_WITHOUT_INDEX.has(kind);
  if (hasIndex && !INDEX_UID.test(request.indexUid)) {
    throw new BadMessage('index_uid is no index uid');
  }
  const { primaryKeyHashes } = request;
  if (primaryKeyHashes.length % 8 !== 0 || primaryKeyHashes.length > HASH_BYTES_MAX) {
    throw new BadMessage('primary_key_hashes holds 0 to 65,536 hashes of 8 bytes');
  }
  const details = parseJson(request.detailsJson, 'details_json');
  return {
    sidecarId: request.sidecarId,
    requestNumber: request.requestNumber.toString(),
    kind,
    indexUid: hasIndex ? request.indexUid : '',
    keyHashes: primaryKeyHashes,
    touchesAllShards: request.touchesAllShards,
    customMetadata: request.customMetadata ?? null,
    details: isObject(details) ? (details as JsonObject) : null,
    primaryKey: request.primaryKey ?? null,
    isPrimaryKeyExplicit: request.primaryKeyExplicit,
    mayCreateIndex: request.mayCreateIndex,
    failure: request.failure === undefined ? null : (request.failure as TaskError),
    failureCreatesIndex: request.failureCreatesIndex,
    body: parseJson(request.bodyJson, 'body_json'),
    documentCount: Number(request.documentCount),
    skipsCreation: request.skipCreation,
  };
}

/** The results of a Report. */
export function toSendReports(request: ReportRequest): SendReport[] {
  return request.results.map(({ nodeId, part, partCount, outcome }) => {
    const place = { nodeId, part, partCount: Math.max(partCount, 1) };
    switch (outcome?.$case) {
      case 'enqueuedUid':
        return { ...place, outcome: { kind: 'enqueued', uid: Number(outcome.value) } };
      case 'refused': {
        const { status, body } = outcome.value;
        return { ...place, outcome: { kind: 'refused', status, body: body.toString('utf8') } };
      }
      default:
        return { ...place, outcome: { kind: 'unknown', reason: outcome?.value ?? '' } };
    }
  });
}

/** The answer to a Begin. */
export function toBeginResponse(reply: BeginReply): BeginResponse {
  switch (reply.kind) {
    case 'grant':
      return {
        outcome: {
          $case: 'grant',
          value: {
            seq: BigInt(reply.seq),
            enqueuedAt: reply.enqueuedAt,
            indexId: reply.indexId,
            ...(reply.primaryKey === null ? {} : { primaryKey: reply.primaryKey }),
            shardCount: reply.shardCount,
            nodeIds: [...reply.nodeIds],
            copiesPerShard: reply.copiesPerShard,
            targets: reply.targets,
            tag: reply.tag,
            standsWhenTaken: reply.standsWhenTaken,
          },
        },
      };
    case 'settled':
      return {
        outcome: {
          $case: 'settled',
          value: { seq: BigInt(reply.seq), enqueuedAt: reply.enqueuedAt },
        },
      };
    case 'otherPrimaryKey':
      return { outcome: { $case: 'otherPrimaryKey', value: reply.primaryKey } };
    default:
      return {
        outcome: { $case: 'refusal', value: { code: reply.code, message: reply.message } },
      };
  }
}

function parseJson(bytes: Buffer, field: string): unknown {
  if (bytes.length === 0) return null;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new BadMessage(`${field} is not JSON`);
  }
}
