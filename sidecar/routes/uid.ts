/** The uid of an index as a node accepts it, and the texts of its refusals. */
import { MiroirError } from '../../core/errors.ts';
import { isReservedName } from '../../core/reserved/index.ts';
import type { ClusterView, IndexEntry } from '../../core/topology.ts';
import type { IndexUid } from '../../core/types.ts';
import { reservedField } from './reserved-names.ts';

/** Letters, digits, `-`, `_`; a node's text says 512 bytes, its code 400. */
const UID = /^[A-Za-z0-9_-]{1,400}$/;

/** On every node: tells it from a foreign, wiped or rolled-back one. No client may see or touch it. */
export const MARKER_INDEX_UID = '_miroir_node';

/** Whether the text may be the uid of an index, the marker's aside. */
export function isIndexUid(text: string): boolean {
  return UID.test(text);
}

/** The text as a uid. Throws invalid_index_uid. */
export function parseIndexUid(text: string): IndexUid {
  if (!isIndexUid(text)) throw new MiroirError('invalid_index_uid', invalidUidText(text));
  return text as IndexUid;
}

/** A node's text for a uid it does not accept. */
export function invalidUidText(text: string): string {
  return `\`${text}\` is not a valid index uid. Index uid can be an integer or a string containing only alphanumeric characters, hyphens (-) and underscores (_), and can not be more than 512 bytes.`;
}

/** A node's answer where an index is not there. */
export function indexNotFound(uid: string): MiroirError {
  return new MiroirError('index_not_found', `Index \`${uid}\` not found.`);
}

/** The visible index of this uid. Throws invalid_index_uid or index_not_found. */
export function requireIndex(view: ClusterView, uidText: string): IndexEntry {
  const entry = findIndex(view, parseIndexUid(uidText));
  if (entry === undefined) throw indexNotFound(uidText);
  return entry;
}

/** The visible index of this uid, if there is one. */
export function findIndex(view: ClusterView, uid: IndexUid): IndexEntry | undefined {
  if (uid === MARKER_INDEX_UID) return undefined;
  const entry = view.indexes.get(uid);
  return entry?.isVisible === true ? entry : undefined;
}

/** Throws miroir_reserved_field for a uid that clients may not create. */
export function refuseReservedUid(uid: string): void {
  if (isReservedName(uid)) throw reservedField(uid);
}
