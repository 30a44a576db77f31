/** The state from disk, and what has to be taken up again: level by level, nothing is remembered elsewhere. */
import { assert } from '../../core/assert.ts';
import { demote, hasOtherCopies, shardsOn, stateOf, takeUpViews } from '../copies/index.ts';
import { copiesByNode, isOver, settleJobs, takeUpJobs } from '../jobs/index.ts';
import {
  closeInherited,
  closeSends,
  enterLane,
  isBefore,
  LEASE_MS,
  openIntent,
  progress,
} from '../lane/index.ts';
import {
  ANY_MARK,
  type ClusterRecord,
  type Intent,
  type JobRecord,
  type NameGroup,
  type NodeRecord,
  type Now,
  type OpenIntent,
  type PlacementRules,
  pairKey,
  type ReportReply,
  State,
  type StoredViews,
  type TaskRecord,
} from '../state/index.ts';
import type { Store } from '../store/index.ts';
import { addPage, hideTasks, isPageFinal, PAGE_TASKS, summarize } from '../tasks/index.ts';
import {
  CLUSTER_KEY,
  decodeIndex,
  decodeJson,
  intentKeyOf,
  NUMBERS_KEY,
  numberedKey,
  numberOfKey,
  PREFIX,
  VIEWS_KEY,
} from './encode.ts';
import { decodeIntent, decodeNotes, decodeTombstones } from './encode-copies.ts';

/** Reads of the store that loading needs. */
export type StoredState = Pick<Store, 'get' | 'range'>;

/** The cluster's record; undefined in a new data folder. */
export function loadCluster(store: StoredState): ClusterRecord | undefined {
  const bytes = store.get(CLUSTER_KEY);
  if (bytes === undefined) return undefined;
  const cluster = decodeJson<ClusterRecord>(bytes);
  for (const node of cluster.nodes) {
    // Data of before markers spoke of places in the lane.
    node.markerSeq ??= -1;
    const uid = store.get(PREFIX.nodeUid + node.id);
    if (uid !== undefined) Object.assign(node, decodeNodeUids(uid));
  }
  return cluster;
}

/** Data of before copies knows the number alone: what is there has been judged. */
function decodeNodeUids(bytes: Buffer): Pick<NodeRecord, 'lastTaskUid' | 'lastMark' | 'seenUid'> {
  const stored = decodeJson<number | Pick<NodeRecord, 'lastTaskUid' | 'lastMark' | 'seenUid'>>(
    bytes,
  );
  // Data of before tasks without a tag were told apart has the tag alone.
  if (typeof stored !== 'number') return { ...stored, lastMark: stored.lastMark ?? ANY_MARK };
  return { lastTaskUid: stored, lastMark: ANY_MARK, seenUid: stored };
}

/** Builds the state. Effects of what is taken up again are left in it. */
export function loadState(
  store: StoredState,
  cluster: ClusterRecord,
  options: {
    readonly placement: PlacementRules;
    readonly now: Now;
    /** Index in control's log that the next commit will have. */
    readonly commitIndex?: number;
    /**
     * Until when, on the steady clock, a leader before this one may still have calls to nodes under way: it
     * may live and not know yet that it leads no more. Absent: all its connections are closed.
     */
    readonly othersCallUntilMs?: number;
    /** Of this leader. */
    readonly epoch?: number;
    /** Of the last entry in control's log before this leader; undefined if it is not there. */
    readonly previousEpoch?: number | undefined;
  },
): State {
  const state = new State(cluster, options.placement);
  state.startedMs = options.now.steadyMs;
  state.nowMs = options.now.steadyMs;
  state.commitIndex = options.commitIndex ?? 1;
  state.othersCallUntilMs = options.othersCallUntilMs ?? options.now.steadyMs;
  for (const { value } of store.range(PREFIX.index)) {
    const index = decodeIndex(value);
    state.indexes.set(index.id, index);
    if (index.headUid !== null) state.head.set(index.headUid, index.id);
    if (index.visibleUid !== null) state.visible.set(index.visibleUid, index.id);
  }
  for (const { value } of store.range(PREFIX.group)) {
    const group = decodeJson<NameGroup>(value);
    state.groups[group.id] = group;
    if (group.isOpen) state.groupOfName.set(group.name, group.id);
  }
  loadTasks(store, state);
  for (const { value } of store.range(PREFIX.deletion)) {
    hideTasks(state, decodeJson<[number, number][]>(value));
  }
  state.nextSeq = state.summaries.length;
  const callers = [...store.range(PREFIX.caller)].map(({ key, value }): [string, number] => [
    key.slice(2),
    decodeJson<number>(value),
  ]);
  for (const [caller, seq] of callers.sort((a, b) => a[1] - b[1])) state.callers.set(caller, seq);
  for (const { key, value } of store.range(PREFIX.reply)) {
    state.lastReplies.set(numberOfKey(key), decodeJson<ReportReply>(value));
  }
  loadFormerNames(store, state);
  loadCopies(store, state);
  const views = store.get(VIEWS_KEY);
  const { epoch = 0, previousEpoch } = options;
  const stored = views === undefined ? undefined : decodeJson<StoredViews>(views);
  takeUpViews(state, stored, { epoch, previousEpoch });
  loadIntents(store, state, options.now);
  for (const node of cluster.nodes) {
    if (node.isDoubted) state.recovery.doubted.add(node.id);
    for (const uid of node.lateUids ?? []) expectLate(state, node.id, uid);
  }
  loadJobs(store, state, options.now);
  return state;
}

function loadFormerNames(store: StoredState, state: State): void {
  const names = [...store.range(PREFIX.formerName)].map(({ key, value }): [string, number] => [
    key.slice(PREFIX.formerName.length),
    decodeJson<number>(value),
  ]);
  for (const [uid, seq] of names.sort((a, b) => a[1] - b[1])) state.formerNames.set(uid, seq);
}

/** Pages where there are some: reading the records of a million tasks takes many seconds. */
function loadTasks(store: StoredState, state: State): void {
  for (const { key, value } of store.range(PREFIX.page)) {
    const firstUid = numberOfKey(key) * PAGE_TASKS;
    if (state.summaries.length === firstUid) {
      addPage(state, value);
      continue;
    }
    // The value is only lent, and records are read before it is used.
    const page = Buffer.from(value);
    while (state.summaries.length < firstUid) {
      assert(loadTask(store, state), 'tasks before a page have records');
    }
    addPage(state, page);
  }
  while (loadTask(store, state)) {
    // reading is all
  }
}

/** The next task from its record; false if there is none. */
function loadTask(store: StoredState, state: State): boolean {
  const uid = state.summaries.length;
  const bytes = store.get(numberedKey(PREFIX.task, uid));
  if (bytes === undefined) return false;
  const task = decodeJson<TaskRecord>(bytes);
  const summary = summarize(task);
  state.summaries.push(summary);
  // A sidecar that still renews such a write has to hear that it is gone.
  if (task.error?.code === 'miroir_write_abandoned') state.givenUp.add(uid);
  state.nextBatchUid = Math.max(state.nextBatchUid, (summary.batchUid ?? -1) + 1);
  const page = Math.floor(uid / PAGE_TASKS);
  if (uid % PAGE_TASKS === PAGE_TASKS - 1 && isPageFinal(state, page)) state.missingPages.add(page);
  return true;
}

function loadCopies(store: StoredState, state: State): void {
  const numbers = store.get(NUMBERS_KEY);
  if (numbers !== undefined) {
    state.nextInternal = decodeJson<{ nextInternal: number }>(numbers).nextInternal;
  }
  for (const { key, value } of store.range(PREFIX.notes)) {
    state.notes.set(key.slice(PREFIX.notes.length), decodeNotes(value));
  }
  for (const { key, value } of store.range(PREFIX.tombstones)) {
    const seq = numberOfKey(key);
    const dead = decodeTombstones(seq, value);
    state.tombstones.set(seq, dead);
    state.tombstoneCount += dead.hashes.length / 8;
  }
}

function loadJobs(store: StoredState, state: State, now: Now): void {
  const { jobs } = state;
  jobs.wallNs = now.wallNs;
  for (const { value } of store.range(PREFIX.job)) {
    const job = decodeJson<JobRecord>(value);
    jobs.records.set(job.number, job);
    jobs.nextJob = job.number + 1;
    const { indexId, nodeId } = job;
    if (indexId === null || nodeId === null) continue;
    const index = state.indexes.get(indexId);
    const left = index === undefined ? 0 : (copiesByNode(index).get(nodeId)?.left ?? 0);
    const isKept = job.phase === 'cancelled' ? left > 0 : !isOver(job);
    if (!isKept) continue;
    jobs.ofPair.set(pairKey(indexId, nodeId), job.number);
    jobs.left.set(job.number, left);
  }
  for (const { key } of store.range(PREFIX.audit)) {
    const number = numberOfKey(key);
    if (jobs.nextAudit === 1) jobs.firstAudit = number;
    jobs.nextAudit = number + 1;
  }
  takeUpJobs(state);
  settleJobs(state, state.indexes.keys());
}

function loadIntents(store: StoredState, state: State, now: Now): void {
  const found: OpenIntent[] = [];
  for (const { value } of store.range(PREFIX.intent)) {
    const intent = decodeIntent(value);
    const hashes = store.get(intentKeyOf(PREFIX.hashes, intent.seq));
    found.push(openIntent(intent, Buffer.from(hashes ?? [])));
    state.writtenIntents.add(intent.seq);
  }
  found.sort((left, right) => (isBefore(left, right) ? -1 : 1));
  for (const open of found) {
    const { intent } = open;
    if (intent.internal !== null && !wasSent(intent)) {
      // Nothing was sent for it, and who asked for it is gone with the last process.
      state.touchIntent(intent);
      continue;
    }
    open.begunAtMs = now.steadyMs;
    open.leaseUntilMs = now.steadyMs + LEASE_MS;
    const task = store.get(numberedKey(PREFIX.task, intent.seq));
    if (intent.internal === null && task !== undefined) {
      state.tasks.set(intent.seq, decodeJson<TaskRecord>(task));
    }
    expectTasks(state, intent);
    enterLane(state, open);
  }
  for (const open of state.open.values()) takeUp(state, open.intent);
  endFills(state);
  progress(state, [...state.open.keys()], now);
}

function wasSent(intent: Intent): boolean {
  return intent.kind === 'fix' && intent.phase !== 'waiting';
}

/** What filled these copies ended with the last process. */
function endFills(state: State): void {
  for (const index of state.indexes.values()) {
    if (!hasOtherCopies(index)) continue;
    for (const nodeId of index.nodeIds) {
      for (const shard of shardsOn(index, nodeId)) {
        if (stateOf(index, shard, nodeId) !== 'filling') continue;
        const reason = 'control was started anew';
        demote(state, { index, shard, nodeId }, { to: 'behind', reason, missed: null });
      }
    }
  }
}

function expectTasks(state: State, intent: Intent): void {
  for (const [place, step] of intent.steps.entries()) {
    if (step.uid === null || isEnded(step.task)) continue;
    const { nodeId } = step;
    state.expectTask(step.uid, { seq: intent.seq, nodeId, step: place, part: null }, ANY_MARK);
  }
  for (const [nodeId, target] of Object.entries(intent.targets)) {
    // The node may have given these uids to others by now.
    if (target.isLost) continue;
    for (const [part, { uid, task }] of Object.entries(target.parts)) {
      if (isEnded(task)) continue;
      const reference = { seq: intent.seq, nodeId, step: null, part: Number(part) };
      state.expectTask(uid, reference, ANY_MARK);
    }
  }
}

function expectLate(state: State, nodeId: string, uid: number): void {
  state.expectTask(uid, { seq: Number.NaN, nodeId, step: null, part: null }, ANY_MARK);
}

/** Calls that were under way when the last leader ended. */
function takeUp(state: State, intent: Intent): void {
  const open = state.open.get(intent.seq);
  if (open === undefined) return;
  if (intent.phase === 'counting') state.emit({ kind: 'countDocuments', seq: intent.seq });
  if (intent.phase === 'preparing') {
    const nodeIds = new Set(
      intent.steps.filter((step) => step.state === 'unsent').map((step) => step.nodeId),
    );
    for (const nodeId of nodeIds) state.emit({ kind: 'runStep', seq: intent.seq, nodeId });
  }
  if (intent.phase !== 'granted') return;
  // The connections are closed where a sidecar said so, and where a leader that ended had made them.
  if (intent.internal !== null) closeInherited(state, open);
  else if (intent.isReported) closeSends(state, open);
}

function isEnded(task: { readonly status: string } | null): boolean {
  return task !== null && task.status !== 'processing';
}
