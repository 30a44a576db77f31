/**
 * A node that was wiped or rolled back (rule 11 of docs/protocol.md): the task that was last known is gone or
 * another one, or its marker is. Every copy there counts no more and is compared from the first document on;
 * what it had not finished is lost, unless its queue still holds it.
 */
import { demote, headOf, noteEverything, shardsOn } from '../copies/index.ts';
import {
  ANY_MARK,
  type IndexRecord,
  markOf,
  type NodeReading,
  type NodeRecord,
  type State,
  type TaskReference,
} from '../state/index.ts';
import { doubtIndexes, excuseStep } from './excuse.ts';
import { lostError } from './outcome.ts';
import { noteTouchedLast } from './touched-last.ts';

const MARKER_RETRY_MS = 5_000;
/** From the first document on. */
const EVERYTHING = { seq: 0, hashes: null } as const;
const ROLLED_BACK = 'its node was rolled back';

/** Whether the reading shows that the node is not what it was. */
export function hasLostData(state: State, node: NodeRecord, reading: NodeReading): boolean {
  if (node.lastTaskUid >= 0 && reading.lastKnown !== 'present') return true;
  if (hasOtherTask(state, reading)) return true;
  return node.isAdopted && isMarkerBad(reading) && !state.markerless.has(node.id);
}

/**
 * The node was told to have a task, and has another one under that uid. More may be known by now than when the
 * reading began, and later tasks must not hide it.
 */
function hasOtherTask(state: State, reading: NodeReading): boolean {
  const marks = state.unseenMarks.get(reading.nodeId);
  if (marks === undefined || marks.size === 0) return false;
  for (const task of reading.tasks) {
    const expected = marks.get(task.uid);
    if (expected !== undefined && markOf(task) !== expected) return true;
    marks.delete(task.uid);
  }
  return false;
}

function isMarkerBad({ marker }: NodeReading): boolean {
  return marker === 'absent' || marker === 'older';
}

/** A node without its marker gets it anew, once its copies are taken out; until it has it, none is missed. */
export function restoreMarker(state: State, node: NodeRecord, reading: NodeReading): void {
  if (reading.marker === 'unread') return;
  if (!isMarkerBad(reading)) {
    state.markerless.delete(node.id);
    return;
  }
  const askedMs = state.markerless.get(node.id) ?? Number.NEGATIVE_INFINITY;
  const isOurs = node.isAdopted || state.recovery.doubted.has(node.id);
  if (!isOurs || state.nowMs - askedMs < MARKER_RETRY_MS) return;
  state.markerless.set(node.id, state.nowMs);
  const seq = Math.max(headOf(state), node.markerSeq);
  state.recovery.markers.set(node.id, { seq, atMs: state.nowMs });
  state.emit({ kind: 'writeMarker', nodeId: node.id, seq });
}

/** Takes the copies on the node out, and what it had not finished. Gives the intents that moved. */
export function loseData(state: State, node: NodeRecord, reading: NodeReading): number[] {
  const reason = reading.marker === 'absent' ? 'its node was wiped' : ROLLED_BACK;
  const isLastOfAny = takeOut(state, node, reason);
  const kept = new Map(reading.tasks.map((task) => [task.uid, task.tag]));
  const gone = [...(state.outstanding.get(node.id) ?? [])]
    .filter(([uid, reference]) => !isKept(state, reference, kept.get(uid)))
    .map(([uid]) => uid);
  if (!isLastOfAny) {
    // Nothing of what it was is relied on any more: it is adopted anew.
    node.isAdopted = false;
    node.markerSeq = -1;
  }
  node.lastTaskUid = reading.highestUid;
  const last = reading.tasks.at(-1);
  node.lastMark = last?.uid === reading.highestUid ? markOf(last) : ANY_MARK;
  node.seenUid = reading.highestUid;
  state.unseenMarks.delete(node.id);
  state.touchedNodes.add(node.id);
  lowerFloors(state, node.id, reading.highestUid);
  state.emit({ kind: 'nodeLostData', nodeId: node.id, reason });
  return dropLostTasks(state, node.id, gone);
}

/** Takes all copies on the node out and has its indexes looked for; whether it holds last copies in sync. */
function takeOut(state: State, node: NodeRecord, reason: string): boolean {
  const lastOf: string[] = [];
  for (const index of state.indexes.values()) {
    if (!index.nodeIds.includes(node.id)) continue;
    if (!loseCopies(state, index, { nodeId: node.id, reason })) {
      lastOf.push(index.visibleUid ?? index.id);
    }
  }
  if (lastOf.length > 0) {
    const words = `node ${node.id}: ${reason}, and it holds the last copies in sync of ${lastOf.join(', ')}`;
    state.emit({ kind: 'alarm', words, seq: -1 });
  }
  state.recovery.doubted.add(node.id);
  node.isDoubted = true;
  doubtIndexes(state, node);
  return lastOf.length > 0;
}

/** From here on the node gives uids again that it had given before: they say nothing more. */
function lowerFloors(state: State, nodeId: string, highestUid: number): void {
  for (const { intent } of state.open.values()) {
    if ((intent.floors[nodeId] ?? -1) <= highestUid) continue;
    intent.floors = { ...intent.floors, [nodeId]: highestUid };
    state.touchIntent(intent);
  }
  const { mending, clearing } = state.recovery;
  for (const [key, call] of [...mending, ...clearing]) {
    if (key === nodeId || key.endsWith(` ${nodeId}`)) call.floor = Math.min(call.floor, highestUid);
  }
}

/** False if the node holds the last in-sync copy of some shard: such an index cannot be made anew. */
function loseCopies(
  state: State,
  index: IndexRecord,
  lost: { readonly nodeId: string; readonly reason: string },
): boolean {
  const { nodeId, reason } = lost;
  let isAll = true;
  for (const shard of shardsOn(index, nodeId)) {
    const copy = { index, shard, nodeId };
    if (demote(state, copy, { to: 'behind', reason, missed: null })) noteEverything(state, copy);
    else {
      isAll = false;
      noteTouchedLast(state, copy, { missed: EVERYTHING, reason: `of the last copy: ${reason}` });
    }
  }
  if (isAll) {
    index.needs = { ...index.needs, [nodeId]: 'rebuild' };
    state.touchIndex(index);
  }
  return isAll;
}

/** Whether the queue still holds a task: its uid with the tag it had. Tasks without a tag are not told apart. */
function isKept(state: State, reference: TaskReference, tag: string | null | undefined): boolean {
  if (tag === undefined) return false;
  if (reference.part === null) return tag === null;
  const place = Math.abs(reference.seq);
  return tag?.startsWith(`m1.${state.cluster.clusterId}.${place}.${reference.part}`) === true;
}

/**
 * A node took a task under this uid. If another write's task, whose end is not known, had the uid, the node
 * lost that one: nothing else makes it give a uid twice. The next reading finds the loss, whatever is
 * enqueued above the uid until then.
 */
export function expectTask(
  state: State,
  uid: number,
  reference: TaskReference,
  mark: string,
): void {
  const { nodeId } = reference;
  const known = state.outstanding.get(nodeId)?.get(uid);
  const node = state.cluster.nodes.find(({ id }) => id === nodeId);
  if (known !== undefined && known.seq !== reference.seq && node !== undefined) {
    // What is lost now is made up for as if the reading had told of it.
    takeOut(state, node, ROLLED_BACK);
    for (const seq of dropLostTasks(state, nodeId, [uid])) {
      const indexId = state.open.get(seq)?.intent.indexId;
      if (indexId != null) state.stirredIndexes.add(indexId);
    }
    state.foundLoss(nodeId);
  }
  state.expectTask(uid, reference, mark);
}

/** The node does not know these tasks any more. Gives the intents they belong to. */
export function dropLostTasks(state: State, nodeId: string, uids: readonly number[]): number[] {
  const ofNode = state.outstanding.get(nodeId);
  const moved: number[] = [];
  for (const uid of uids) {
    const reference = ofNode?.get(uid);
    ofNode?.delete(uid);
    const intent = state.open.get(reference?.seq ?? Number.NaN)?.intent;
    if (reference === undefined || intent === undefined) continue;
    const step = intent.steps[reference.step ?? -1];
    if (step !== undefined && !excuseStep(state, intent, step)) step.task = lostTask(uid);
    const target = intent.targets[nodeId];
    if (reference.part !== null && target !== undefined) target.isLost = true;
    state.touchIntent(intent);
    const words = `node ${nodeId} lost task ${uid}, which it had acknowledged`;
    state.emit({ kind: 'alarm', words, seq: intent.seq });
    moved.push(intent.seq);
  }
  return moved;
}

function lostTask(uid: number) {
  return {
    uid,
    status: 'failed',
    batchUid: null,
    startedAt: null,
    finishedAt: null,
    details: null,
    error: lostError(),
  } as const;
}
