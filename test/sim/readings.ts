/** Readings of a model node's list of tasks, as the real tail makes them. */
import {
  ANY_MARK,
  markOf,
  type NodeReading,
  type NodeTask,
  type TailTask,
} from '../../control/state/index.ts';
import type { ModelNode, ModelTask } from './node.ts';

/** What is known of a node before a reading. */
export interface KnownTasks {
  readonly lastUid: number;
  readonly lastMark: string;
  readonly seenUid: number;
  /** Ascending. */
  readonly outstanding: readonly number[];
}

function hasCount({ type, work }: ModelTask): boolean {
  if (type === 'documentAdditionOrUpdate') return true;
  return (
    type === 'documentDeletion' &&
    work.kind === 'write' &&
    work.write.kind === 'documentsDeleteById'
  );
}

function tailTask(task: ModelTask): TailTask {
  const { uid, tag, work } = task;
  return {
    uid,
    tag,
    enqueuedAt: task.enqueuedAt,
    indexUid: task.indexUid,
    // A node says at once how many documents or ids it was given.
    documentCount: hasCount(task) && work.kind === 'write' ? work.keys.length : null,
    task: task.status === 'enqueued' ? null : nodeTask(task),
  };
}

/** One reading of the node's list, as the tail makes it. */
export function takeReading(
  node: ModelNode,
  known: KnownTasks,
  of: Pick<NodeReading, 'marker' | 'startedAtMs'>,
): NodeReading {
  const { outstanding, lastUid, lastMark, seenUid } = known;
  const newest = Math.max(0, Math.min(seenUid, lastUid));
  const from = Math.min(newest, outstanding[0] ?? newest);
  const tasks = node.tasks.slice(from);
  const last = from <= lastUid ? node.tasks[lastUid] : undefined;
  const isSame = last !== undefined && (lastMark === ANY_MARK || markOf(last) === lastMark);
  return {
    nodeId: node.id,
    startedAtMs: of.startedAtMs,
    marker: of.marker,
    lastKnown: lastUid < 0 || isSame ? 'present' : last === undefined ? 'absent' : 'other',
    highestUid: node.tasks.length - 1,
    tasks: tasks.map(tailTask),
    missingUids: outstanding.filter((uid) => uid >= node.tasks.length),
  };
}

/** Readings without news are not told. */
export function isNews(reading: NodeReading, known: KnownTasks): boolean {
  if (reading.lastKnown !== 'present' || reading.missingUids.length > 0) return true;
  const outstanding = new Set(known.outstanding);
  return reading.tasks.some(
    ({ uid, task }) => uid > known.seenUid || (task !== null && outstanding.has(uid)),
  );
}

const ENDED_AT = '2026-11-23T20:00:00Z';

function nodeTask(task: ModelTask): NodeTask {
  const { uid, errorCode, work } = task;
  const count = work.kind === 'write' ? work.keys.length : 0;
  return {
    uid,
    status: task.status === 'failed' || task.status === 'canceled' ? task.status : 'succeeded',
    batchUid: uid,
    startedAt: ENDED_AT,
    finishedAt: ENDED_AT,
    details: { receivedDocuments: count, providedIds: count },
    error: errorCode === null ? null : { message: errorCode, code: errorCode, type: 'x', link: '' },
  };
}
