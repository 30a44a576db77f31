/** A client's write as a sidecar tells control of it. */
import type { BeginInput } from '../../control/state/index.ts';
import { type ClientWrite, hasKeys, keyOf } from './documents.ts';

/** The Begin of a client's write. */
export function beginInput(
  write: ClientWrite,
  caller: { readonly sidecarId: string; readonly requestNumber: string },
): BeginInput {
  const withKeys = hasKeys(write.kind);
  const isAddition = write.kind === 'documentsReplace' || write.kind === 'documentsUpdate';
  return {
    ...caller,
    kind: write.kind,
    indexUid: write.kind === 'indexSwap' ? '' : write.indexUid,
    keyHashes: withKeys
      ? Buffer.concat(write.keys.map((key) => keyOf(key).hashBytes))
      : Buffer.alloc(0),
    touchesAllShards: write.kind.startsWith('documents') && !withKeys,
    customMetadata: null,
    details: null,
    primaryKey: isAddition ? 'id' : null,
    isPrimaryKeyExplicit: false,
    mayCreateIndex: true,
    failure: null,
    failureCreatesIndex: false,
    body: bodyOf(write),
    documentCount: write.keys.length,
    skipsCreation: write.skipCreation,
  };
}

function bodyOf(write: ClientWrite): unknown {
  switch (write.kind) {
    case 'indexSwap':
      return [{ indexes: [write.indexUid, write.otherUid] }];
    case 'indexUpdate':
      return { uid: write.otherUid };
    case 'indexCreate':
      return { uid: write.indexUid };
    case 'settingsUpdate':
      return { stopWords: [String(write.id)] };
    case 'tasksCancel':
      return { matchesNothing: false, filter: filterOf(write.named ?? []) };
    default:
      return null;
  }
}

function filterOf(named: readonly number[]): Record<string, unknown> {
  return named.length > 0 ? { uids: named } : { statuses: ['enqueued', 'processing'] };
}
