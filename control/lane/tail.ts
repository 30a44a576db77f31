/**
 * What one reading of a node tells (rules 7 and 11 of docs/protocol.md), in this order: whether the node
 * lost data, new tags, results, sends that surely never arrived, and callers that wait for a reading.
 */
import { assert } from '../../core/assert.ts';
import {
  ANY_MARK,
  type Intent,
  LOST_MARK,
  type MachineEvent,
  markOf,
  type NodeReading,
  type NodeTask,
  type State,
  type Step,
  type TailTask,
  type TaskRecord,
  type TaskReference,
} from '../state/index.ts';
import { startOf, updateTask } from '../tasks/index.ts';
import { closeUnknowns } from './closing.ts';
import { doubtFound, excuseStep } from './excuse.ts';
import { noteFailure } from './finality.ts';
import { batchOf } from './finish.ts';
import { forgetEndedLate, takeLateTask } from './late.ts';
import { dropLostTasks, hasLostData, loseData, restoreMarker } from './lost-data.ts';
import { progress } from './progress.ts';
import { addPart, isWhole } from './report.ts';

/** Takes a reading in. */
export function nodeTail(state: State, event: Extract<MachineEvent, { kind: 'nodeTail' }>): void {
  const { reading, now } = event;
  const node = state.cluster.nodes.find(({ id }) => id === reading.nodeId);
  if (node === undefined || reading.marker === 'foreign') return;
  const moved = new Set<number>();
  const isLost = hasLostData(state, node, reading);
  if (isLost) for (const seq of loseData(state, node, reading)) moved.add(seq);
  restoreMarker(state, node, reading);
  for (const found of reading.tasks) {
    const seq = judgeTag(state, reading, { found, isNew: !isLost && found.uid > node.seenUid });
    if (seq !== undefined) moved.add(seq);
  }
  for (const found of reading.tasks) {
    const seq = takeResult(state, reading.nodeId, found);
    if (seq !== undefined) moved.add(seq);
  }
  for (const seq of dropLostTasks(state, reading.nodeId, reading.missingUids)) moved.add(seq);
  forgetEndedLate(state, node);
  noteSeen(state, node, reading);
  for (const seq of closeUnknowns(state, reading)) moved.add(seq);
  for (const seq of moved) noteBeginning(state, seq);
  progress(state, moved, now);
  answerReaders(state, reading);
}

/** The tag that a write of ours gave a task. */
export interface WriteTag {
  readonly seq: number;
  readonly part: number;
}

/** Reads a tag; undefined for texts that are no tags of this cluster. */
export function parseTag(tag: string | null, clusterId: string): WriteTag | undefined {
  if (tag?.startsWith(`m1.${clusterId}.`) !== true) return undefined;
  const match = /^(\d{1,15})\.(\d{1,9})(?:\.(.*))?$/.exec(tag.slice(clusterId.length + 4));
  if (match === null) return undefined;
  const place = Number(match[1]);
  return { seq: match[3] === 'rc' ? -place : place, part: Number(match[2]) };
}

/** Gives the place of the intent that the task belongs to, if that changed anything. */
function judgeTag(
  state: State,
  reading: NodeReading,
  at: { readonly found: TailTask; readonly isNew: boolean },
): number | undefined {
  const { found, isNew } = at;
  const tag = parseTag(found.tag, state.cluster.clusterId);
  if (tag === undefined) return undefined;
  const open = state.open.get(tag.seq);
  const target = open?.intent.targets[reading.nodeId];
  if (open !== undefined && target !== undefined) {
    const known = target.parts[tag.part];
    if (known?.uid === found.uid) {
      known.documentCount ??= found.documentCount;
      return undefined;
    }
    const mayCome = target.state === 'pending' || target.state === 'unknown';
    if (known === undefined && mayCome) {
      const { uid, documentCount } = found;
      addPart(state, { open, nodeId: reading.nodeId }, { part: tag.part, uid, documentCount });
      if (isWhole(target)) target.state = 'enqueued';
      return tag.seq;
    }
  }
  if (!isNew) return undefined;
  takeLateTask(state, { nodeId: reading.nodeId, found, tag, open });
  return tag.seq;
}

/** How far one task is. Gives the place of its intent if that is news. */
function takeResult(state: State, nodeId: string, found: TailTask): number | undefined {
  const ofNode = state.outstanding.get(nodeId);
  const reference = ofNode?.get(found.uid);
  const { task } = found;
  if (reference === undefined || task === null) return undefined;
  if (task.status !== 'processing') ofNode?.delete(found.uid);
  const open = state.open.get(reference.seq);
  if (open === undefined) return undefined;
  if (!place(state, open.intent, reference, task)) return undefined;
  state.touchIntent(open.intent);
  const isBad = task.status === 'failed' || task.status === 'canceled';
  if (isBad && reference.part !== null) noteFailure(state, open, nodeId);
  return reference.seq;
}

function place(state: State, intent: Intent, reference: TaskReference, task: NodeTask): boolean {
  if (reference.step !== null) {
    const step = intent.steps[reference.step];
    assert(step !== undefined, 'a task belongs to a step of its intent');
    if (step.state === 'skipped' || step.task?.status === task.status) return false;
    step.task = task;
    if (isUntolerated(step, task)) excuseStep(state, intent, step);
    else doubtFound(state, intent, step);
    return true;
  }
  // A late task: it was only waited for.
  if (reference.part === null) return true;
  const part = intent.targets[reference.nodeId]?.parts[reference.part];
  if (part === undefined || part.task?.status === task.status) return false;
  part.task = task;
  return true;
}

function isUntolerated(step: Step, task: NodeTask): boolean {
  return task.status === 'failed' && !step.tolerates.includes(task.error?.code ?? '');
}

function noteSeen(
  state: State,
  node: State['cluster']['nodes'][number],
  reading: NodeReading,
): void {
  const last = reading.tasks.at(-1);
  const highest = Math.max(reading.highestUid, last?.uid ?? -1);
  if (highest > node.seenUid) {
    node.seenUid = highest;
    state.touchedNodes.add(node.id);
  }
  if (last === undefined || node.lastMark === LOST_MARK) return;
  if (last.uid < node.lastTaskUid) {
    // The node may have lost it since, and taken what is known of meanwhile: it is looked for once more.
    state.expectMark(node.id, last.uid, markOf(last));
    return;
  }
  if (last.uid === node.lastTaskUid && node.lastMark !== ANY_MARK) return;
  node.lastTaskUid = last.uid;
  node.lastMark = markOf(last);
  state.touchedNodes.add(node.id);
}

/** The first node that works on it makes the task `processing`, with its batch and start. */
function noteBeginning(state: State, seq: number): void {
  const intent = state.open.get(seq)?.intent;
  const task: TaskRecord | undefined = state.tasks.get(seq);
  if (intent === undefined || task === undefined || intent.isFinal) return;
  const startedAt = startOf(intent);
  if (startedAt === null || (task.status === 'processing' && task.startedAt === startedAt)) return;
  task.status = 'processing';
  task.startedAt = startedAt;
  task.batchUid ??= batchOf(state, intent);
  updateTask(state, task);
}

function answerReaders(state: State, reading: NodeReading): void {
  if (state.waitingReaders.length === 0) return;
  const waiting = state.waitingReaders.splice(0);
  for (const reader of waiting) {
    const isServed =
      reader.nodeId === reading.nodeId &&
      reading.startedAtMs >= reader.sinceMs &&
      reading.marker !== 'unread';
    if (!isServed) {
      state.waitingReaders.push(reader);
      continue;
    }
    state.emit({ kind: 'confirmNodeReply', ticket: reader.ticket, isConfirmed: true });
  }
}
