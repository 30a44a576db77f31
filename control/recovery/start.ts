/**
 * Which copies are filled now (write-protocol rule 15): those behind whose node is up and was read since it
 * came up, to which no send of any kind is open, and whose shard has an in-sync copy to read from. Shards
 * with the fewest copies left come first. Few are filled at once, and fewer from one source: what nodes do
 * for recovery they do not do for searches.
 */
import {
  type CopyPlace,
  copiesOf,
  headOf,
  isShrinkConfirmed,
  openSendsOn,
  parseCopyKey,
  setCopyState,
  startFill,
  stateOf,
} from '../copies/index.ts';
import { isHeldBack } from '../jobs/index.ts';
import type { IndexRecord, Recovery, State } from '../state/index.ts';
import { isChanging, isNodeReady } from './usable.ts';

/**
 * Copies filled at once, and of those from one source. What one copy takes is mostly waiting (for commits,
 * readings, the node's next batch), and a node works off many small pages in one batch.
 */
const WORKERS_MAX = 128;
const WORKERS_PER_SOURCE = 64;
/** Between two looks for copies to fill. */
const LOOK_MS = 50;

interface Waiting {
  readonly key: string;
  readonly index: IndexRecord;
  readonly shard: number;
  readonly nodeId: string;
  /** In-sync copies of its shard. */
  readonly covers: number;
}

/** Begins to fill copies, as many as there may be. */
export function startWorkers(state: State): void {
  const { recovery } = state;
  if (state.nowMs - recovery.lookedMs < LOOK_MS) return;
  recovery.lookedMs = state.nowMs;
  if (state.notes.size === 0 || recovery.workers.size >= WORKERS_MAX) return;
  const waiting = waitingCopies(state);
  waiting.sort((a, b) => a.covers - b.covers || (a.key < b.key ? -1 : 1));
  for (const copy of waiting) {
    if (recovery.workers.size >= WORKERS_MAX) return;
    start(state, copy);
  }
}

function waitingCopies(state: State): Waiting[] {
  const found: Waiting[] = [];
  const unread = new Set<string>();
  for (const key of state.notes.keys()) {
    if (state.recovery.workers.has(key)) continue;
    const { indexId, shard, nodeId } = parseCopyKey(key);
    const index = state.indexes.get(indexId);
    if (index === undefined || stateOf(index, shard, nodeId) !== 'behind') continue;
    if (!isNodeReady(state, nodeId)) {
      if (!state.downNodes.has(nodeId)) unread.add(nodeId);
      continue;
    }
    if (!mayBeFilled(state, { index, shard, nodeId }, key)) continue;
    const covers = sources(state, index, shard).length;
    if (covers > 0) found.push({ key, index, shard, nodeId, covers });
    else for (const id of unreadSources(state, index, shard)) unread.add(id);
  }
  for (const nodeId of unread) state.emit({ kind: 'readNode', nodeId });
  return found;
}

/** Whether nothing about the copy itself keeps it from being filled now. */
function mayBeFilled(state: State, { index, shard, nodeId }: CopyPlace, key: string): boolean {
  if (index.needs[nodeId] !== undefined || isChanging(state, index)) return false;
  if (isHeldBack(state, index.id, nodeId)) return false;
  // A sidecar with an older view may still read the copy: what is written to it now is in no order.
  if (!isShrinkConfirmed(state, index, [shard])) return false;
  return (state.recovery.pauses.get(key)?.untilMs ?? 0) <= state.nowMs;
}

/** Nodes a copy of the shard can be filled from. */
function sources(state: State, index: IndexRecord, shard: number): string[] {
  return copiesOf(index, shard)
    .filter((copy) => copy.state === 'in-sync' && isNodeReady(state, copy.nodeId))
    .map((copy) => copy.nodeId);
}

/** Nodes it could be filled from, once they were read. */
function unreadSources(state: State, index: IndexRecord, shard: number): string[] {
  return copiesOf(index, shard)
    .filter((copy) => copy.state === 'in-sync' && !state.downNodes.has(copy.nodeId))
    .map((copy) => copy.nodeId);
}

function start(state: State, { key, index, shard, nodeId }: Waiting): void {
  const copy = { index, shard, nodeId };
  if (openSendsOn(state, copy).length > 0) return;
  const sourceId = leastBusy(state, sources(state, index, shard));
  const indexUid = index.headUid;
  if (sourceId === undefined || indexUid === null) return;
  const primaryKey = index.primaryKey;
  const fill = startFill(state, copy);
  setCopyState(state, copy, { to: 'filling', reason: `filled from ${sourceId}` });
  const target = state.cluster.nodes.find((node) => node.id === nodeId);
  const worker: Recovery = {
    id: state.recovery.nextId,
    indexId: index.id,
    // Without a primary key there is no document either.
    place: { indexUid, primaryKey: primaryKey ?? '', shard, sourceId, targetId: nodeId },
    startedMs: state.nowMs,
    drainUid: target?.lastTaskUid ?? -1,
    head: headOf(state),
    from: fill.from ?? headOf(state) + 1,
    isKeyless: fill.isKeyless,
    method: 'full',
    phase: { kind: 'settling' },
    phaseMs: state.nowMs,
    todo: new Set(),
    steps: new Set(),
    recheck: null,
    watch: null,
    comparisons: 0,
    drainSeq: -1,
    lists: 0,
    laterPages: 0,
    hold: null,
    failedHolds: 0,
    doubts: 0,
    holdAgainMs: 0,
    documentCount: 0,
    documentBytes: 0,
  };
  state.recovery.nextId += 1;
  state.recovery.workers.set(key, worker);
}

function leastBusy(state: State, nodeIds: readonly string[]): string | undefined {
  const load = new Map(nodeIds.map((id) => [id, 0]));
  for (const { place } of state.recovery.workers.values()) {
    const known = load.get(place.sourceId);
    if (known !== undefined) load.set(place.sourceId, known + 1);
  }
  const [best] = [...load].sort((a, b) => a[1] - b[1]);
  return best === undefined || best[1] >= WORKERS_PER_SOURCE ? undefined : best[0];
}
