/** The machine's one function: an event changes the state and leaves effects in it. Deterministic. */
import { assertNever } from '../../core/assert.ts';
import { confirm, watchOpened } from '../copies/index.ts';
import type { MachineEvent, State } from '../state/index.ts';
import { begin } from './begin.ts';
import { cancelBegin, nodeHealth, renew, tick } from './leases.ts';
import { counted, nodeTasks, stepDone } from './node-work.ts';
import { report, tagsFound } from './report.ts';

/** Applies one event. What changed and what is to be done is collected in the state. */
export function step(state: State, event: MachineEvent): void {
  if ('now' in event) state.nowMs = Math.max(state.nowMs, event.now.steadyMs);
  switch (event.kind) {
    case 'begin':
      begin(state, event);
      return;
    case 'cancelBegin':
      cancelBegin(state, event);
      return;
    case 'report':
      report(state, event);
      return;
    case 'renew':
      renew(state, event);
      return;
    case 'tick':
      tick(state, event.now);
      return;
    case 'stepDone':
      stepDone(state, event);
      return;
    case 'counted':
      counted(state, event);
      return;
    case 'tagsFound':
      tagsFound(state, event);
      return;
    case 'nodeTasks':
      nodeTasks(state, event);
      return;
    case 'nodeHealth':
      nodeHealth(state, event);
      return;
    case 'confirm':
      confirm(state, event);
      return;
    case 'watchOpened':
      watchOpened(state, event);
      return;
    case 'nodeTail':
    case 'confirmNode':
    case 'internalReport':
    case 'internalEnd':
    case 'recoveryListed':
    case 'recoveryRead':
    case 'recoveryCompared':
    case 'recoveryFailed':
    case 'indexMended':
    case 'nodeDoubted':
    case 'markerWritten':
      return;
    case 'cluster':
      state.cluster = { ...state.cluster, ...event.change };
      state.isClusterTouched = true;
      state.isClusterViewChanged = true;
      return;
    case 'nodeAdopted':
      adopt(state, event);
      return;
    default:
      assertNever(event);
  }
}

function adopt(state: State, event: Extract<MachineEvent, { kind: 'nodeAdopted' }>): void {
  const node = state.cluster.nodes.find((item) => item.id === event.nodeId);
  if (node === undefined) return;
  node.isAdopted = true;
  node.lastTaskUid = Math.max(node.lastTaskUid, event.lastTaskUid);
  state.isClusterTouched = true;
  state.touchedNodes.add(node.id);
}
