/**
 * Who is in the in-sync set, as its leader sees it. Whoever was not level for a while leaves, so that
 * commits go on; whoever has all that is committed joins. The set never gets smaller than entries need: a
 * leader that cannot hold it hands over instead, for it may be the one that is cut off.
 */
import type { EngineIsrMember, EngineRecord } from '../engine.ts';
import { type CoreState, isSameMember, type Leading, type Peer } from './state.ts';

/** The record as it should be, renewal included; undefined if it is right and needs none yet. */
export function wantedRecord(
  state: CoreState,
  leading: Leading,
): { readonly record: EngineRecord; readonly ticket: number | undefined } | undefined {
  const { engine, options, nowMs } = state;
  const record = engine.known?.record;
  if (record === undefined) return undefined;
  const { renewMs } = options.timing;
  const isRenewalDue = renewMs > 0 && nowMs - leading.renewedAtMs >= renewMs;
  const isr = wantedIsr(state, leading, record);
  const { change } = leading;
  if (!isRenewalDue && change === undefined && isSameSet(isr, record.isr)) return undefined;
  return {
    record: { ...record, ...change?.change, isr, renewNo: record.renewNo + 1 },
    ticket: change?.ticket,
  };
}

/**
 * The record without a leader. Who goes stays in the set until another one takes over, for it may turn out
 * that nobody else can; only one whose data is not whole leaves at once.
 */
export function releasedRecord(
  state: CoreState,
  leading: Leading,
  record: EngineRecord,
): EngineRecord {
  const { successor: _, ...kept } = record;
  const successor = leading.handover?.successor;
  const released: EngineRecord = {
    ...kept,
    ...{ leader: '', leaderAddress: '', resigned: state.options.id },
    ...(successor === undefined ? {} : { successor }),
  };
  const others = record.isr.filter(({ storeId }) => storeId !== state.storeId);
  const leaves = leading.handover?.kind === 'behind' && others.length > 0;
  return leaves ? { ...released, isr: others } : released;
}

/** Voters that have all that is committed and are not in the set. */
export function readyPeers(state: CoreState, leading: Leading): EngineIsrMember[] {
  const record = state.engine.known?.record;
  const ready: EngineIsrMember[] = [];
  // What older leaders may have committed precedes the barrier, whether it is known as committed or not.
  const floorIndex = Math.max(state.log.commit.index, leading.barrierIndex);
  for (const { id, role } of leading.change?.change.members ?? record?.members ?? []) {
    const peer = leading.peers.get(id);
    if (role !== 'voter' || peer === undefined || peer.matchIndex < floorIndex) continue;
    if (!isSteady(state, peer)) continue;
    const member = { id, storeId: peer.storeId };
    if (record?.isr.some((other) => isSameMember(other, member)) === false) ready.push(member);
  }
  return ready;
}

/**
 * Counts how long too few replicas are level; true if it is time to let others try. A leader that does not
 * reach the engine either waits: nobody could be told.
 */
export function isShortTooLong(state: CoreState, leading: Leading): boolean {
  const record = state.engine.known?.record;
  if (record === undefined) return false;
  const levelCount = record.isr.filter((member) => isLevel(state, leading, member)).length;
  if (levelCount >= record.minIsr || record.isr.length === 1) leading.shortSinceMs = undefined;
  else leading.shortSinceMs ??= state.nowMs;
  const { shortSinceMs, renewedAtMs } = leading;
  const { renewMs, dropMs } = state.options.timing;
  const isRenewed = renewMs > 0 && state.nowMs - renewedAtMs < renewMs * 2;
  return shortSinceMs !== undefined && isRenewed && state.nowMs - shortSinceMs >= dropMs * 2;
}

function wantedIsr(
  state: CoreState,
  leading: Leading,
  record: EngineRecord,
): readonly EngineIsrMember[] {
  const minIsr = leading.change?.change.minIsr ?? record.minIsr;
  const voters = (leading.change?.change.members ?? record.members).filter(
    ({ role }) => role === 'voter',
  );
  // A write under way that nobody else has to have must not meet somebody who has to.
  const { writing, commit } = state.log;
  const isCommitting = writing !== undefined && writing.commitIndex > commit.index;
  const ready = isCommitting ? [] : readyPeers(state, leading);
  const isGone = ({ id, storeId }: EngineIsrMember): boolean =>
    !voters.some((voter) => voter.id === id) ||
    ready.some((member) => member.id === id && member.storeId !== storeId);
  const staying = record.isr.filter((member) => !isGone(member));
  const level = staying.filter((member) => isLevel(state, leading, member));
  const wanted = [...level, ...ready];
  if (wanted.length >= Math.min(minIsr, record.isr.length)) return wanted;
  return [...staying, ...ready];
}

function isLevel(state: CoreState, leading: Leading, member: EngineIsrMember): boolean {
  if (member.storeId === state.storeId) return true;
  const peer = leading.peers.get(member.id);
  if (peer === undefined) return false;
  // One that did not speak yet has its time as well.
  if (peer.storeId !== '' && peer.storeId !== member.storeId) return false;
  return state.nowMs - peer.levelAtMs < state.options.timing.dropMs;
}

/** It answers, and keeps up. */
function isSteady(state: CoreState, peer: Peer): boolean {
  const freshMs = state.options.timing.dropMs / 2;
  return (
    peer.mode === 'stream' &&
    state.nowMs - peer.ackAtMs < freshMs &&
    state.nowMs - peer.levelAtMs < freshMs
  );
}

function isSameSet(left: readonly EngineIsrMember[], right: readonly EngineIsrMember[]): boolean {
  return (
    left.length === right.length &&
    left.every((member) => right.some((other) => isSameMember(member, other)))
  );
}
