/** Keys of one node: reading all, making one, removing one. Texts of keys stay inside this folder. */
import type { ControlNode } from '../nodes/index.ts';

const PAGE = 1_000;
const PAGES_MAX = 100;

/** A key as a node shows it. */
export interface NodeKey {
  readonly name: string | null;
  readonly description: string | null;
  readonly key: string;
  readonly uid: string;
  readonly actions: readonly string[];
  readonly indexes: readonly string[];
  readonly expiresAt: string | null;
}

/** All keys, newest first; undefined if the node did not answer. */
export async function readKeys(
  node: ControlNode,
  signal: AbortSignal,
): Promise<NodeKey[] | undefined> {
  const keys: NodeKey[] = [];
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const path = `/keys?limit=${PAGE}&offset=${page * PAGE}`;
    const answer = await node.read<{ results: readonly NodeKey[]; total: number }>(path, signal);
    if (answer === undefined) return undefined;
    keys.push(...answer.results);
    if (keys.length >= answer.total) return keys;
  }
  return undefined;
}

/** Makes a key under its uid, so that its text is the same on every node. */
export async function createKey(
  node: ControlNode,
  key: Omit<NodeKey, 'key'>,
  signal: AbortSignal,
): Promise<boolean> {
  const { name, description, uid, actions, indexes, expiresAt } = key;
  const body = JSON.stringify({ name, description, uid, actions, indexes, expiresAt });
  const answer = await node.call({ method: 'POST', path: '/keys', body, signal });
  return answer.kind === 'answer' && (answer.status === 201 || answer.status === 409);
}

/** Removes a key. */
export async function deleteKey(
  node: ControlNode,
  uid: string,
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await node.call({ method: 'DELETE', path: `/keys/${uid}`, signal });
  return answer.kind === 'answer' && (answer.status === 204 || answer.status === 404);
}
