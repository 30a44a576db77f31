/** What the core keeps in memory between two events. Only files of this folder change it. */
import { assert } from '../../../core/assert.ts';
import type { EngineIsrMember, EngineRecord } from '../engine.ts';
import { NOWHERE } from './position.ts';
import type {
  CloseReason,
  CoreEffect,
  CoreOptions,
  Entry,
  LogPoint,
  LogPosition,
  MembersChange,
  Persisted,
  Role,
  SeenPosition,
} from './types.ts';

/** The own log: what is on disk, what is on its way there, what is known of both. */
export interface Log {
  /** Of the log in memory. */
  last: LogPoint;
  /** Newest entries, all that are not on disk or not committed among them. */
  tail: Entry[];
  /** The point before the first entry of `tail`. */
  tailBase: LogPoint;
  tailBytes: number;
  /** Of the entries behind `commit`, as far as they are in `tail`. */
  uncommittedBytes: number;
  /** Entries up to here are on disk as they are in memory. */
  durableIndex: number;
  /** Entries up to here were handed to a write. */
  handedIndex: number;
  /** The next write takes away what stands on disk from here on. */
  truncateFrom: number | undefined;
  /** The write under way; `validIndex`: its entries up to here still count. */
  writing: { readonly fence: number; readonly commitIndex: number; validIndex: number } | undefined;
  writtenAtMs: number;
  fence: number;
  fencedAtMs: number;
  durableFence: number;
  commit: LogPosition;
  applied: LogPosition;
  appliedAtMs: number;
}

/** A compare-and-swap on its way, or one whose outcome is not known yet. */
export interface Attempt {
  /** `force`: a lead with which a loss is accepted. */
  readonly kind: 'lead' | 'force' | 'change' | 'release';
  readonly record: EngineRecord;
  /** The members change it carries. */
  readonly ticket: number | undefined;
}

/** What is known of the record. */
export interface EngineState {
  /** As last read or written; undefined before that. */
  known: { readonly version: string; readonly record: EngineRecord } | undefined;
  /** The last reading found no record. */
  isAbsent: boolean;
  /** When another version was last seen. */
  changedAtMs: number;
  /** When the last reading that succeeded began. */
  readAtMs: number;
  /** The call under way. */
  busy: 'none' | 'read' | 'cas';
  callAtMs: number;
  /** Nothing else is asked of the engine before it was read. */
  isReadWanted: boolean;
  nextReadAtMs: number;
  /** After a failure: no call before this. */
  pausedUntilMs: number;
  attempt: Attempt | undefined;
  /** In-sync sets of attempts on the known version that may still be done. */
  open: EngineIsrMember[];
  nonceCount: number;
}

/** What a leader knows of another replica. */
export interface Peer {
  readonly id: string;
  /** Empty until it spoke. */
  storeId: string;
  /**
   * `probe`: one message at a time until it is known what it holds. `snapshot`: one is on its way, to replace
   * the store. `condemned`: none is, but one that was may be put in place yet, and another one is to be sent.
   */
  mode: 'probe' | 'stream' | 'snapshot' | 'condemned';
  nextIndex: number;
  /** It holds all up to here on disk. */
  matchIndex: number;
  /** Last indexes of messages on their way. */
  inFlight: number[];
  sentAtMs: number;
  /** `commitIndex` and `round` it was last told. */
  toldIndex: number;
  toldRound: number;
  /** Of the last answer that brought something new. */
  progressAtMs: number;
  /** When an answer last showed that it held all that the log held at the answer before. */
  levelAtMs: number;
  ackAtMs: number;
  lastIndexAtAck: number;
  round: number;
  echoMs: number;
}

/** What only a leader has. */
export interface Leading {
  readonly epoch: number;
  readonly barrierIndex: number;
  readonly startedAtMs: number;
  /** `barrier` until the first entry is committed and applied; `stopped`: commits nothing any more. */
  phase: 'barrier' | 'open' | 'stopped';
  readonly peers: Map<string, Peer>;
  /**
   * Stores that a snapshot of this leader may replace, at any time: whatever they hold counts no more. As many
   * as snapshots were begun.
   */
  readonly condemned: Set<string>;
  renewedAtMs: number;
  /** Since when too few replicas are level; undefined if enough are. */
  shortSinceMs: number | undefined;
  /** Why and since when it hands over. */
  handover:
    | {
        readonly kind: 'planned' | 'short' | 'behind';
        readonly sinceMs: number;
        /** Who shall lead next; undefined: whoever comes first. */
        readonly successor?: string | undefined;
      }
    | undefined;
  change: { readonly ticket: number; readonly change: MembersChange } | undefined;
  /** Of the strong reads that are under way, and the last that all answered. */
  round: number;
  confirmedRound: number;
  reads: { readonly ticket: number; readonly round: number }[];
}

/** The leader that is obeyed. */
export interface Following {
  readonly leader: string;
  readonly epoch: number;
  readonly clusterId: string;
  /** Our log equals the leader's up to here. */
  matchedIndex: number;
  round: number;
  /** Newest time of ours that the leader sent back; -1: none. */
  echoMs: number;
  /** Something to acknowledge waits for a write. */
  isAckOwed: boolean;
}

/** What is asked before a takeover. */
export interface Candidacy {
  readonly askNo: number;
  readonly startedAtMs: number;
  readonly kind: 'takeover' | 'found' | 'force';
  readonly asked: readonly string[];
  /** When it turned out that the log lacks something. */
  lackedAtMs: number | undefined;
  readonly answers: Map<
    string,
    {
      readonly storeId: string;
      readonly fence: number;
      readonly last: LogPosition;
      readonly committed: SeenPosition;
    }
  >;
}

/** The whole state. */
export interface CoreState {
  readonly options: CoreOptions;
  readonly storeId: string;
  /** Of the event that is being taken. */
  nowMs: number;
  clusterId: string;
  readonly log: Log;
  readonly engine: EngineState;
  leading: Leading | undefined;
  following: Following | undefined;
  candidacy: Candidacy | undefined;
  askCount: number;
  /** Highest fence that others told of. */
  seenFence: number;
  /** Highest position that another replica saw committed. */
  witness: SeenPosition;
  /** Highest position that callers say they saw, that the log lacks and that may be; when one was last said. */
  claimed: { readonly seen: SeenPosition; readonly atMs: number } | undefined;
  /** Since the process began the leader of this epoch found that the log lacks nothing that counts; 0: none. */
  wholeEpoch: number;
  /** One of them that the log turned out to lack: no leading until it is there. */
  lacking: SeenPosition | undefined;
  /** Kinds of alarms that were raised already. */
  readonly alarmed: Set<string>;
  /** Follows this leader no more, and does not lead. */
  isDiverged: boolean;
  isRefillAsked: boolean;
  /** Until then it leads with what it has, for an operator said so. */
  forcedUntilMs: number;
  /** A leader looks who is in-sync, and whether a renewal is due. */
  isLookDue: boolean;
  /** When it is empty and there is no record: since when. */
  emptySinceMs: number | undefined;
  /** Others may take over first. */
  standDownUntilMs: number;
  /** A replica that is ahead was let go first once already. */
  hasDeferred: boolean;
  /** A planned handover is to be answered. */
  isResignAwaited: boolean;
  /** As last told by `changed`. */
  shown: { role: Role; version: string };
  /** What is to be done, in order; whoever performs it empties the list. */
  readonly effects: CoreEffect[];
}

/** Makes the state of a replica that starts with what is on disk. */
export function newCoreState(options: CoreOptions, persisted: Persisted): CoreState {
  const { last, fence, appliedIndex } = persisted;
  const applied = appliedIndex === last.index ? last : options.log.pointAt(appliedIndex);
  assert(appliedIndex === 0 || applied !== undefined, 'the log holds the place that was applied');
  const position =
    applied === undefined || appliedIndex === 0
      ? NOWHERE
      : { epoch: applied.epoch, index: appliedIndex };
  return {
    options,
    storeId: persisted.storeId,
    nowMs: 0,
    clusterId: persisted.clusterId,
    log: {
      last,
      tail: [],
      tailBase: last,
      tailBytes: 0,
      uncommittedBytes: 0,
      durableIndex: last.index,
      handedIndex: last.index,
      truncateFrom: undefined,
      writing: undefined,
      writtenAtMs: 0,
      fence,
      fencedAtMs: Number.NEGATIVE_INFINITY,
      durableFence: fence,
      commit: position,
      applied: position,
      appliedAtMs: 0,
    },
    engine: {
      known: undefined,
      isAbsent: false,
      changedAtMs: 0,
      readAtMs: 0,
      busy: 'none',
      callAtMs: 0,
      isReadWanted: true,
      nextReadAtMs: 0,
      pausedUntilMs: 0,
      attempt: undefined,
      open: [],
      nonceCount: 0,
    },
    leading: undefined,
    following: undefined,
    candidacy: undefined,
    askCount: 0,
    seenFence: 0,
    witness: { clusterId: '', ...NOWHERE },
    claimed: undefined,
    wholeEpoch: 0,
    lacking: undefined,
    alarmed: new Set(),
    isDiverged: false,
    isRefillAsked: false,
    forcedUntilMs: Number.NEGATIVE_INFINITY,
    isLookDue: false,
    emptySinceMs: undefined,
    standDownUntilMs: 0,
    hasDeferred: false,
    isResignAwaited: false,
    shown: { role: 'starting', version: '' },
    effects: [],
  };
}

/** The part it plays now. */
export function roleOf(state: CoreState): Role {
  const { known } = state.engine;
  if (state.leading !== undefined) {
    return state.leading.handover === undefined ? 'leader' : 'resigning';
  }
  if (state.isDiverged) return 'fenced';
  if (known === undefined) return 'starting';
  const { id } = state.options;
  if (!known.record.members.some((member) => member.id === id)) return 'fenced';
  if (isForeign(state) || isTooOld(state)) return 'fenced';
  return isInSync(state, known.record) ? 'follower' : 'learner';
}

/** Whether this replica, with the disk it has, is in the in-sync set. */
export function isInSync(state: CoreState, record: EngineRecord): boolean {
  const own = { id: state.options.id, storeId: state.storeId };
  return record.isr.some((member) => isSameMember(member, own));
}

/** Whether two members are the same replica with the same disk. */
export function isSameMember(left: EngineIsrMember, right: EngineIsrMember): boolean {
  return left.id === right.id && left.storeId === right.storeId;
}

/** Whether the record belongs to another cluster than the data here. */
export function isForeign(state: CoreState): boolean {
  const record = state.engine.known?.record;
  if (record === undefined || state.clusterId === '') return false;
  return !isSameCluster(record.clusterId, state.clusterId);
}

/** Whether an operator's order to lead, whatever that loses, is still to be followed. */
export function isForced({ forcedUntilMs, nowMs }: CoreState): boolean {
  return nowMs < forcedUntilMs;
}

/** Whether the log may hold kinds of entries that this program does not know. */
export function isTooOld({ engine, options }: CoreState): boolean {
  return (engine.known?.record.featureLevel ?? 0) > options.featureLevel;
}

/** The id of a cluster without the count of accepted losses. */
function baseOf(clusterId: string): string {
  return clusterId.split('.')[0] ?? '';
}

/** Whether two ids name the same cluster, whatever losses were accepted. */
export function isSameCluster(left: string, right: string): boolean {
  return left === right || baseOf(left) === baseOf(right);
}

/** How often a loss was accepted, plus 1. */
export function generationOf(clusterId: string): number {
  return Number(clusterId.split('.')[1] ?? '1');
}

/** Leads no more, whatever the reason; what it began stays in the log. */
export function stopLeading(state: CoreState, reason: CloseReason): void {
  const { leading, effects } = state;
  if (leading === undefined) return;
  state.leading = undefined;
  for (const { ticket } of leading.reads) effects.push({ kind: 'readRefused', ticket });
  if (leading.change !== undefined) {
    const { ticket } = leading.change;
    const outcome = state.engine.attempt?.ticket === ticket ? 'unknown' : 'refused';
    effects.push({ kind: 'membersChanged', ticket, outcome });
  }
  if (leading.phase === 'open') effects.push({ kind: 'close', reason });
  if (state.isResignAwaited) {
    state.isResignAwaited = false;
    effects.push({ kind: 'resigned' });
  }
}

/** The own committed position, as told to others. */
export function seenCommit(state: CoreState): SeenPosition {
  const { commit } = state.log;
  return { clusterId: state.clusterId, epoch: commit.epoch, index: commit.index };
}

/** From now on lower epochs are refused. */
export function raiseFence(state: CoreState, epoch: number): void {
  const { log } = state;
  if (epoch <= log.fence) return;
  log.fence = epoch;
  log.fencedAtMs = state.nowMs;
}
