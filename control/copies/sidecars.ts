/** Topology leases of sidecars: which of them may read, and from which view at least. */
import type { MachineEvent, State } from '../state/index.ts';
import { settleConfirmed, TOPOLOGY_LEASE_MS } from './confirmed.ts';

const SIDECARS_MAX = 4_096;

/** A sidecar follows the view from now on. What it holds is not known before it says so. */
export function watchOpened(
  state: State,
  event: Extract<MachineEvent, { kind: 'watchOpened' }>,
): void {
  const untilMs = event.now.steadyMs + TOPOLOGY_LEASE_MS;
  const known = state.sidecars.get(event.sidecarId);
  state.sidecars.set(event.sidecarId, { untilMs, index: known?.index ?? 0 });
  forgetLapsed(state);
}

/** A sidecar says which view it holds; the answer prolongs its lease. */
export function confirm(state: State, event: Extract<MachineEvent, { kind: 'confirm' }>): void {
  const lease = state.sidecars.get(event.sidecarId);
  const { ticket } = event;
  if (lease === undefined) {
    state.emit({ kind: 'confirmReply', ticket, leaseMs: 0 });
    return;
  }
  const before = lease.index;
  lease.index = Math.max(lease.index, event.index);
  if (lease.index < state.views.confirmedIndex) {
    // It was silent while others were told that nobody reads from such a view: it follows anew.
    state.emit({ kind: 'confirmReply', ticket, leaseMs: 0 });
    return;
  }
  lease.untilMs = event.now.steadyMs + TOPOLOGY_LEASE_MS;
  if (lease.index > before) state.isConfirmationNew = true;
  settleConfirmed(state);
  state.emit({ kind: 'confirmReply', ticket, leaseMs: TOPOLOGY_LEASE_MS });
}

/** Whether the sidecar is known to have been cut off or dead for this long, in milliseconds. */
export function hasLapsed(state: State, sidecarId: string, forMs: number): boolean {
  const lease = state.sidecars.get(sidecarId);
  const sinceMs = lease?.untilMs ?? state.startedMs + TOPOLOGY_LEASE_MS;
  return state.nowMs >= sinceMs + forMs;
}

function forgetLapsed(state: State): void {
  if (state.sidecars.size <= SIDECARS_MAX) return;
  for (const [id, lease] of state.sidecars) {
    if (lease.untilMs + 60_000 < state.nowMs) state.sidecars.delete(id);
  }
}
