/**
 * Indexes that a node holds and should not: a node that was rolled back brings back those that were deleted
 * since, or that had another name. They are looked for whenever a node lost data, and whenever a call that
 * changes names was left out on it. Until none is left the node is not used by recovery: it neither gives nor
 * takes documents, and none of its indexes is made good. (What has a name that is just being given or taken
 * can be judged only later; it may be long until all nodes have done that, so nothing else waits for it.)
 *
 * What was decided to be removed is written down before it is, and operations that give a name to an index
 * wait while the name is about to be removed somewhere: the removal would take the new one. Only indexes that
 * control itself deleted or gave another name are removed; any other was made behind its back, and stays.
 */
import { giveNameUp, isOurs } from '../catalog/index.ts';
import { type MachineEvent, markOf, type NodeRecord, type State } from '../state/index.ts';
import { isNodeRead } from './usable.ts';

/** A call that was not answered in this time is made again. */
const CALL_LIMIT_MS = 300_000;
/** Between two looks at a node that could not be cleared yet. */
const PAUSE_MS = 500;
/** Names that are removed after one look; the next look finds the others. */
const REMOVED_MAX = 1_000;

/** Makes the calls that are due. To be called from time to time. */
export function clearNodes(state: State): void {
  for (const node of state.cluster.nodes) if (node.leftovers !== undefined) clearNode(state, node);
}

function clearNode(state: State, node: NodeRecord): void {
  const { clearing } = state.recovery;
  if (state.nowMs < (clearing.get(node.id)?.againMs ?? Number.NEGATIVE_INFINITY)) return;
  clearing.delete(node.id);
  const { leftovers } = node;
  const [first] = Array.isArray(leftovers) ? (leftovers as readonly string[]) : [];
  if (!isNodeRead(state, node.id)) {
    // It may come back as something else, and nobody should wait for it.
    if (first !== undefined && state.nowMs >= state.othersCallUntilMs) lookAgain(state, node);
    return;
  }
  const call = state.recovery.nextClearing;
  state.recovery.nextClearing += 1;
  clearing.set(node.id, {
    call,
    againMs: state.nowMs + CALL_LIMIT_MS,
    floor: state.floorOf(node.id),
  });
  if (first === undefined) state.emit({ kind: 'listIndexes', nodeId: node.id, call });
  else state.emit({ kind: 'removeIndex', nodeId: node.id, call, indexUid: first });
}

/** The indexes of a node are known: which of them have to go? */
export function indexesListed(
  state: State,
  event: Extract<MachineEvent, { kind: 'indexesListed' }>,
): void {
  const node = answered(state, event);
  if (node === undefined) return;
  if (event.indexUids === null) {
    pause(state, node.id);
    return;
  }
  const judged = event.indexUids.map((uid) => ({ uid, verdict: judge(state, node.id, uid) }));
  const of = (wanted: Verdict): string[] =>
    judged.filter(({ verdict }) => verdict === wanted).map(({ uid }) => uid);
  const [leftovers, open, foreign] = [of('leftover'), of('open'), of('foreign')];
  if (leftovers.length > 0) {
    node.leftovers = leftovers.slice(0, REMOVED_MAX);
    for (const uid of node.leftovers) giveNameUp(state, uid);
  } else if (open.length > 0) {
    node.leftovers = 'open';
    pause(state, node.id);
  } else {
    delete node.leftovers;
    if (foreign.length > 0) warn(state, node.id, foreign);
  }
  state.touchCluster();
}

type Verdict = 'kept' | 'leftover' | 'foreign' | 'open';

/**
 * `open`: the name is just being given or taken on nodes, so that nobody can say yet. An operation that
 * waits has changed nothing on the node: what is there is what readers see, or nothing of ours.
 */
function judge(state: State, nodeId: string, uid: string): Verdict {
  for (const seq of state.barriersByName.get(uid) ?? []) {
    const intent = state.open.get(seq)?.intent;
    if (intent !== undefined && intent.phase !== 'waiting' && !intent.isFinal) return 'open';
  }
  const index = state.indexes.get(state.visible.get(uid) ?? '');
  if (index?.nodeIds.includes(nodeId) === true) return 'kept';
  return isOurs(state, uid) ? 'leftover' : 'foreign';
}

/** One index was removed, or not; whatever came of it, the node is looked at again at the end. */
export function indexRemoved(
  state: State,
  event: Extract<MachineEvent, { kind: 'indexRemoved' }>,
): void {
  const { lastTask, nodeId } = event;
  const known = state.recovery.clearing.get(nodeId);
  if (lastTask !== null) {
    if (known?.call === event.call) state.checkUid(nodeId, lastTask.uid, known.floor);
    const mark = markOf({ tag: null, enqueuedAt: lastTask.enqueuedAt });
    state.noteTask(nodeId, lastTask.uid, mark);
  }
  const node = answered(state, event);
  if (node === undefined || !Array.isArray(node.leftovers)) return;
  const rest = (node.leftovers as readonly string[]).filter((uid) => uid !== event.indexUid);
  if (!event.isDone) pause(state, nodeId);
  if (!event.isDone || rest.length === 0) lookAgain(state, node);
  else node.leftovers = rest;
  state.touchCluster();
}

/** The node whose call this answers; undefined if it is not waited for any more. */
function answered(
  state: State,
  event: { readonly nodeId: string; readonly call: number },
): NodeRecord | undefined {
  const { clearing } = state.recovery;
  if (clearing.get(event.nodeId)?.call !== event.call) return undefined;
  clearing.delete(event.nodeId);
  return state.cluster.nodes.find(({ id }) => id === event.nodeId);
}

function pause(state: State, nodeId: string): void {
  state.recovery.clearing.set(nodeId, { call: 0, againMs: state.nowMs + PAUSE_MS, floor: -1 });
}

function lookAgain(state: State, node: NodeRecord): void {
  node.leftovers = 'unlisted';
  state.touchCluster();
}

function warn(state: State, nodeId: string, uids: readonly string[]): void {
  const words = `node ${nodeId} holds indexes that this cluster never made: ${uids.slice(0, 10).join(', ')}; they stay as they are`;
  state.emit({ kind: 'alarm', words, seq: -1 });
}
