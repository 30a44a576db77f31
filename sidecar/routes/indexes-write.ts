/**
 * Making, changing, deleting and swapping indexes. The body is checked here with a node's texts, since
 * no node sees it before the task is enqueued; then the write takes its place in the lane.
 */
import { MiroirError } from '../../core/errors.ts';
import { isReservedName } from '../../core/reserved/index.ts';
import { WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import { mayCreateIndex, mayUseIndex } from '../auth/access.ts';
import { invalidKey } from '../auth/bearer.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { beginControlWrite } from './begin.ts';
import type { RouteContext } from './context.ts';
import { readJsonBody } from './json-body.ts';
import { reservedField } from './reserved-names.ts';
import {
  booleanField,
  checkArray,
  checkObject,
  type Location,
  missingField,
  optionalString,
  uidField,
} from './shape.ts';
import { parseIndexUid, refuseReservedUid } from './uid.ts';

/** POST /indexes. */
export async function createIndex(context: RouteContext): Promise<GatewayReply> {
  const body = checkObject(await readJsonBody(context), '', {
    uid: uidField('invalid_index_uid'),
    primaryKey: optionalString('invalid_index_primary_key'),
  });
  const uid = body['uid'];
  if (typeof uid !== 'string') throw missingField('missing_index_uid', 'uid', '');
  if (!mayCreateIndex(context.access, uid)) throw invalidKey();
  refuseReservedUid(uid);
  const primaryKey = textOrNull(body['primaryKey']);
  refuseReservedField(primaryKey);
  return beginControlWrite(context, {
    kind: WriteKind.INDEX_CREATE,
    indexUid: uid,
    taskType: 'indexCreation',
    details: { primaryKey },
    bodyJson: JSON.stringify({ uid, ...(primaryKey === null ? {} : { primaryKey }) }),
    mayCreateIndex: true,
  });
}

/** PATCH /indexes/{uid}: another primary key, another uid, or both. */
export async function updateIndex(context: RouteContext): Promise<GatewayReply> {
  const body = checkObject(
    await readJsonBody(context),
    '',
    {
      primaryKey: optionalString('invalid_index_primary_key'),
      uid: optionalString('invalid_index_uid'),
    },
    immutableField,
  );
  const uid = parseIndexUid(context.params['index_uid'] ?? '');
  const newUid = textOrNull(body['uid']);
  const primaryKey = textOrNull(body['primaryKey']);
  if (newUid !== null) refuseReservedUid(parseIndexUid(newUid));
  refuseReservedUid(uid);
  refuseReservedField(primaryKey);
  const rename = newUid === null ? {} : { oldIndexUid: uid, newIndexUid: newUid };
  return beginControlWrite(context, {
    kind: WriteKind.INDEX_UPDATE,
    indexUid: uid,
    taskType: 'indexUpdate',
    details: { primaryKey, ...rename },
    bodyJson: JSON.stringify({
      ...(newUid === null ? {} : { uid: newUid }),
      ...(primaryKey === null ? {} : { primaryKey }),
    }),
    mayCreateIndex: false,
  });
}

/** DELETE /indexes/{uid}. */
export async function deleteIndex(context: RouteContext): Promise<GatewayReply> {
  const uid = parseIndexUid(context.params['index_uid'] ?? '');
  refuseReservedUid(uid);
  return beginControlWrite(context, {
    kind: WriteKind.INDEX_DELETE,
    indexUid: uid,
    taskType: 'indexDeletion',
    details: { deletedDocuments: null },
    bodyJson: '',
    mayCreateIndex: false,
  });
}

/** POST /indexes/{uid}/compact. */
export async function compactIndex(context: RouteContext): Promise<GatewayReply> {
  const uid = parseIndexUid(context.params['index_uid'] ?? '');
  refuseReservedUid(uid);
  return beginControlWrite(context, {
    kind: WriteKind.INDEX_COMPACT,
    indexUid: uid,
    taskType: 'indexCompaction',
    details: {},
    bodyJson: '',
    mayCreateIndex: false,
  });
}

/** POST /swap-indexes. */
export async function swapIndexes(context: RouteContext): Promise<GatewayReply> {
  const items = checkArray(await readJsonBody(context), '', 'bad_request');
  const swaps = items.map((item, place) => parseSwap(item, `[${place}]`));
  for (const { indexes } of swaps) {
    if (indexes.length !== 2) throw wrongLength(indexes);
    if (!indexes.every((uid) => mayUseIndex(context.access, uid))) throw invalidKey();
  }
  refuseDuplicates(swaps.flatMap(({ indexes }) => indexes));
  return beginControlWrite(context, {
    kind: WriteKind.INDEX_SWAP,
    indexUid: '',
    taskType: 'indexSwap',
    details: { swaps },
    bodyJson: JSON.stringify(swaps),
    mayCreateIndex: false,
  });
}

interface Swap {
  readonly indexes: readonly string[];
  readonly rename: boolean;
}

function parseSwap(item: unknown, location: Location): Swap {
  const checkUid = uidField('invalid_swap_indexes');
  const swap = checkObject(item, location, {
    indexes: (value, at) => {
      const uids = checkArray(value, at, 'invalid_swap_indexes');
      for (const [place, uid] of uids.entries()) checkUid(uid, `${at}[${place}]`);
    },
    rename: booleanField('invalid_swap_rename'),
  });
  if (swap['indexes'] === undefined) {
    throw missingField('missing_swap_indexes', 'indexes', location);
  }
  const indexes = swap['indexes'] as string[];
  for (const uid of indexes) refuseReservedUid(uid);
  return { indexes, rename: swap['rename'] === true };
}

function wrongLength(indexes: readonly string[]): MiroirError {
  const list = indexes.map((uid) => `"${uid}"`).join(', ');
  return new MiroirError(
    'invalid_swap_indexes',
    `Two indexes must be given for each swap. The list \`[${list}]\` contains ${indexes.length} indexes.`,
  );
}

function refuseDuplicates(uids: readonly string[]): void {
  const twice = [...new Set(uids.filter((uid, place) => uids.indexOf(uid) !== place))].sort();
  if (twice.length === 0) return;
  const names = twice.map((uid) => `\`${uid}\``).join(', ');
  throw new MiroirError(
    'invalid_swap_duplicate_index_found',
    `Indexes must be declared only once during a swap. ${names} ${twice.length === 1 ? 'was' : 'were'} specified several times.`,
  );
}

function immutableField(name: string, accepted: string): MiroirError | undefined {
  const text = `Immutable field \`${name}\`: expected one of ${accepted}`;
  if (name === 'createdAt') return new MiroirError('immutable_index_created_at', text);
  if (name === 'updatedAt') return new MiroirError('immutable_index_updated_at', text);
  return undefined;
}

function refuseReservedField(primaryKey: string | null): void {
  if (primaryKey !== null && isReservedName(primaryKey)) throw reservedField(primaryKey);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
