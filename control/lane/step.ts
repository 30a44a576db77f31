/** The machine's one function: an event changes the state and leaves effects in it. Deterministic. */
import { assert, assertNever } from '../../core/assert.ts';
import { applyAdmin } from '../admin/index.ts';
import { confirm, watchOpened } from '../copies/index.ts';
import { jobEnded } from '../jobs/index.ts';
import { type LaneSteps, moveRecovery, recoveryEvent } from '../recovery/index.ts';
import { ANY_MARK, type MachineEvent, type Now, type State } from '../state/index.ts';
import { begin } from './begin.ts';
import { confirmNode } from './confirm-node.ts';
import { beginInternal, endInternal, sendInternal } from './internal.ts';
import { cancelBegin, nodeHealth, renew, tick } from './leases.ts';
import { counted, stepDone } from './node-work.ts';
import { progress } from './progress.ts';
import { internalReport, report } from './report.ts';
import { nodeTail } from './tail.ts';

/** Applies one event. What changed and what is to be done is collected in the state. */
export function step(state: State, event: MachineEvent): void {
  if ('now' in event) {
    state.nowMs = Math.max(state.nowMs, event.now.steadyMs);
    state.jobs.wallNs = event.now.wallNs;
  }
  apply(state, event);
  moveRecovery(state, LANE_STEPS, event);
  if ('now' in event && state.stirredIndexes.size > 0) progress(state, [], event.now);
}

/** How recovery takes and leaves its places in the lane. */
const LANE_STEPS: LaneSteps = {
  begin: (state, request, now) => {
    const seq = beginInternal(state, request, now);
    assert(seq !== undefined, 'recovery works on indexes that have a name');
    progress(state, [seq], now);
    return seq;
  },
  send: sendInternal,
  end: (state, seq, now) => {
    endInternal(state, { kind: 'internalEnd', seq, now });
    progress(state, [seq], now);
  },
};

function apply(state: State, event: MachineEvent): void {
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
    case 'nodeHealth':
      nodeHealth(state, event);
      return;
    case 'confirm':
      confirm(state, event);
      if (state.isConfirmationNew) lookAgain(state, event.now);
      return;
    case 'watchOpened':
      watchOpened(state, event);
      return;
    case 'nodeTail':
      nodeTail(state, event);
      return;
    case 'confirmNode':
      confirmNode(state, event);
      return;
    case 'internalReport':
      internalReport(state, event);
      return;
    case 'internalEnd':
      endInternal(state, event);
      progress(state, [event.seq], event.now);
      return;
    case 'recoveryListed':
    case 'recoveryRead':
    case 'recoveryCompared':
    case 'recoveryFailed':
    case 'indexMended':
    case 'indexesListed':
    case 'indexRemoved':
    case 'nodeDoubted':
    case 'markerWritten':
      recoveryEvent(state, LANE_STEPS, event);
      return;
    case 'cluster':
      changeCluster(state, event);
      return;
    case 'admin':
      applyAdmin(state, event);
      return;
    case 'jobEnded':
      jobEnded(state, event);
      return;
    case 'nodeAdopted':
      adopt(state, event);
      return;
    default:
      assertNever(event);
  }
}

/** What waits until sidecars hold a newer view. */
function lookAgain(state: State, now: Now): void {
  state.isConfirmationNew = false;
  const waiting = [...state.unconfirmed];
  state.unconfirmed.clear();
  progress(state, waiting, now);
}

function changeCluster(state: State, event: Extract<MachineEvent, { kind: 'cluster' }>): void {
  state.cluster = { ...state.cluster, ...event.change };
  state.isClusterTouched = true;
  state.isClusterViewChanged = true;
}

function adopt(state: State, event: Extract<MachineEvent, { kind: 'nodeAdopted' }>): void {
  const node = state.cluster.nodes.find((item) => item.id === event.nodeId);
  if (node === undefined) return;
  node.isAdopted = true;
  if (event.lastTaskUid > node.lastTaskUid) {
    node.lastTaskUid = event.lastTaskUid;
    node.lastMark = ANY_MARK;
    node.seenUid = event.lastTaskUid;
  }
  state.isClusterTouched = true;
  state.touchedNodes.add(node.id);
}
