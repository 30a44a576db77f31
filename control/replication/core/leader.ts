/**
 * Leading: entries are numbered, written and sent; they are committed when every required replica has them
 * on disk. The first entry of an epoch is a barrier: once it is committed and applied, all that came before
 * is known, and the leader opens.
 */
import { assert } from '../../../core/assert.ts';
import type { EngineRecord } from '../engine.ts';
import { advanceCommit, appendEntry, pointAt } from './log.ts';
import { isToBeReplaced, startSnapshot, syncPeers, unknownPeer } from './peers.ts';
import { requiredMembers } from './record.ts';
import {
  type CoreState,
  generationOf,
  type Leading,
  type Peer,
  raiseFence,
  stopLeading,
} from './state.ts';
import type { Entry, ProposalPlace, ReplicaMessage } from './types.ts';

type Ack = Extract<ReplicaMessage, { kind: 'ack' }>;
type Mismatch = Extract<ReplicaMessage, { kind: 'mismatch' }>;

/** The record says that this replica leads from now on. */
export function startLeading(state: CoreState, record: EngineRecord): void {
  const { log, options, nowMs } = state;
  assert(record.leader === options.id, 'the record names this replica');
  stopLeading(state, 'deposed');
  state.following = undefined;
  state.candidacy = undefined;
  state.clusterId = record.clusterId;
  // From here on nothing of an older leader is acknowledged.
  raiseFence(state, record.epoch);
  const index = log.last.index + 1;
  const barrier = options.barrier(record.epoch, log.last.chain, record.clusterId);
  appendEntry(log, { epoch: record.epoch, index, ...barrier });
  state.leading = {
    epoch: record.epoch,
    barrierIndex: index,
    startedAtMs: nowMs,
    phase: 'barrier',
    peers: new Map(),
    condemned: new Set(),
    renewedAtMs: nowMs,
    shortSinceMs: undefined,
    handover: undefined,
    change: undefined,
    round: 0,
    confirmedRound: 0,
    reads: [],
  };
  syncPeers(state, state.leading);
}

/** Where an entry proposed now would go, or why none may be. */
export function proposalPlace(state: CoreState): ProposalPlace {
  const { leading, log, options } = state;
  if (leading?.phase !== 'open' || leading.handover !== undefined) {
    return { kind: 'refused', reason: 'notLeader' };
  }
  if (!hasEnough(state)) return { kind: 'refused', reason: 'tooFewReplicas' };
  const { uncommittedEntries, uncommittedBytes } = options.bounds;
  const isFull =
    log.last.index - log.commit.index >= uncommittedEntries ||
    log.uncommittedBytes >= uncommittedBytes;
  if (isFull) return { kind: 'refused', reason: 'tooMuch' };
  const { index, chain } = log.last;
  return { kind: 'place', epoch: leading.epoch, index: index + 1, previousChain: chain };
}

/** Takes an entry made for the place that was just given. */
export function propose(state: CoreState, entry: Entry): void {
  const { leading, log } = state;
  assert(leading?.epoch === entry.epoch, 'an entry is of the epoch it was made for');
  assert(leading.phase === 'open', 'nothing is proposed to a leader that is not open');
  appendEntry(log, entry);
}

/** Commits what every required replica has; nothing while the in-sync set is too small. */
export function tryCommit(state: CoreState): void {
  const { leading, log, options } = state;
  if (leading === undefined || leading.phase === 'stopped' || !hasEnough(state)) return;
  let index = log.durableIndex;
  for (const { id, storeId } of requiredMembers(state)) {
    if (id === options.id && storeId === state.storeId) continue;
    const peer = leading.peers.get(id);
    index = peer?.storeId === storeId ? Math.min(index, peer.matchIndex) : 0;
    if (index <= log.commit.index) return;
  }
  advanceCommit(state, index);
}

/** Whether nobody else has to have an entry for it to be committed. */
export function isAlone(state: CoreState): boolean {
  if (state.leading === undefined || state.leading.phase === 'stopped') return false;
  const required = requiredMembers(state);
  return hasEnough(state) && required.every(({ storeId }) => storeId === state.storeId);
}

/** Opens once the barrier is part of the state on disk. */
export function tryOpen(state: CoreState): void {
  const { leading, log } = state;
  if (leading?.phase !== 'barrier' || log.applied.index < leading.barrierIndex) return;
  leading.phase = 'open';
  state.effects.push({ kind: 'lead', epoch: leading.epoch, position: log.applied });
}

/** A peer says what it has on disk. */
export function takeAck(state: CoreState, from: string, message: Ack): void {
  const found = findPeer(state, from, message);
  if (found === undefined) return;
  const { peer, leading } = found;
  const { log, nowMs } = state;
  if (isToBeReplaced(state, leading, peer) || message.index > log.last.index) return;
  const own = pointAt(state, message.index);
  if (own !== undefined && own.chain !== message.chain) {
    peer.mode = 'probe';
    peer.nextIndex = Math.max(1, Math.min(peer.nextIndex, message.index));
    return;
  }
  if (message.index > peer.matchIndex) {
    peer.matchIndex = message.index;
    peer.progressAtMs = nowMs;
  }
  while ((peer.inFlight[0] ?? Number.POSITIVE_INFINITY) <= peer.matchIndex) peer.inFlight.shift();
  if (peer.mode === 'probe') {
    peer.mode = 'stream';
    peer.inFlight = [];
    peer.nextIndex = message.index + 1;
    peer.progressAtMs = nowMs;
  }
  noteLevel(state, peer, message.index);
}

/** A peer's log does not reach to where the entries begin, or holds something else there. */
export function takeMismatch(state: CoreState, from: string, message: Mismatch): void {
  const found = findPeer(state, from, message);
  if (found === undefined) return;
  const { peer, leading } = found;
  if (isToBeReplaced(state, leading, peer)) return;
  const { last } = state.log;
  const isOlder = generationOf(message.committed.clusterId) < generationOf(state.clusterId);
  if (message.index < 0 || (isOlder && message.index > last.index)) {
    startSnapshot(state, leading, peer);
    return;
  }
  const nextIndex = Math.min(message.index, last.index) + 1;
  peer.matchIndex = Math.min(peer.matchIndex, message.index);
  // What was tried already is tried again at the next heartbeat only.
  if (peer.mode === 'stream' || peer.nextIndex !== nextIndex) {
    peer.sentAtMs = Number.NEGATIVE_INFINITY;
  }
  peer.mode = 'probe';
  peer.inFlight = [];
  peer.nextIndex = nextIndex;
}

/** Whether as many replicas are in-sync as an entry must have. */
function hasEnough(state: CoreState): boolean {
  const record = state.engine.known?.record;
  return record !== undefined && record.isr.length >= record.minIsr;
}

function findPeer(
  state: CoreState,
  from: string,
  message: Ack | Mismatch,
): { readonly leading: Leading; readonly peer: Peer } | undefined {
  const { leading } = state;
  if (leading === undefined || message.epoch !== leading.epoch) return undefined;
  let peer = leading.peers.get(from);
  if (peer === undefined) return undefined;
  if (peer.storeId !== message.storeId) {
    // Another disk holds nothing of what the old one held.
    if (peer.storeId !== '') {
      peer = unknownPeer(state, from);
      leading.peers.set(from, peer);
    }
    peer.storeId = message.storeId;
    if (leading.condemned.has(peer.storeId)) peer.mode = 'condemned';
  }
  peer.round = Math.max(peer.round, message.round);
  peer.echoMs = Math.max(peer.echoMs, message.sentMs);
  return { leading, peer };
}

/** Level: it has all that the log held when it answered before. */
function noteLevel(state: CoreState, peer: Peer, index: number): void {
  const { log, nowMs } = state;
  if (index >= log.last.index) peer.levelAtMs = nowMs;
  else if (index >= peer.lastIndexAtAck) peer.levelAtMs = Math.max(peer.levelAtMs, peer.ackAtMs);
  peer.lastIndexAtAck = log.last.index;
  peer.ackAtMs = nowMs;
}
