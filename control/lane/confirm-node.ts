/**
 * A sidecar that lost all its connections to a node uses it again only after a reading of the node that began
 * later: the node may have restarted with other data. It is told when what the reading shows is durable.
 */
import type { MachineEvent, State } from '../state/index.ts';

/** How long a caller waits for the reading. */
const WAIT_MS = 2_000;
const WAITING_MAX = 4_096;

/** Asks for a reading. */
export function confirmNode(
  state: State,
  event: Extract<MachineEvent, { kind: 'confirmNode' }>,
): void {
  const { ticket, nodeId, now } = event;
  const isKnown = state.cluster.nodes.some(({ id }) => id === nodeId);
  if (!isKnown || state.waitingReaders.length >= WAITING_MAX) {
    state.emit({ kind: 'confirmNodeReply', ticket, isConfirmed: false });
    return;
  }
  state.waitingReaders.push({ ticket, nodeId, sinceMs: now.steadyMs });
  state.emit({ kind: 'readNode', nodeId });
  state.emit({ kind: 'wakeAt', steadyMs: now.steadyMs + WAIT_MS });
}

/** Callers whose node did not answer in time hear so. */
export function endReaders(state: State): void {
  const waiting = state.waitingReaders.splice(0);
  for (const reader of waiting) {
    if (state.nowMs < reader.sinceMs + WAIT_MS) state.waitingReaders.push(reader);
    else state.emit({ kind: 'confirmNodeReply', ticket: reader.ticket, isConfirmed: false });
  }
}
