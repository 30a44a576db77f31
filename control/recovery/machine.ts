/** Recovery's side of the machine: its own events, and a turn after every event of anybody. */
import { assertNever } from '../../core/assert.ts';
import type { MachineEvent, RecoveryEvent, State } from '../state/index.ts';
import { clearNodes, indexesListed, indexRemoved } from './leftovers.ts';
import { markerWritten, writeMarkers } from './markers.ts';
import { indexMended, startMending } from './mend.ts';
import { answerWorker, moveWorkers } from './progress.ts';
import { startWorkers } from './start.ts';
import { dropTombstones } from './tombstones.ts';
import type { LaneSteps } from './worker.ts';

/** Takes one of recovery's own events. */
export function recoveryEvent(state: State, lane: LaneSteps, event: RecoveryEvent): void {
  switch (event.kind) {
    case 'recoveryListed':
    case 'recoveryRead':
    case 'recoveryCompared':
    case 'recoveryFailed':
      answerWorker(state, lane, event);
      return;
    case 'indexMended':
      indexMended(state, event);
      return;
    case 'indexesListed':
      indexesListed(state, event);
      return;
    case 'indexRemoved':
      indexRemoved(state, event);
      return;
    case 'nodeDoubted':
      state.emit({ kind: 'readNode', nodeId: event.nodeId });
      return;
    case 'markerWritten':
      markerWritten(state, event);
      return;
    default:
      assertNever(event);
  }
}

/** After every event: notes what it says of nodes, and lets recovery do what it can now. */
export function moveRecovery(state: State, lane: LaneSteps, event: MachineEvent): void {
  const { recovery } = state;
  if (!('now' in event)) return;
  if (event.kind === 'nodeTail') {
    const { nodeId, startedAtMs } = event.reading;
    recovery.readings.set(nodeId, Math.max(recovery.readings.get(nodeId) ?? 0, startedAtMs));
  }
  if (event.kind === 'nodeHealth' && event.isUp) {
    recovery.upSince.set(event.nodeId, event.now.steadyMs);
    endDoubt(state, event.nodeId);
  }
  const { now } = event;
  if (event.kind === 'tick') {
    clearNodes(state);
    startMending(state);
    dropTombstones(state);
    writeMarkers(state);
  }
  if (recovery.workers.size > 0) moveWorkers(state, lane, now);
  startWorkers(state);
}

/** Whether recovery needs time to pass (`tick`) even if nothing else does. */
export function isRecovering(state: State): boolean {
  return state.recovery.workers.size > 0 || state.notes.size > 0 || state.tombstones.size > 0;
}

/** It was found usable. */
function endDoubt(state: State, nodeId: string): void {
  state.recovery.doubted.delete(nodeId);
  const node = state.cluster.nodes.find(({ id }) => id === nodeId);
  if (node?.isDoubted !== true) return;
  node.isDoubted = false;
  state.touchCluster();
}
