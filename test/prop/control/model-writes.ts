/** The writes of the made-up world, drawn so that they often touch the same documents and indexes. */
import type { BeginInput, WriteKind } from '../../../control/state/index.ts';
import { hashPrimaryKey } from '../../../core/placement/index.ts';

const NAMES = ['a', 'b', 'c'];
const KEYS = ['1', '2', '3', '4', '5', '6'];

/** A write as the checks remember it, judged by nothing of the lane. */
export interface BegunWrite {
  readonly input: BeginInput;
  readonly keys: readonly string[];
  readonly names: readonly string[];
}

/** Draws a write; `requestNumber` is also what makes settings differ. */
export function drawWrite(random: () => number, requestNumber: number): BegunWrite {
  const pick = <Item>(items: readonly Item[]): Item =>
    items[Math.floor(random() * items.length)] as Item;
  const kinds: WriteKind[] = [
    'documentsReplace',
    'documentsReplace',
    'documentsReplace',
    'documentsReplace',
    'documentsDeleteById',
    'documentsDeleteAll',
    'settingsUpdate',
    'indexCreate',
    'indexDelete',
    'indexSwap',
    'indexUpdate',
  ];
  const kind = pick(kinds);
  const uid = pick(NAMES);
  const other = pick(NAMES.filter((name) => name !== uid));
  const hasKeys = kind === 'documentsReplace' || kind === 'documentsDeleteById';
  const keys = hasKeys ? [pick(KEYS), pick(KEYS)] : [];
  const hashes = Buffer.alloc(keys.length * 8);
  for (const [at, key] of keys.entries()) hashes.writeBigUInt64LE(hashPrimaryKey(key), at * 8);
  const bodies: Partial<Record<WriteKind, unknown>> = {
    indexSwap: [{ indexes: [uid, other] }],
    indexUpdate: { uid: other },
    indexCreate: { uid },
    settingsUpdate: { stopWords: [String(requestNumber)] },
  };
  const input: BeginInput = {
    sidecarId: 's',
    requestNumber: String(requestNumber),
    kind,
    indexUid: kind === 'indexSwap' ? '' : uid,
    keyHashes: hashes,
    touchesAllShards: kind === 'documentsDeleteAll',
    customMetadata: null,
    details: hasKeys ? { receivedDocuments: 2, indexedDocuments: null } : null,
    primaryKey: kind === 'documentsReplace' ? 'id' : null,
    isPrimaryKeyExplicit: false,
    mayCreateIndex: random() < 0.9,
    failure: null,
    failureCreatesIndex: false,
    body: bodies[kind] ?? null,
    documentCount: keys.length,
    skipsCreation: false,
  };
  const names = kind === 'indexSwap' || kind === 'indexUpdate' ? [uid, other] : [uid];
  return { input, keys, names };
}
