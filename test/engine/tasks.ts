/** Tasks and batches: what they hold and how they are answered. */
import type { ErrorBody } from './errors.ts';
import type { SentDocument } from './payload.ts';
import { settingsDetails } from './settings-decode.ts';
import { type Json, type Out, printJson } from './value.ts';

export const TASK_TYPES = [
  'documentAdditionOrUpdate',
  'documentEdition',
  'documentDeletion',
  'settingsUpdate',
  'indexCreation',
  'indexDeletion',
  'indexUpdate',
  'indexSwap',
  'taskCancelation',
  'taskDeletion',
  'dumpCreation',
  'snapshotCreation',
  'export',
  'upgradeDatabase',
  'indexCompaction',
  'networkTopologyChange',
  'dsrUpdate',
  'dsrClear',
] as const;

export const TASK_STATUSES = ['enqueued', 'processing', 'succeeded', 'failed', 'canceled'] as const;

export type TaskStatus = (typeof TASK_STATUSES)[number];

/** What a task is to do. */
export type TaskWork =
  | {
      readonly type: 'documentAdditionOrUpdate';
      readonly documents: readonly SentDocument[];
      readonly isReplace: boolean;
      readonly primaryKey: string | undefined;
      readonly skipCreation: boolean;
      readonly mayCreateIndex: boolean;
    }
  | {
      readonly type: 'documentDeletion';
      /** Identifiers, a filter, or neither for all documents. */
      readonly ids?: readonly string[];
      readonly filter?: Json;
    }
  | {
      readonly type: 'settingsUpdate';
      readonly change: ReadonlyMap<string, Json>;
      readonly isDeletion: boolean;
      readonly mayCreateIndex: boolean;
    }
  | { readonly type: 'indexCreation'; readonly primaryKey: string | null }
  | { readonly type: 'indexDeletion' | 'indexCompaction' }
  | {
      readonly type: 'indexUpdate';
      readonly primaryKey: string | null;
      readonly newUid: string | undefined;
    }
  | { readonly type: 'indexSwap'; readonly swaps: readonly Swap[] }
  | {
      readonly type: 'taskCancelation' | 'taskDeletion';
      readonly matched: readonly number[];
      readonly originalFilter: string;
    };

/** Two indexes to exchange. */
export interface Swap {
  readonly indexes: readonly [string, string];
  readonly rename: boolean;
}

/** One task. */
export interface Task {
  readonly uid: number;
  indexUid: string | null;
  work: TaskWork;
  status: TaskStatus;
  batchUid: number | null;
  canceledBy: number | null;
  details: { [key: string]: Out };
  error: ErrorBody | null;
  readonly enqueuedAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  readonly customMetadata: string | undefined;
}

/** Tasks that were worked on together. */
export interface Batch {
  readonly uid: number;
  readonly taskUids: number[];
  /** Index of each task when the batch was done; a later swap changes tasks, not batches. */
  readonly indexUids: Map<number, string | null>;
  /** Details of each task when the batch was done. */
  readonly details: Map<number, { [key: string]: Out }>;
  readonly startedAt: string;
  finishedAt: string | null;
}

/** All indexes a task has to do with: a renaming names two, a swap (if it counts) several. */
export function indexesOf(task: Task, hasSwaps: boolean): readonly (string | null)[] {
  const { work } = task;
  if (work.type === 'indexSwap' && hasSwaps) return work.swaps.flatMap((swap) => swap.indexes);
  if (work.type === 'indexUpdate' && work.newUid !== undefined) return [task.indexUid, work.newUid];
  return [task.indexUid];
}

/** Details of a task that waits. */
export function firstDetails(work: TaskWork): { [key: string]: Out } {
  switch (work.type) {
    case 'documentAdditionOrUpdate':
      return { receivedDocuments: work.documents.length, indexedDocuments: null };
    case 'documentDeletion':
      if (work.filter !== undefined) {
        return {
          providedIds: 0,
          deletedDocuments: null,
          originalFilter: printJson(work.filter),
        };
      }
      return work.ids === undefined
        ? { deletedDocuments: null }
        : { providedIds: work.ids.length, deletedDocuments: null, originalFilter: null };
    case 'settingsUpdate':
      return settingsDetails(work.change);
    case 'indexCreation':
      return { primaryKey: work.primaryKey };
    case 'indexCompaction':
      return {};
    case 'indexDeletion':
      return { deletedDocuments: null };
    case 'indexUpdate':
      return { primaryKey: work.primaryKey, newIndexUid: work.newUid };
    case 'indexSwap':
      return {
        swaps: work.swaps.map((swap) => ({ indexes: swap.indexes, rename: swap.rename })),
      };
    case 'taskCancelation':
    case 'taskDeletion': {
      const done = work.type === 'taskCancelation' ? 'canceledTasks' : 'deletedTasks';
      return {
        matchedTasks: work.matched.length,
        [done]: null,
        originalFilter: work.originalFilter,
      };
    }
  }
}

/** Counters that are not known yet become 0 when a task ends without doing its work. */
export function zeroCounters(details: { [key: string]: Out }): { [key: string]: Out } {
  const result = { ...details };
  for (const key of ['indexedDocuments', 'deletedDocuments', 'canceledTasks', 'deletedTasks']) {
    if (key in result && result[key] === null) result[key] = 0;
  }
  return result;
}

/** The answer to a request that made a task. */
export function summarizedView(task: Task): { [key: string]: Out } {
  return {
    taskUid: task.uid,
    indexUid: task.indexUid,
    status: 'enqueued',
    type: task.work.type,
    enqueuedAt: task.enqueuedAt,
    customMetadata: task.customMetadata,
  };
}

/** A task as `GET /tasks/<uid>` answers it. */
export function taskView(task: Task): { [key: string]: Out } {
  return {
    uid: task.uid,
    batchUid: task.batchUid,
    indexUid: task.indexUid,
    status: task.status,
    type: task.work.type,
    canceledBy: task.canceledBy,
    details: task.details,
    error: task.error,
    duration: durationText(task.startedAt, task.finishedAt),
    enqueuedAt: task.enqueuedAt,
    startedAt: task.startedAt,
    finishedAt: task.finishedAt,
    customMetadata: task.customMetadata,
  };
}

function durationText(start: string | null, end: string | null): string | null {
  if (start === null || end === null) return null;
  const seconds = (Date.parse(end) - Date.parse(start)) / 1000;
  return `PT${seconds.toFixed(9).replace(/\.?0+$/, '')}S`;
}

/** A task as its batch remembers it. */
export function taskInBatch(batch: Batch, task: Task): Task {
  const indexUid = batch.indexUids.get(task.uid);
  const details = batch.details.get(task.uid);
  return {
    ...task,
    indexUid: indexUid === undefined ? task.indexUid : indexUid,
    details: details ?? task.details,
  };
}

/** A batch as `GET /batches/<uid>` answers it. */
export function batchView(batch: Batch, tasks: readonly Task[]): { [key: string]: Out } {
  const status: { [key: string]: number } = {};
  const types: { [key: string]: number } = {};
  const indexUids: { [key: string]: number } = {};
  const count = (counts: { [key: string]: number }, key: string) => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  for (const task of tasks) {
    count(status, task.status);
    count(types, task.work.type);
    if (task.indexUid !== null) count(indexUids, task.indexUid);
  }
  return {
    uid: batch.uid,
    progress: batch.finishedAt === null ? { steps: [], percentage: 0 } : null,
    details: foldDetails(tasks),
    stats: { totalNbTasks: tasks.length, status, types, indexUids },
    duration: durationText(batch.startedAt, batch.finishedAt),
    startedAt: batch.startedAt,
    finishedAt: batch.finishedAt,
    batchStrategy: 'batched all enqueued tasks',
  };
}

const SUMMED = new Set([
  'receivedDocuments',
  'indexedDocuments',
  'deletedDocuments',
  'providedIds',
  'matchedTasks',
  'canceledTasks',
  'deletedTasks',
]);

function foldDetails(tasks: readonly Task[]): { [key: string]: Out } {
  const folded: { [key: string]: Out } = {};
  for (const task of tasks) {
    for (const [key, value] of Object.entries(task.details)) {
      const before = folded[key];
      if (value === null && task.work.type !== 'settingsUpdate') continue;
      if (value === undefined) continue;
      if (SUMMED.has(key) && typeof before === 'number' && typeof value === 'number') {
        folded[key] = before + value;
      } else if (key === 'originalFilter' && typeof before === 'string') {
        folded[key] = `${before}&${String(value)}`;
      } else {
        folded[key] = value;
      }
    }
  }
  return folded;
}
