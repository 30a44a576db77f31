/**
 * The internal key: search and documents.get, for calls the caller's own key could not make. Its uid is
 * fixed, so its text follows from the master key and is the same on every node; it is never stored.
 */
import { createHash, createHmac } from 'node:crypto';
import type { NodeKey } from './node-keys.ts';

/** Uid of the internal key; hidden from clients' lists of keys. */
export const INTERNAL_KEY_UID = '6d69726f-6972-4000-8000-696e7465726e';

/** What it may do. */
export const INTERNAL_KEY: Omit<NodeKey, 'key'> = {
  name: 'miroir internal key',
  description: 'Used by Miroir itself; do not remove',
  uid: INTERNAL_KEY_UID,
  actions: ['search', 'documents.get'],
  indexes: ['*'],
  expiresAt: null,
};

/** Text of the key with this uid, as nodes derive it. */
export function keyText(masterKey: string, uid: string): string {
  return createHmac('sha256', masterKey).update(uid).digest('hex');
}

/** Lowercase hex SHA-256. */
export function hashHex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
