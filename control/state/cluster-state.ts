/**
 * The whole state in memory, and what the current batch of events changed in it. Reducers take it, change
 * it in place (copying maps of a million tasks per event is out of the question) and say what changed by
 * the touch functions; the runner writes that in one transaction. No clock, no network, no disk here, so
 * the same reducers run under a simulation.
 */
import type { Effect } from './events.ts';
import { JobState } from './job-state.ts';
import type {
  ClusterRecord,
  CopyNotes,
  IndexRecord,
  Intent,
  NodeRecord,
  ReportReply,
  TaskRecord,
  Tombstones,
} from './records.ts';
import { RecoveryState } from './recovery-state.ts';
import { ViewState } from './view-state.ts';

/** What is known of an open intent besides its record; rebuilt after a restart. */
export interface OpenIntent {
  readonly intent: Intent;
  /** Its primary key hashes, 8 bytes each. */
  readonly hashes: Buffer;
  /** The hashes as a set, made when first compared. */
  hashSet: Set<bigint> | undefined;
  /** Its shards as a set, made when first compared. */
  shardSet: Set<number> | undefined;
  /** `shard node` of copies that do not count and on which it is noted as missed. */
  readonly notedCopies: Set<string>;
  /** Earlier intents it waits for. */
  readonly waitsFor: Set<number>;
  /** Later intents that wait for it. */
  readonly waiters: Set<number>;
  /** Callers of Begin that wait for the permission. */
  readonly beginTickets: number[];
  readonly reportTickets: { readonly ticket: number; readonly untilMs: number }[];
  begunAtMs: number;
  leaseUntilMs: number;
  /** When the connections of all unanswered sends were known closed, on the steady clock; null: they are not. */
  closedAtMs: number | null;
  /** Of an internal step with a limit: when it ends by itself. */
  endsAtMs: number | null;
  /** Of an internal step: whether it was handed to who sends it, so that it may arrive. */
  isSent: boolean;
}

/** A sidecar that may read. */
export interface SidecarLease {
  untilMs: number;
  /** Index in control's log of the view it holds at least; 0 before its first word. */
  index: number;
}

/** A caller that waits for a reading of a node that begins after it asked. */
export interface WaitingReader {
  readonly ticket: number;
  readonly nodeId: string;
  readonly sinceMs: number;
}

/** Stands for the mark of a last task of which only the uid is known. */
export const ANY_MARK = '*';

/** Mark of a last task of a node that surely lost data: no reading finds it there. */
export const LOST_MARK = '!';

/** Marks that are kept per node; readings come many times a second while there are some. */
const UNSEEN_MAX = 4_000;

/** What tells a node's task from any other that has its uid after a loss of data. */
export function markOf(task: {
  readonly tag: string | null;
  readonly enqueuedAt: string | null;
}): string {
  if (task.tag !== null) return task.tag;
  return task.enqueuedAt === null ? ANY_MARK : `@${task.enqueuedAt}`;
}

/** Where a node's task belongs. */
export interface TaskReference {
  readonly seq: number;
  readonly nodeId: string;
  /** Exactly one of both; none for a task that came late and belongs to nobody. */
  readonly step: number | null;
  readonly part: number | null;
}

/** What lists need of a task. Times in milliseconds since 1970, with fraction; NaN for none. */
export interface TaskSummary {
  readonly uid: number;
  readonly type: string;
  status: TaskRecord['status'];
  readonly group: number | null;
  /** Further groups it is listed under: of a rename's new name, of a swap's indexes. */
  readonly otherGroups: readonly number[];
  batchUid: number | null;
  canceledBy: number | null;
  readonly enqueuedMs: number;
  startedMs: number;
  finishedMs: number;
  /** A deletion of tasks took it out of every list. */
  isDeleted: boolean;
}

/** A name group: tasks that share an index's name, whatever it is called now. */
export interface NameGroup {
  readonly id: number;
  name: string;
  /** The name when its tasks were made and worked on; no swap changes that. */
  readonly firstName: string;
  /** First place in the lane it may hold. */
  readonly fromSeq: number;
  /** Takes the tasks that come next on its name. */
  isOpen: boolean;
}

/** How new indexes are cut; from the configuration. */
export interface PlacementRules {
  readonly shardCount: number;
  readonly spread: number | 'all' | 'auto';
  readonly replicationFactor: number;
  /** In-sync copies of a shard that must have a write for it to stand. */
  readonly minCopies: number;
  /** `fixed`: also more than half of the replication factor inside one group. */
  readonly quorum: 'in_sync' | 'fixed';
}

/** The state. */
export class State {
  cluster: ClusterRecord;
  readonly placement: PlacementRules;
  nextSeq = 0;
  nextBatchUid = 0;
  readonly indexes = new Map<string, IndexRecord>();
  /** uid -> index id as writes that begin now see it. */
  readonly head = new Map<string, string>();
  /** uid -> index id as readers see it. */
  readonly visible = new Map<string, string>();
  /** In lane order. */
  readonly open = new Map<number, OpenIntent>();
  readonly openByName = new Map<string, Set<number>>();
  /** Of those, the ones that are not yet in the queue of every node they go to. */
  readonly unorderedByName = new Map<string, Set<number>>();
  /** The open ones that make, change or remove the index itself. */
  readonly barriersByName = new Map<string, Set<number>>();
  /** Open cancelations and deletions of tasks: they end after tasks they are about. */
  readonly openTaskCalls = new Set<number>();
  /** Tasks of open intents, and those the current batch finished. */
  readonly tasks = new Map<number, TaskRecord>();
  /** Of all tasks, by uid. */
  readonly summaries: TaskSummary[] = [];
  readonly groups: NameGroup[] = [];
  readonly groupOfName = new Map<string, number>();
  /** Node id -> task uid -> what it belongs to, for tasks whose end is not known. */
  readonly outstanding = new Map<string, Map<number, TaskReference>>();
  /** `sidecar request` -> seq. */
  readonly callers = new Map<string, number>();
  /** Begin ticket -> seq. */
  readonly beginTickets = new Map<number, number>();
  /** Nodes that do not answer -> since when, on the steady clock. */
  readonly downNodes = new Map<string, number>();
  /** The newest intents that were given up: their leases are gone. */
  readonly givenUp = new Set<number>();
  /** `node batch` -> batch uid of ours, the newest few thousand. */
  readonly batches = new Map<string, number>();

  /** Index id -> open intents on it. */
  readonly openByIndex = new Map<string, Set<number>>();
  /** By copyKey: what is noted of copies. */
  readonly notes = new Map<string, CopyNotes>();
  /** What a report on a write that is over is told where that is more than that it stands (lane/replies.ts). */
  readonly lastReplies = new Map<number, ReportReply>();
  /** Node id -> task uid -> mark that it must have, for tasks that are to be read (again). */
  readonly unseenMarks = new Map<string, Map<number, string>>();
  /** Nodes whose marker is being written anew -> when that was asked for, on the steady clock. */
  readonly markerless = new Map<string, number>();
  /** By copyKey: last in-sync copies that late tasks may have touched, and what those were about. */
  readonly lateOnLast = new Map<string, { readonly seq: number; readonly hashes: Buffer | null }>();
  /** Places of intents with a send of which nothing is known. */
  readonly unknownSends = new Set<number>();
  /** Places of intents that wait until sidecars confirm a view. */
  readonly unconfirmed = new Set<number>();
  /** Internal steps with a limit. */
  readonly timedSteps = new Set<number>();
  /** By seq of the deletion, in lane order. */
  readonly tombstones = new Map<number, Tombstones>();
  /** Keys in all tombstones, at least. */
  tombstoneCount = 0;
  /** Names that indexes of ours had, the oldest first -> place in the lane when that was. */
  readonly formerNames = new Map<string, number>();
  /** Number of the next internal step, from 1. */
  nextInternal = 1;
  readonly sidecars = new Map<string, SidecarLease>();
  readonly waitingReaders: WaitingReader[] = [];
  /** Steady clock of the newest event. */
  nowMs = 0;
  /** Steady clock when the state was loaded. */
  startedMs = 0;
  /** Calls to nodes by a leader before this one may be under way until then, on the steady clock. */
  othersCallUntilMs = 0;
  /** Places of internal steps whose send such a leader may have under way. */
  readonly inheritedSends = new Set<number>();
  /** Index in control's log that the current batch will have, if it changes anything. */
  commitIndex = 0;
  /** A sidecar confirmed a newer view: what waits for that has to be looked at. */
  isConfirmationNew = false;

  readonly views = new ViewState();
  readonly recovery = new RecoveryState();
  readonly jobs = new JobState();

  // What the current batch changed.
  readonly touchedNotes = new Set<string>();
  readonly touchedTombstones = new Set<number>();
  readonly touchedFormerNames = new Set<string>();
  isInternalTouched = false;
  /** Indexes of which a copy changed its state: what waits for it has to be looked at. */
  readonly stirredIndexes = new Set<string>();
  readonly touchedIntents = new Set<number>();
  /** Open intents that are on disk. */
  readonly writtenIntents = new Set<number>();
  readonly touchedTasks = new Set<number>();
  /** Pages of final tasks (tasks/pages.ts) that were not there when the state was loaded. */
  readonly missingPages = new Set<number>();
  readonly touchedIndexes = new Set<string>();
  /** By the deletion's place: first and last uid of what it hid. */
  readonly touchedDeletions = new Map<number, readonly (readonly [number, number])[]>();
  readonly touchedGroups = new Set<number>();
  /** Nodes whose highest task uid rose. */
  readonly touchedNodes = new Set<string>();
  readonly touchedCallers = new Set<string>();
  readonly touchedReplies = new Set<number>();
  /** Index uids whose entry for readers may have changed. */
  readonly changedUids = new Set<string>();
  isClusterTouched = false;
  isClusterViewChanged = false;
  effects: Effect[] = [];

  constructor(cluster: ClusterRecord, placement: PlacementRules) {
    this.cluster = cluster;
    this.placement = placement;
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  touchIntent(intent: Intent): void {
    this.touchedIntents.add(intent.seq);
  }

  touchTask(task: TaskRecord): void {
    this.touchedTasks.add(task.uid);
  }

  /** Also tells readers of every name the index has. */
  touchIndex(index: IndexRecord): void {
    this.touchedIndexes.add(index.id);
    if (index.headUid !== null) this.changedUids.add(index.headUid);
    if (index.visibleUid !== null) this.changedUids.add(index.visibleUid);
  }

  touchCluster(): void {
    this.isClusterTouched = true;
  }

  /** Nodes that count. One that was added by a call and never looked at may be anybody's. */
  memberNodes(): readonly NodeRecord[] {
    return this.cluster.nodes.filter((node) => node.isAdopted || node.isAddedByCall !== true);
  }

  /** What a reader of `uid` gets: the visible index, else one that is being made. */
  entryOf(uid: string): { readonly index: IndexRecord; readonly isVisible: boolean } | undefined {
    const visibleId = this.visible.get(uid);
    const id = visibleId ?? this.head.get(uid);
    const index = id === undefined ? undefined : this.indexes.get(id);
    return index === undefined ? undefined : { index, isVisible: visibleId !== undefined };
  }

  /** Notes that a node's task, with this mark, belongs to an intent. */
  expectTask(uid: number, reference: TaskReference, mark: string): void {
    let ofNode = this.outstanding.get(reference.nodeId);
    if (ofNode === undefined) {
      ofNode = new Map();
      this.outstanding.set(reference.nodeId, ofNode);
    }
    ofNode.set(uid, reference);
    this.noteTask(reference.nodeId, uid, mark);
  }

  /**
   * A call was made when the node was known to have given the uid `floor`, and it was given one that is not
   * above: uids only grow, so the node lost what it had.
   */
  checkUid(nodeId: string, uid: number, floor: number): void {
    if (uid <= floor) this.foundLoss(nodeId);
  }

  /** A reading that takes the task in finds a loss of data if the mark is another one. */
  expectMark(nodeId: string, uid: number, mark: string): void {
    if (mark === ANY_MARK) return;
    const ofNode = this.unseenMarks.get(nodeId) ?? new Map<number, string>();
    this.unseenMarks.set(nodeId, ofNode.set(uid, mark));
    for (const oldest of ofNode.keys()) {
      if (ofNode.size <= UNSEEN_MAX) return;
      ofNode.delete(oldest);
    }
  }

  /** A node surely lost data: the next reading is to find that, whatever is enqueued until then. */
  foundLoss(nodeId: string): void {
    const node = this.cluster.nodes.find(({ id }) => id === nodeId);
    if (node === undefined) return;
    node.lastMark = LOST_MARK;
    this.touchedNodes.add(nodeId);
    this.emit({ kind: 'readNode', nodeId });
  }

  /** Highest task uid that is known of a node; -1 for none. A call made now gets a higher one. */
  floorOf(nodeId: string): number {
    return this.cluster.nodes.find(({ id }) => id === nodeId)?.lastTaskUid ?? -1;
  }

  /** Notes that a node has this task: one that does not know it any more has lost data. */
  noteTask(nodeId: string, uid: number, mark: string): void {
    this.expectMark(nodeId, uid, mark);
    const node = this.cluster.nodes.find((item) => item.id === nodeId);
    if (node !== undefined && uid > node.lastTaskUid) {
      // What was there before must be there still: the next reading looks for it as well.
      if (node.lastMark !== LOST_MARK) this.expectMark(nodeId, node.lastTaskUid, node.lastMark);
      node.lastTaskUid = uid;
      if (node.lastMark !== LOST_MARK) node.lastMark = mark;
      this.touchedNodes.add(node.id);
    }
  }
}
