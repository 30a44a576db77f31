/**
 * Sending to the other replicas: entries in a few messages ahead of their acknowledgement, a sign of life
 * when there are none, a snapshot for who is behind the beginning of the log.
 */
import { entriesFrom, pointAt } from './log.ts';
import { requiredMembers } from './record.ts';
import type { CoreState, Leading, Peer } from './state.ts';
import type { CoreEvent, Entry } from './types.ts';

/** Knows nothing of it yet. */
export function newPeer(state: CoreState, id: string): Peer {
  const { nowMs, log } = state;
  return {
    id,
    storeId: '',
    mode: 'probe',
    nextIndex: log.last.index,
    matchIndex: 0,
    inFlight: [],
    sentAtMs: Number.NEGATIVE_INFINITY,
    toldIndex: 0,
    toldRound: 0,
    progressAtMs: nowMs,
    levelAtMs: nowMs,
    ackAtMs: Number.NEGATIVE_INFINITY,
    lastIndexAtAck: Number.POSITIVE_INFINITY,
    round: 0,
    echoMs: -1,
  };
}

/** The same for one whose store is another than before: it was not level with it. */
export function unknownPeer(state: CoreState, id: string): Peer {
  return { ...newPeer(state, id), levelAtMs: Number.NEGATIVE_INFINITY };
}

/** One for each other member that holds data. */
export function syncPeers(state: CoreState, leading: Leading): void {
  const { peers } = leading;
  const members = (state.engine.known?.record.members ?? []).filter(
    ({ id, role }) => id !== state.options.id && role !== 'witness',
  );
  for (const id of peers.keys()) {
    if (!members.some((member) => member.id === id)) peers.delete(id);
  }
  for (const { id } of members) {
    if (!peers.has(id)) peers.set(id, newPeer(state, id));
  }
}

/** Sends each peer what is due. */
export function sendToPeers(state: CoreState): void {
  const { leading } = state;
  if (leading === undefined) return;
  for (const peer of leading.peers.values()) {
    if (peer.mode === 'stream') streamTo(state, leading, peer);
    else if (isSilent(state, peer)) probe(state, leading, peer);
    const isRoundNew = leading.round > peer.toldRound;
    if (isRoundNew || isSilent(state, peer)) send(state, leading, peer, undefined);
  }
}

/** Peers that have nothing to do hear of commits, so that what they show is not old. */
export function tellCommits(state: CoreState): void {
  const { leading, log } = state;
  if (leading === undefined) return;
  for (const peer of leading.peers.values()) {
    if (peer.mode === 'stream' && peer.toldIndex < log.commit.index) {
      send(state, leading, peer, undefined);
    }
  }
}

/** All that a peer holds is to be replaced. */
export function startSnapshot(state: CoreState, leading: Leading, peer: Peer): void {
  peer.inFlight = [];
  if (peer.storeId === '') {
    // It never spoke: nobody knows what it holds. Asked again from the end of the log.
    peer.mode = 'probe';
    peer.nextIndex = state.log.last.index;
    return;
  }
  // Who is required holds data that counts: it leaves the in-sync set before that is replaced.
  const isRequired = requiredMembers(state).some(({ storeId }) => storeId === peer.storeId);
  peer.mode = isRequired ? 'probe' : 'snapshot';
  if (isRequired) return;
  leading.condemned.add(peer.storeId);
  const { id, storeId } = peer;
  state.effects.push({ kind: 'sendSnapshot', to: id, storeId, epoch: leading.epoch });
}

/** A snapshot is in place, or is not. */
export function endSnapshot(
  state: CoreState,
  { peer: id, storeId, isInstalled }: Extract<CoreEvent, { kind: 'snapshotEnded' }>,
): void {
  const peers = state.leading?.peers;
  const peer = peers?.get(id);
  // It may have shown another store since; what became of an older one does not matter then.
  if (peer?.mode !== 'snapshot' || peer.storeId !== storeId) return;
  if (isInstalled) {
    // What the old store held says nothing of the new one.
    peers?.set(id, unknownPeer(state, id));
    return;
  }
  // The other side may have it all, and be at it still.
  peer.mode = 'condemned';
  peer.progressAtMs = state.nowMs;
}

/** Whether nothing that a peer says counts; it answered, so the next snapshot is sent if it is time. */
export function isToBeReplaced(state: CoreState, leading: Leading, peer: Peer): boolean {
  const pauseMs = state.options.timing.heartbeatMs;
  const isDue = peer.mode === 'condemned' && state.nowMs - peer.progressAtMs >= pauseMs;
  if (isDue) startSnapshot(state, leading, peer);
  return peer.mode === 'snapshot' || peer.mode === 'condemned';
}

/** What was on its way may be lost. */
export function resetStream(state: CoreState, id: string): void {
  const peer = state.leading?.peers.get(id);
  if (peer !== undefined) rewind(peer);
}

function rewind(peer: Peer): void {
  if (peer.mode !== 'stream' && peer.mode !== 'probe') return;
  peer.mode = 'probe';
  peer.inFlight = [];
  peer.sentAtMs = Number.NEGATIVE_INFINITY;
  if (peer.matchIndex > 0) peer.nextIndex = peer.matchIndex + 1;
}

function isSilent(state: CoreState, peer: Peer): boolean {
  return state.nowMs - peer.sentAtMs >= state.options.timing.heartbeatMs;
}

function streamTo(state: CoreState, leading: Leading, peer: Peer): void {
  const { log, nowMs } = state;
  const { timing, bounds } = state.options;
  if (peer.inFlight.length > 0 && nowMs - peer.progressAtMs >= timing.heartbeatMs * 2) {
    rewind(peer);
    peer.progressAtMs = nowMs;
    probe(state, leading, peer);
    return;
  }
  while (peer.nextIndex <= log.last.index && peer.inFlight.length < bounds.messagesInFlight) {
    if (!sendEntries(state, leading, peer)) return;
  }
}

/** Finds out what it holds: the entry before the next one, and what follows. */
function probe(state: CoreState, leading: Leading, peer: Peer): void {
  if (peer.mode !== 'probe') return;
  if (peer.nextIndex <= state.log.last.index) sendEntries(state, leading, peer);
  else send(state, leading, peer, { entries: [], previousIndex: peer.nextIndex - 1 });
}

/** Returns false if the log does not hold them any more. */
function sendEntries(state: CoreState, leading: Leading, peer: Peer): boolean {
  const from = peer.nextIndex;
  const entries = entriesFrom(state, from, state.options.bounds.messageBytes);
  if (entries === 'trimmed' || pointAt(state, from - 1) === undefined) {
    startSnapshot(state, leading, peer);
    return false;
  }
  send(state, leading, peer, { entries, previousIndex: from - 1 });
  if (peer.mode === 'stream') {
    if (peer.inFlight.length === 0) peer.progressAtMs = state.nowMs;
    peer.nextIndex = from + entries.length;
    peer.inFlight.push(peer.nextIndex - 1);
  }
  return true;
}

function send(
  state: CoreState,
  leading: Leading,
  peer: Peer,
  part: { readonly entries: readonly Entry[]; readonly previousIndex: number } | undefined,
): void {
  const { nowMs, log } = state;
  const previous = part === undefined ? undefined : pointAt(state, part.previousIndex);
  peer.sentAtMs = nowMs;
  peer.toldIndex = log.commit.index;
  peer.toldRound = leading.round;
  state.effects.push({
    kind: 'send',
    to: peer.id,
    message: {
      kind: 'append',
      epoch: leading.epoch,
      clusterId: state.clusterId,
      previous: previous === undefined ? null : { index: previous.index, chain: previous.chain },
      entries: part?.entries ?? [],
      commitIndex: log.commit.index,
      round: leading.round,
      echoMs: isAble(state, leading) ? peer.echoMs : -1,
    },
  });
}

/**
 * A leader that can neither commit nor reach the engine to drop who is missing lets others take over: it
 * echoes nothing. Its own clock decides only when they may try.
 */
function isAble(state: CoreState, leading: Leading): boolean {
  const { timing } = state.options;
  const isRenewed = timing.renewMs === 0 || state.nowMs - leading.renewedAtMs < timing.expiryMs;
  if (isRenewed) return true;
  const isr = state.engine.known?.record.isr ?? [];
  return isr.every(({ id, storeId }) => {
    const peer = leading.peers.get(id);
    if (storeId === state.storeId) return true;
    return peer !== undefined && state.nowMs - peer.levelAtMs < timing.dropMs * 2;
  });
}
