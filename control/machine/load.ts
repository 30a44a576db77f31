/** The state from disk, and what has to be taken up again: level by level, nothing is remembered elsewhere. */
import { completeReport, enterLane, LEASE_MS, openIntent, progress } from '../lane/index.ts';
import {
  type ClusterRecord,
  type Intent,
  type NameGroup,
  type NodeRecord,
  type Now,
  type PlacementRules,
  State,
  type TaskRecord,
} from '../state/index.ts';
import type { Store } from '../store/index.ts';
import { hideTasks, summarize } from '../tasks/index.ts';
import {
  CLUSTER_KEY,
  decodeIndex,
  decodeJson,
  intentKeyOf,
  NUMBERS_KEY,
  numberedKey,
  numberOfKey,
  PREFIX,
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
function decodeNodeUids(bytes: Buffer): Pick<NodeRecord, 'lastTaskUid' | 'lastTag' | 'seenUid'> {
  const stored = decodeJson<number | Pick<NodeRecord, 'lastTaskUid' | 'lastTag' | 'seenUid'>>(
    bytes,
  );
  if (typeof stored !== 'number') return stored;
  return { lastTaskUid: stored, lastTag: null, seenUid: stored };
}

/** Builds the state. Effects of what is taken up again are left in it. */
export function loadState(
  store: StoredState,
  cluster: ClusterRecord,
  options: { readonly placement: PlacementRules; readonly now: Now },
): State {
  const state = new State(cluster, options.placement);
  state.startedMs = options.now.steadyMs;
  state.nowMs = options.now.steadyMs;
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
  for (const { value } of store.range(PREFIX.task)) {
    const task = decodeJson<TaskRecord>(value);
    const summary = summarize(task);
    state.summaries.push(summary);
    // A sidecar that still renews such a write has to hear that it is gone.
    if (task.error?.code === 'miroir_write_abandoned') state.givenUp.add(task.uid);
    state.nextBatchUid = Math.max(state.nextBatchUid, (summary.batchUid ?? -1) + 1);
  }
  for (const { value } of store.range(PREFIX.deletion)) {
    hideTasks(state, decodeJson<[number, number][]>(value));
  }
  state.nextSeq = state.summaries.length;
  const callers = [...store.range(PREFIX.caller)].map(({ key, value }): [string, number] => [
    key.slice(2),
    decodeJson<number>(value),
  ]);
  for (const [caller, seq] of callers.sort((a, b) => a[1] - b[1])) state.callers.set(caller, seq);
  loadCopies(store, state);
  loadIntents(store, state, options.now);
  return state;
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
    state.tombstones.set(seq, decodeTombstones(seq, value));
  }
}

function loadIntents(store: StoredState, state: State, now: Now): void {
  for (const { value } of store.range(PREFIX.intent)) {
    const intent = decodeIntent(value);
    const { seq } = intent;
    const hashes = store.get(intentKeyOf(PREFIX.hashes, seq));
    const open = openIntent(intent, Buffer.from(hashes ?? []));
    open.begunAtMs = now.steadyMs;
    open.leaseUntilMs = now.steadyMs + LEASE_MS;
    state.writtenIntents.add(seq);
    const task = store.get(numberedKey(PREFIX.task, seq));
    if (task !== undefined) state.tasks.set(seq, decodeJson<TaskRecord>(task));
    expectTasks(state, open.intent);
    enterLane(state, open);
  }
  for (const open of state.open.values()) takeUp(state, open.intent);
  progress(state, [...state.open.keys()], now);
}

function expectTasks(state: State, intent: Intent): void {
  for (const [place, step] of intent.steps.entries()) {
    if (step.uid === null || isEnded(step.task)) continue;
    const { nodeId } = step;
    state.expectTask(step.uid, { seq: intent.seq, nodeId, step: place, part: null });
  }
  for (const [nodeId, target] of Object.entries(intent.targets)) {
    for (const [part, { uid, task }] of Object.entries(target.parts)) {
      if (isEnded(task)) continue;
      state.expectTask(uid, { seq: intent.seq, nodeId, step: null, part: Number(part) });
    }
  }
}

/** Calls that were under way when the last process ended. */
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
  if (intent.phase === 'granted' && intent.isAbandoned) completeReport(state, open);
}

function isEnded(task: { readonly status: string } | null): boolean {
  return task !== null && task.status !== 'processing';
}
