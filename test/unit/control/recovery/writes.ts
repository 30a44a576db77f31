/** What clients write in the recovery tests: as control hears of it, and as a node does it. */
import type { BeginInput } from '../../../../control/state/index.ts';
import { firstVersionOf } from '../../../../core/documents/index.ts';
import { hashPrimaryKey } from '../../../../core/placement/index.ts';
import type { Change } from './model-node.ts';

/** What a client writes. */
export type Write =
  | { readonly kind: 'put' | 'update'; readonly documents: Readonly<Record<string, string>> }
  | { readonly kind: 'delete'; readonly ids: readonly string[] }
  | { readonly kind: 'deleteColor'; readonly color: string }
  | { readonly kind: 'paint'; readonly from: string; readonly to: string };

/** Its Begin, without what is the same for all. */
export function inputOf(write: Write): Partial<BeginInput> {
  switch (write.kind) {
    case 'put':
    case 'update': {
      const ids = Object.keys(write.documents);
      const kind = write.kind === 'put' ? 'documentsReplace' : 'documentsUpdate';
      return { kind, keyHashes: toHashes(ids), documentCount: ids.length, primaryKey: 'id' };
    }
    case 'delete':
      return { kind: 'documentsDeleteById', keyHashes: toHashes(write.ids) };
    case 'deleteColor':
      return { kind: 'documentsDeleteByFilter', touchesAllShards: true };
    default:
      return { kind: 'documentsEdit', touchesAllShards: true };
  }
}

/** What it does on a node. */
export function changeOf(write: Write, seq: number): Change {
  const version = firstVersionOf(seq);
  return (documents) => {
    switch (write.kind) {
      case 'put':
      case 'update':
        for (const [id, color] of Object.entries(write.documents)) {
          documents.set(id, { version, color });
        }
        return;
      case 'delete':
        for (const id of write.ids) documents.delete(id);
        return;
      case 'deleteColor':
        for (const [id, { color }] of documents) if (color === write.color) documents.delete(id);
        return;
      default:
        for (const [id, { color }] of documents) {
          if (color === write.from) documents.set(id, { version, color: write.to });
        }
    }
  };
}

function toHashes(ids: readonly string[]): Buffer {
  const hashes = Buffer.alloc(ids.length * 8);
  for (const [at, id] of ids.entries()) hashes.writeBigUInt64LE(hashPrimaryKey(id), at * 8);
  return hashes;
}

/** A Begin that says nothing yet. */
export const EMPTY: BeginInput = {
  sidecarId: 's',
  requestNumber: '1',
  kind: 'documentsReplace',
  indexUid: 'cars',
  keyHashes: Buffer.alloc(0),
  touchesAllShards: false,
  customMetadata: null,
  details: null,
  primaryKey: null,
  isPrimaryKeyExplicit: false,
  mayCreateIndex: true,
  failure: null,
  failureCreatesIndex: false,
  body: null,
  documentCount: 0,
  skipsCreation: false,
};
