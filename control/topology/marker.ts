/**
 * The marker: index `_miroir_node` on each node with one document that says whose node it is. It tells a
 * node of another cluster, a node whose addresses were mixed up, and a node that lost its data.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type ControlNode, lastTaskUid } from '../nodes/index.ts';

/** Uid of the marker's index; the gateway hides it and refuses it to clients. */
export const MARKER_INDEX = '_miroir_node';

const MARKER_ID = 'marker';
const WRITE_LIMIT_MS = 60_000;
const POLL_MS = 20;

/** What the marker says. */
export interface Marker {
  readonly cluster: string;
  readonly node: string;
  /** Place in the lane at which it was written. */
  readonly seq: number;
}

/** Reads the marker: itself, `absent`, or `unreachable`. */
export async function readMarker(
  node: ControlNode,
  signal: AbortSignal,
): Promise<Marker | 'absent' | 'unreachable'> {
  const path = `/indexes/${MARKER_INDEX}/documents/${MARKER_ID}`;
  const answer = await node.call({ method: 'GET', path, signal });
  if (answer.kind !== 'answer') return 'unreachable';
  if (answer.status === 404) return 'absent';
  if (answer.status !== 200) return 'unreachable';
  try {
    const { cluster, node: name, seq } = JSON.parse(answer.text) as Record<string, unknown>;
    return { cluster: String(cluster), node: String(name), seq: Number(seq) };
  } catch {
    return 'unreachable';
  }
}

/** Writes the marker and waits until it is there; false if that failed. */
export async function writeMarker(
  node: ControlNode,
  marker: Marker,
  signal: AbortSignal,
): Promise<boolean> {
  const body = JSON.stringify([{ id: MARKER_ID, ...marker }]);
  const path = `/indexes/${MARKER_INDEX}/documents?primaryKey=id`;
  const answer = await node.call({ method: 'POST', path, body, signal });
  if (answer.kind !== 'answer' || answer.status !== 202) return false;
  for (let waitedMs = 0; waitedMs < WRITE_LIMIT_MS; waitedMs += POLL_MS) {
    const found = await readMarker(node, signal);
    if (typeof found === 'object' && found.seq >= marker.seq) {
      return found.cluster === marker.cluster;
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return false;
  }
  return false;
}

/** Uids of the indexes on a node besides the marker; undefined if it did not answer. */
export async function otherIndexes(
  node: ControlNode,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const list = await node.read<{ results: readonly { uid: string }[] }>('/indexes?limit=5', signal);
  return list?.results.map((index) => index.uid).filter((uid) => uid !== MARKER_INDEX);
}

/** Highest task uid after adoption. */
export async function adoptedTaskUid(node: ControlNode, signal: AbortSignal): Promise<number> {
  return (await lastTaskUid(node, signal)) ?? -1;
}
