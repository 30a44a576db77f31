/**
 * Makes the keys of all nodes equal. The first node's are the truth: what others have besides is removed
 * (default keys come with random uids), what they lack is made in the same order, oldest first.
 */
import type { ControlNode } from '../nodes/index.ts';
import { INTERNAL_KEY, INTERNAL_KEY_UID } from './internal-key.ts';
import { createKey, deleteKey, type NodeKey, readKeys } from './node-keys.ts';

/** Brings the nodes in line; the keys all have then, or undefined if one could not be brought. */
export async function unifyKeys(
  nodes: readonly ControlNode[],
  signal: AbortSignal,
): Promise<readonly NodeKey[] | undefined> {
  const [first, ...others] = nodes;
  if (first === undefined) return undefined;
  let truth = await readKeys(first, signal);
  if (truth === undefined) return undefined;
  if (!truth.some((key) => key.uid === INTERNAL_KEY_UID)) {
    if (!(await createKey(first, INTERNAL_KEY, signal))) return undefined;
    truth = await readKeys(first, signal);
    if (truth === undefined) return undefined;
  }
  for (const node of others) {
    if (!(await align(node, truth, signal))) return undefined;
  }
  return truth;
}

/**
 * Brings the keys of one node in line with another's, for a node that comes back and may have lost its data:
 * were it the first of the cluster, its default keys would else be the truth for all. False if it could not
 * be brought; true also if the other does not answer any more.
 */
export async function alignKeys(
  node: ControlNode,
  other: ControlNode,
  signal: AbortSignal,
): Promise<boolean> {
  const truth = await readKeys(other, signal);
  return truth === undefined || (await align(node, truth, signal));
}

async function align(
  node: ControlNode,
  truth: readonly NodeKey[],
  signal: AbortSignal,
): Promise<boolean> {
  const own = await readKeys(node, signal);
  if (own === undefined) return false;
  const wanted = new Map(truth.map((key) => [key.uid, key]));
  for (const key of own) {
    if (isSame(key, wanted.get(key.uid))) continue;
    if (!(await deleteKey(node, key.uid, signal))) return false;
  }
  const kept = new Set(own.filter((key) => isSame(key, wanted.get(key.uid))).map((key) => key.uid));
  for (const key of [...truth].reverse()) {
    // A key that has expired cannot be made any more, and nobody can use it.
    const isExpired = key.expiresAt !== null && Date.parse(key.expiresAt) <= Date.now();
    if (kept.has(key.uid) || isExpired) continue;
    if (!(await createKey(node, key, signal))) return false;
  }
  return true;
}

function isSame(key: NodeKey, wanted: NodeKey | undefined): boolean {
  if (wanted === undefined) return false;
  const words = ({ name, description, actions, indexes, expiresAt }: NodeKey): string =>
    JSON.stringify([name, description, [...actions].sort(), [...indexes].sort(), expiresAt]);
  return words(key) === words(wanted);
}
