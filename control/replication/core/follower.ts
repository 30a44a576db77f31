/**
 * Obeying a leader: its entries are taken if they follow the log, acknowledged when they are on disk, and
 * refused if its epoch was replaced. The fence is on disk before anything of an epoch is acknowledged.
 */
import { advanceCommit, appendEntry, pointAt, settledIndex, truncateLog } from './log.ts';
import {
  type CoreState,
  type Following,
  generationOf,
  isForced,
  isSameCluster,
  raiseFence,
  seenCommit,
  stopLeading,
} from './state.ts';
import type { Entry, ReplicaMessage } from './types.ts';
import { noteWhole, raise } from './witness.ts';

/** Stands for the index of an entry when nothing that is here counts. */
const NOTHING = -1;

type Append = Extract<ReplicaMessage, { kind: 'append' }>;

/** Takes a message of a leader. */
export function takeAppend(state: CoreState, from: string, message: Append): void {
  const { log, effects } = state;
  if (state.clusterId !== '' && !isSameCluster(state.clusterId, message.clusterId)) return;
  const isOwnEpoch = state.leading?.epoch === message.epoch;
  if (message.epoch < log.fence || isOwnEpoch || isOtherLeader(state, from, message)) {
    const refusal = { kind: 'refuse', fence: log.fence, committed: seenCommit(state) } as const;
    effects.push({ kind: 'send', to: from, message: refusal });
    return;
  }
  const following = follow(state, from, message);
  if (state.isDiverged) {
    askRefill(state, following);
    return;
  }
  following.round = Math.max(following.round, message.round);
  following.echoMs = Math.max(following.echoMs, message.echoMs);
  if (message.previous !== null && !takeEntries(state, following, message)) return;
  const commitIndex = Math.min(message.commitIndex, following.matchedIndex);
  if (commitIndex > log.commit.index) {
    advanceCommit(state, commitIndex);
    // What is committed under a leader belongs to its cluster, losses that were accepted included.
    state.clusterId = message.clusterId;
  }
  // An entry of its epoch counts: all that its log begins with does, and this log holds it.
  const isWhole = message.commitIndex === commitIndex && log.commit.index === commitIndex;
  if (isWhole && log.commit.epoch === message.epoch) noteWhole(state, message.epoch);
  const isOnDisk = following.matchedIndex <= log.durableIndex;
  if (message.entries.length === 0 || isOnDisk) acknowledge(state);
  else following.isAckOwed = true;
}

/** Says how much of the leader's log is on disk here; later, if the fence is not. */
export function acknowledge(state: CoreState): void {
  const { following, log } = state;
  if (following === undefined) return;
  if (log.durableFence < following.epoch) {
    following.isAckOwed = true;
    return;
  }
  const index = Math.min(following.matchedIndex, log.durableIndex);
  const point = pointAt(state, index);
  if (point === undefined) return;
  following.isAckOwed = following.matchedIndex > index;
  state.effects.push({
    kind: 'send',
    to: following.leader,
    message: {
      kind: 'ack',
      epoch: following.epoch,
      storeId: state.storeId,
      index,
      chain: point.chain,
      committed: seenCommit(state),
      round: following.round,
      sentMs: state.nowMs,
    },
  });
}

/**
 * Whether a leader's snapshot may replace the store. Nobody may count on it: it is the one the leader meant,
 * no later leader was promised anything, this replica does not try to lead with it, and it is not what may be
 * the only good copy. To be asked again right before it is done, for a snapshot takes its time.
 */
export function mayBeReplaced(
  state: CoreState,
  snapshot: { readonly epoch: number; readonly storeId: string },
): boolean {
  const { log, engine } = state;
  if (state.isDiverged && !state.isRefillAsked) return false;
  const isTrying = state.leading !== undefined || isForced(state) || engine.attempt !== undefined;
  return !isTrying && snapshot.epoch >= log.fence && snapshot.storeId === state.storeId;
}

/** Two leaders of one epoch: an engine that went back. The first that was met is obeyed. */
function isOtherLeader({ following }: CoreState, from: string, message: Append): boolean {
  return following?.epoch === message.epoch && following.leader !== from;
}

function follow(state: CoreState, from: string, message: Append): Following {
  const { log } = state;
  if (state.following?.epoch === message.epoch) return state.following;
  stopLeading(state, 'deposed');
  raiseFence(state, message.epoch);
  state.candidacy = undefined;
  // A later leader may hold what an earlier one contradicted; if it does not, that turns out again.
  if (!state.isRefillAsked) state.isDiverged = false;
  const known = state.engine.known?.record;
  if (known?.epoch !== message.epoch) state.engine.isReadWanted = true;
  const following: Following = {
    leader: from,
    epoch: message.epoch,
    clusterId: message.clusterId,
    // Every leader's log holds what was committed.
    matchedIndex: log.commit.index,
    round: 0,
    echoMs: -1,
    isAckOwed: false,
  };
  state.following = following;
  return following;
}

/** Returns false if they do not follow the log, after saying so. */
function takeEntries(state: CoreState, following: Following, message: Append): boolean {
  const { log } = state;
  const { previous, entries } = message;
  if (previous === null) return true;
  if (previous.index > log.last.index) {
    sayMismatch(state, following, log.last.index);
    return false;
  }
  const settled = settledIndex(log);
  const own = pointAt(state, previous.index);
  if (own === undefined && previous.index + entries.length < log.commit.index) {
    sayMismatch(state, following, log.commit.index);
    return false;
  }
  if (own !== undefined && own.chain !== previous.chain) {
    if (previous.index <= settled) diverge(state, following, previous.index);
    else sayMismatch(state, following, log.commit.index);
    return false;
  }
  for (const entry of entries) {
    if (!takeEntry(state, following, { entry, settled })) return false;
  }
  const lastIndex = previous.index + entries.length;
  following.matchedIndex = Math.max(following.matchedIndex, lastIndex);
  return true;
}

function takeEntry(
  state: CoreState,
  following: Following,
  { entry, settled }: { readonly entry: Entry; readonly settled: number },
): boolean {
  const { log } = state;
  if (entry.index <= log.last.index) {
    const own = pointAt(state, entry.index);
    // Before the log's beginning all is committed, and equal.
    if (own === undefined || own.chain === entry.chain) return true;
    if (entry.index <= settled) {
      diverge(state, following, entry.index);
      return false;
    }
    truncateLog(state, entry.index);
  }
  appendEntry(log, entry);
  return true;
}

function sayMismatch(state: CoreState, following: Following, index: number): void {
  state.effects.push({
    kind: 'send',
    to: following.leader,
    message: {
      kind: 'mismatch',
      epoch: following.epoch,
      storeId: state.storeId,
      index,
      committed: seenCommit(state),
      round: following.round,
      sentMs: state.nowMs,
    },
  });
}

/**
 * The leader lacks what was committed here. Nothing of it is taken any more; another leader is tried anew. Where an operator accepted that, all is taken from the leader;
 * otherwise this copy may be the only good one, and is kept.
 */
function diverge(state: CoreState, following: Following, index: number): void {
  state.isDiverged = true;
  if (askRefill(state, following)) return;
  raise(state, { kind: 'diverged', index, leaderEpoch: following.epoch });
}

/** Asks a leader of a later generation for all it has; false if it is not of one. */
function askRefill(state: CoreState, following: Following): boolean {
  if (generationOf(following.clusterId) <= generationOf(state.clusterId)) return false;
  if (!state.isRefillAsked) state.effects.push({ kind: 'refill' });
  state.isRefillAsked = true;
  sayMismatch(state, following, NOTHING);
  return true;
}
