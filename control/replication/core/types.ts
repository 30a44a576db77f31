/**
 * What goes into the core of replication and what comes out of it. The core is one function,
 * `step(state, event)`: it reads no clock, draws no random number and does no I/O; events bring those, and
 * effects, collected in `state.effects` in the order in which they must be performed, ask for the rest.
 *
 * Epochs and indexes are whole numbers below 2^53 here; chains are hex texts. Times are milliseconds of the
 * replica's own steady clock and are never compared with those of another replica.
 */
import type { EngineCasOutcome, EngineMember, EngineReadOutcome, EngineRecord } from '../engine.ts';

/** A place in the log. Ordered by epoch, then index. */
export interface LogPosition {
  readonly epoch: number;
  readonly index: number;
}

/** A position that somebody saw committed. */
export interface SeenPosition extends LogPosition {
  /** Positions seen before an operator accepted a loss say nothing of the time after it. */
  readonly clusterId: string;
}

/** The end of a log: two logs with the same chain at an index are equal up to it. */
export interface LogPoint extends LogPosition {
  /** 16 bytes in hex. */
  readonly chain: string;
}

/** One entry; `bytes` are as they stand in the log and are not looked into here. */
export interface Entry extends LogPoint {
  readonly bytes: Uint8Array;
}

/** What is on disk when a replica starts. */
export interface Persisted {
  /** Of this LMDB environment. */
  readonly storeId: string;
  /** Highest epoch of a leader that was obeyed or led: lower ones are refused. */
  readonly fence: number;
  /** Last entry of the log; index 0 and FIRST_CHAIN if there is none. */
  readonly last: LogPoint;
  /** Entries up to here are in the state, so they were committed. */
  readonly appliedIndex: number;
  /** Which cluster the state belongs to; empty while it holds nothing. */
  readonly clusterId: string;
}

/** The log on disk, read without waiting. Only asked for places that no write under way changes. */
export interface LogView {
  /** Also of the place after which the log begins; undefined before it and behind the end. */
  pointAt(index: number): LogPoint | undefined;
  /** Entries from `index` on: at least one, and no more than fit `maxBytes`. */
  entriesFrom(index: number, maxBytes: number): readonly Entry[] | 'trimmed';
}

/** Periods and limits of time, in milliseconds. */
export interface Timing {
  /** A leader renews the record so often; 0: never (an engine that only this replica uses). */
  readonly renewMs: number;
  /** A record that was not seen to change for so long has no living leader. */
  readonly expiryMs: number;
  /** Pause between two readings of the engine by a replica that does not lead. */
  readonly pollMs: number;
  /** A leader speaks to each peer at least so often. */
  readonly heartbeatMs: number;
  /** A peer that was not level with the log for so long leaves the in-sync set. */
  readonly dropMs: number;
  /** A leader whose echo of our acks is older than this does not hear us. */
  readonly silentMs: number;
  /** Longest wait for what peers say before a takeover. */
  readonly askMs: number;
  /** Longest wait of a leader that hands over for what it has begun. */
  readonly flushMs: number;
  /** Longest wait of others for the successor that a record names. */
  readonly yieldMs: number;
  /** Committed entries are applied when nothing was written for so long. */
  readonly applyIdleMs: number;
}

/** Bounds of what is kept in memory and sent at once. */
export interface Bounds {
  /** Entries that are not committed yet. */
  readonly uncommittedEntries: number;
  readonly uncommittedBytes: number;
  /** Of the entries of one message. */
  readonly messageBytes: number;
  /** Messages with entries on the way to one peer. */
  readonly messagesInFlight: number;
  /** Of the entries of one write. */
  readonly writeBytes: number;
  /** Strong reads that wait. */
  readonly reads: number;
}

/** How a replica is set up. */
export interface CoreOptions {
  readonly id: string;
  /** HOST:PORT under which others reach this replica. */
  readonly address: string;
  /** Random, new with every start of the process: makes nonces that no other start makes. */
  readonly bootId: string;
  /** Random: id of the cluster if this replica founds it. */
  readonly freshClusterId: string;
  /** All replicas as configured, this one among them: members of a cluster that is founded now. */
  readonly configured: readonly EngineMember[];
  /** Of a cluster that is founded now. */
  readonly minIsr: number;
  readonly featureLevel: number;
  readonly timing: Timing;
  readonly bounds: Bounds;
  readonly log: LogView;
  /** Makes the first entry of an epoch; it says which cluster this is. Pure. */
  readonly barrier: (
    epoch: number,
    previousChain: string,
    clusterId: string,
  ) => { readonly chain: string; readonly bytes: Uint8Array };
}

/**
 * `starting` until the record was read; `learner` follows and is not in the in-sync set; `follower` is;
 * `resigning` leads no more and says so; `fenced` takes part in nothing: not a member, another cluster, or
 * data that contradicts the leader's.
 */
export type Role = 'starting' | 'learner' | 'follower' | 'leader' | 'resigning' | 'fenced';

/** What replicas say to each other. Order within one stream is kept, nothing else is relied on. */
export type ReplicaMessage =
  | {
      readonly kind: 'append';
      readonly epoch: number;
      readonly clusterId: string;
      /** What the entries follow; null: says nothing of the log, only that the leader lives. */
      readonly previous: { readonly index: number; readonly chain: string } | null;
      readonly entries: readonly Entry[];
      readonly commitIndex: number;
      /** Strong reads up to this round are confirmed by the answer. */
      readonly round: number;
      /** `sentMs` of the receiver's newest ack that arrived; -1 if none did. */
      readonly echoMs: number;
    }
  | {
      /** The log equals the leader's up to this index, on disk. Also answers a bare heartbeat. */
      readonly kind: 'ack';
      readonly epoch: number;
      readonly storeId: string;
      readonly index: number;
      readonly chain: string;
      readonly committed: SeenPosition;
      readonly round: number;
      /** Clock of the sender. */
      readonly sentMs: number;
    }
  | {
      /** What came does not follow the log: it is to be sent from behind `index`; -1: a snapshot. */
      readonly kind: 'mismatch';
      readonly epoch: number;
      readonly storeId: string;
      readonly index: number;
      readonly committed: SeenPosition;
      readonly round: number;
      readonly sentMs: number;
    }
  | {
      /** An epoch that was replaced. */
      readonly kind: 'refuse';
      readonly fence: number;
      readonly committed: SeenPosition;
    }
  /** Before a takeover. */
  | { readonly kind: 'ask'; readonly askNo: number }
  | {
      readonly kind: 'tell';
      readonly askNo: number;
      readonly storeId: string;
      readonly fence: number;
      readonly last: LogPosition;
      /** Entries up to here are known to be committed. */
      readonly committed: SeenPosition;
    }
  /** The leader is leader no more: read the record. */
  | { readonly kind: 'released'; readonly epoch: number };

/** A change of the members, done by the leader with one compare-and-swap. */
export interface MembersChange {
  /** All of them, as they shall be. The leader itself must stay among the voters. */
  readonly members: readonly EngineMember[];
  readonly minIsr: number;
  readonly featureLevel: number;
}

/** What may happen. `nowMs` is this replica's steady clock. */
export type CoreEvent = { readonly nowMs: number } & (
  | { /** At least every 50 ms. */ readonly kind: 'tick' }
  | { readonly kind: 'engineRead'; readonly outcome: EngineReadOutcome }
  | { readonly kind: 'engineCas'; readonly outcome: EngineCasOutcome }
  /** The record may have changed. */
  | { readonly kind: 'engineHint' }
  /** The one write under way is on disk. A write that fails ends the process. */
  | { readonly kind: 'written' }
  | { readonly kind: 'message'; readonly from: string; readonly message: ReplicaMessage }
  /** What was sent to this peer lately may be lost: its stream ended or began. */
  | { readonly kind: 'streamReset'; readonly peer: string }
  /** A next entry, made for what `proposalPlace` answered in the same turn. */
  | { readonly kind: 'propose'; readonly entry: Entry }
  /** Answered by `readConfirmed` or `readRefused`. */
  | { readonly kind: 'read'; readonly ticket: number }
  /** A caller says that it has seen this position: a leader behind it has lost data and must not lead. */
  | { readonly kind: 'witnessed'; readonly position: SeenPosition }
  /**
   * Planned handover; answered by `resigned`, at once if this replica does not lead. `successor`, an in-sync
   * replica, may try first.
   */
  | { readonly kind: 'resign'; readonly successor?: string }
  /** Answered by `membersChanged`. One at a time. */
  | { readonly kind: 'changeMembers'; readonly ticket: number; readonly change: MembersChange }
  /**
   * An operator lets this replica lead with what it has, whatever that loses. Tried again while others replace
   * the record, for `ORDER_MS`; after that the order is void, for by then another one may lead without any
   * loss.
   */
  | { readonly kind: 'forceLeader' }
  | {
      readonly kind: 'snapshotEnded';
      readonly peer: string;
      /** The store it was to replace. */
      readonly storeId: string;
      /** False: it was not, or that is not known. */
      readonly isInstalled: boolean;
    }
);

/** One transaction of the store. */
export interface WriteEffect {
  readonly kind: 'write';
  /** Of epochs, never lowered; undefined: stays. */
  readonly fence: number | undefined;
  /** Entries from here on go first, none of them applied; undefined: none. */
  readonly truncateFrom: number | undefined;
  readonly entries: readonly Entry[];
  /** Entries up to here, also those of this write, are applied to the state in it. */
  readonly commitIndex: number;
}

/** Why a replica stopped leading. */
export type CloseReason = 'deposed' | 'resigned' | 'behind';

/** What only a person can put right; leading or following stops. */
export type Alarm =
  /** Somebody has seen a position this replica's log does not reach: the disk was rolled back. */
  | { readonly kind: 'behindWitness'; readonly seen: LogPosition; readonly own: LogPosition }
  /** The leader's log contradicts entries that were committed here. */
  | { readonly kind: 'diverged'; readonly index: number; readonly leaderEpoch: number }
  /** The record is of another cluster. */
  | { readonly kind: 'foreignCluster'; readonly own: string; readonly record: string }
  /** The record allows kinds of entries that this program does not know. */
  | { readonly kind: 'tooOld'; readonly own: number; readonly record: number }
  /** The engine went back to an older record. */
  | { readonly kind: 'engineWentBack'; readonly epoch: number; readonly seenEpoch: number };

/** What is to be done. */
export type CoreEffect =
  /** Answered by `engineRead`; at most one call of the engine is under way. */
  | { readonly kind: 'readEngine' }
  /** Answered by `engineCas`. */
  | { readonly kind: 'cas'; readonly version: string | null; readonly record: EngineRecord }
  /** Answered by `written`; at most one is under way. */
  | WriteEffect
  /** Messages to one peer go in order; any of them may be lost. */
  | { readonly kind: 'send'; readonly to: string; readonly message: ReplicaMessage }
  /**
   * The peer needs what the log does not hold any more; answered by `snapshotEnded`, always. Only this store
   * may be replaced by it: another one that the peer has meanwhile may count.
   */
  | {
      readonly kind: 'sendSnapshot';
      readonly to: string;
      readonly storeId: string;
      readonly epoch: number;
    }
  /** Entries up to here are committed: on the leader their callers may be answered. */
  | { readonly kind: 'committed'; readonly position: LogPosition }
  /** The state on disk holds all entries up to here. */
  | { readonly kind: 'applied'; readonly position: LogPosition }
  /** Leading begins: load the state from disk (it holds the barrier), open for writes. */
  | { readonly kind: 'lead'; readonly epoch: number; readonly position: LogPosition }
  /** Leading ended: answer nothing any more, throw away what is in memory. Comes only after `lead`. */
  | { readonly kind: 'close'; readonly reason: CloseReason }
  /** Role, record or leader changed. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'readConfirmed'; readonly ticket: number; readonly index: number }
  | { readonly kind: 'readRefused'; readonly ticket: number }
  /** The record says so too, or this replica never led. */
  | { readonly kind: 'resigned' }
  | {
      readonly kind: 'membersChanged';
      readonly ticket: number;
      readonly outcome: 'done' | 'refused' | 'unknown';
    }
  /** The leader is asked for a snapshot that replaces everything here: an operator accepted its loss. */
  | { readonly kind: 'refill' }
  | { readonly kind: 'alarm'; readonly alarm: Alarm };

/** Where the next entry goes, or why none may be proposed now. */
export type ProposalPlace =
  | {
      readonly kind: 'place';
      readonly epoch: number;
      readonly index: number;
      readonly previousChain: string;
    }
  | { readonly kind: 'refused'; readonly reason: 'notLeader' | 'tooFewReplicas' | 'tooMuch' };
