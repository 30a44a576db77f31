/** What a judged caller may do with indexes; every route that shows several indexes asks it. */
import type { KeyEntry } from '../../core/topology.ts';
import { holdsAction } from './actions.ts';

/** The rights of one request's caller. */
export interface Access {
  /** The token itself, to be forwarded to nodes. Never logged. */
  readonly token: string;
  /**
   * Uid patterns the key is limited to, sorted; empty means every index. With a tenant token these are
   * not known here and every answer must come from a node that was asked with the token.
   */
  readonly indexPatterns: readonly string[];
  /** True for a tenant token: the nodes hold the keys it is signed with, so they judge it. */
  readonly isJudgedByNode: boolean;
  /** Whether the key may create the indexes it may touch. */
  readonly holdsIndexCreation: boolean;
}

/** Access of the master key, and of routes that need no key. */
export function fullAccess(token: string): Access {
  return { token, indexPatterns: [], isJudgedByNode: false, holdsIndexCreation: true };
}

/** Access of a key of the key table. */
export function keyAccess(token: string, key: KeyEntry): Access {
  return {
    token,
    indexPatterns: key.indexes.includes('*') ? [] : [...key.indexes].sort(compareBytes),
    isJudgedByNode: false,
    holdsIndexCreation: holdsAction(key.actions, 'indexes.create'),
  };
}

/** Access of a tenant token, whose rules a node applies. */
export function tenantAccess(token: string): Access {
  return { token, indexPatterns: [], isJudgedByNode: true, holdsIndexCreation: false };
}

/** Whether the caller may see this index. */
export function mayUseIndex(access: Access, uid: string): boolean {
  return access.indexPatterns.length === 0 || matchesAny(access.indexPatterns, uid);
}

/** Whether the caller may bring this index into being. */
export function mayCreateIndex(access: Access, uid: string): boolean {
  return access.holdsIndexCreation && mayUseIndex(access, uid);
}

/** Uid patterns: exact, or a beginning followed by `*`. */
export function matchesAny(patterns: readonly string[], uid: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? uid.startsWith(pattern.slice(0, -1)) : pattern === uid,
  );
}

/** Orders by UTF-8 bytes, as a node does. Uids and patterns are ASCII, where this is the code unit order. */
export function compareBytes(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
