/** Task and batch routes: one, lists with all filters, cancel, delete. */
import { type Query, queryCount, queryFlag } from '../decode.ts';
import { EngineError } from '../errors.ts';
import { type Answer, type Call, invalidIndexUid, isIndexUid, type Route } from '../router.ts';
import {
  type Batch,
  batchView,
  indexesOf,
  summarizedView,
  TASK_STATUSES,
  TASK_TYPES,
  type Task,
  taskInBatch,
  taskView,
} from '../tasks.ts';
import { type Out, printJson } from '../value.ts';

export const taskRoutes: readonly Route[] = [
  { method: 'GET', path: '/tasks', action: 'tasks.get', handler: listTasks },
  { method: 'GET', path: '/tasks/{task}', action: 'tasks.get', handler: getTask },
  { method: 'GET', path: '/tasks/{task}/documents', action: 'tasks.get', handler: getDocuments },
  {
    method: 'POST',
    path: '/tasks/cancel',
    action: 'tasks.cancel',
    handler: (call) => sweep(call, 'taskCancelation'),
  },
  {
    method: 'DELETE',
    path: '/tasks',
    action: 'tasks.delete',
    handler: (call) => sweep(call, 'taskDeletion'),
  },
  { method: 'GET', path: '/batches', action: 'tasks.get', handler: listBatches },
  { method: 'GET', path: '/batches/{batch}', action: 'tasks.get', handler: getBatch },
];

const FILTER_CODES = {
  uids: 'invalid_task_uids',
  batchUids: 'invalid_batch_uids',
  canceledBy: 'invalid_task_canceled_by',
  types: 'invalid_task_types',
  statuses: 'invalid_task_statuses',
  indexUids: 'invalid_index_uid',
  afterEnqueuedAt: 'invalid_task_after_enqueued_at',
  beforeEnqueuedAt: 'invalid_task_before_enqueued_at',
  afterStartedAt: 'invalid_task_after_started_at',
  beforeStartedAt: 'invalid_task_before_started_at',
  afterFinishedAt: 'invalid_task_after_finished_at',
  beforeFinishedAt: 'invalid_task_before_finished_at',
} as const;

const { uids, batchUids, ...OTHER_CODES } = FILTER_CODES;
const LIST_CODES = {
  limit: 'invalid_task_limit',
  from: 'invalid_task_from',
  reverse: 'invalid_task_reverse',
  batchUids,
  uids,
  ...OTHER_CODES,
} as const;

const UID_MAX = 2 ** 32 - 1;

type TaskTest = (task: Task) => boolean;

/** A task list query as one test; undefined if it filters nothing. */
function readFilters(
  query: Query,
  scope: 'tasks' | 'batches' | 'total' = 'tasks',
): TaskTest | undefined {
  const tests = [
    numbers(query, 'uids', (task) => task.uid),
    numbers(query, 'batchUids', (task) => task.batchUid),
    numbers(query, 'canceledBy', (task) =>
      scope === 'batches' && task.work.type === 'taskCancelation' ? task.uid : task.canceledBy,
    ),
    words(query, 'types', TASK_TYPES, (task) => task.work.type),
    words(query, 'statuses', TASK_STATUSES, (task) => task.status),
    indexNames(query, scope === 'total'),
    date(query, 'EnqueuedAt', (task) => task.enqueuedAt),
    date(query, 'StartedAt', (task) => task.startedAt),
    date(query, 'FinishedAt', (task) => task.finishedAt),
  ].filter((test) => test !== undefined);
  return tests.length === 0 ? undefined : (task) => tests.every((test) => test(task));
}

function listOf(query: Query, name: string): string[] | undefined {
  const given = query.get(name);
  if (given === undefined || given === '*') return undefined;
  return given === '' ? [] : given.split(',');
}

/** Where an entry of a list stands, if there are several. */
function place(list: readonly string[], position: number): string {
  return list.length > 1 ? `[${position}]` : '';
}

function numbers(
  query: Query,
  name: 'uids' | 'batchUids' | 'canceledBy',
  pick: (task: Task) => number | null,
): TaskTest | undefined {
  const list = listOf(query, name);
  if (list === undefined) return undefined;
  const wanted = new Set(
    list.map((entry, i) => {
      if (/^\+?\d+$/.test(entry) && Number(entry) <= UID_MAX) return Number(entry);
      throw new EngineError(
        FILTER_CODES[name],
        `Invalid value in parameter \`${name}${place(list, i)}\`: could not parse \`${entry}\` as a positive integer`,
      );
    }),
  );
  return (task) => wanted.has(pick(task) ?? -1);
}

function words(
  query: Query,
  name: 'types' | 'statuses',
  known: readonly string[],
  pick: (task: Task) => string,
): TaskTest | undefined {
  const list = listOf(query, name);
  if (list === undefined) return undefined;
  const kind = name === 'types' ? ['type', 'types'] : ['status', 'statuses'];
  const wanted = new Set(
    list.map((entry, i) => {
      const found = known.find((word) => word.toLowerCase() === entry.toLowerCase());
      if (found !== undefined) return found;
      throw new EngineError(
        FILTER_CODES[name],
        `Invalid value in parameter \`${name}${place(list, i)}\`: \`${entry}\` is not a valid task ${kind[0]}. Available ${kind[1]} are ${known.map((word) => `\`${word}\``).join(', ')}.`,
      );
    }),
  );
  return (task) => wanted.has(pick(task));
}

function indexNames(query: Query, hasSwaps: boolean): TaskTest | undefined {
  const list = listOf(query, 'indexUids');
  if (list === undefined) return undefined;
  for (const [i, uid] of list.entries()) {
    if (isIndexUid(uid)) continue;
    throw new EngineError(
      FILTER_CODES.indexUids,
      `Invalid value in parameter \`indexUids${place(list, i)}\`: ${invalidIndexUid(uid)}`,
    );
  }
  return (task) => indexesOf(task, hasSwaps).some((uid) => uid !== null && list.includes(uid));
}

type DateName = 'EnqueuedAt' | 'StartedAt' | 'FinishedAt';

function date(
  query: Query,
  name: DateName,
  pick: (task: Task) => string | null,
): TaskTest | undefined {
  const after = readDate(query, `after${name}`, true);
  const before = readDate(query, `before${name}`, false);
  if (after === undefined && before === undefined) return undefined;
  return (task) => {
    const time = pick(task);
    if (time === null) return false;
    const ms = Date.parse(time);
    return (after === undefined || ms > after) && (before === undefined || ms < before);
  };
}

const DAY_MS = 86_400_000;

function readDate(
  query: Query,
  name: `after${DateName}` | `before${DateName}`,
  isAfter: boolean,
): number | undefined {
  const given = query.get(name);
  if (given === undefined || given === '*') return undefined;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(given);
  const isFull = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(given);
  const ms = isDay || isFull ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new EngineError(
      FILTER_CODES[name],
      `Invalid value in parameter \`${name}\`: \`${given}\` is an invalid date-time. It should follow the YYYY-MM-DD or RFC 3339 date-time format.`,
    );
  }
  return isDay && isAfter ? ms + DAY_MS : ms;
}

interface Window {
  readonly limit: number;
  readonly from: number | undefined;
  readonly isReverse: boolean;
  /** What is counted, if that is more than what is listed: swaps count for their indexes. */
  readonly total?: number;
}

function readWindow(query: Query): Window {
  return {
    limit: queryCount(query, 'limit', LIST_CODES.limit, UID_MAX) ?? 20,
    from: queryCount(query, 'from', LIST_CODES.from, UID_MAX),
    isReverse: queryFlag(query, 'reverse', LIST_CODES.reverse) ?? false,
  };
}

/** A page of things with a uid: newest first, or oldest first in reverse. */
function pageOf<T extends { readonly uid: number }>(
  all: readonly T[],
  window: Window,
  view: (item: T) => Out,
): Answer {
  const { limit, from, isReverse } = window;
  const ordered = [...all].sort((a, b) => (isReverse ? a.uid - b.uid : b.uid - a.uid));
  const reached = ordered.filter(
    (item) => from === undefined || (isReverse ? item.uid >= from : item.uid <= from),
  );
  const shown = reached.slice(0, limit);
  return {
    status: 200,
    body: {
      results: shown.map(view),
      total: window.total ?? all.length,
      limit,
      from: shown[0]?.uid ?? null,
      next: reached[limit]?.uid ?? null,
    },
  };
}

function isVisible(call: Call): TaskTest {
  if (call.access.seesAll) return () => true;
  return (task) => task.indexUid !== null && call.access.sees(task.indexUid);
}

function listTasks(call: Call): Answer {
  const query = call.query(LIST_CODES);
  const window = readWindow(query);
  const test = readFilters(query);
  const sees = isVisible(call);
  const found = [...call.engine.tasks.values()].filter(
    (task) => sees(task) && (test === undefined || test(task)),
  );
  const counts = readFilters(query, 'total') ?? (() => true);
  const total = [...call.engine.tasks.values()].filter((task) => sees(task) && counts(task)).length;
  return pageOf(found, { ...window, total }, taskView);
}

function findTask(call: Call, code: string): Task {
  const given = call.param('task');
  if (!/^\+?\d+$/.test(given) || Number(given) > UID_MAX) {
    throw new EngineError(
      code,
      `Task uid \`${given}\` is invalid. It should only contain numeric characters.`,
    );
  }
  const task = call.engine.tasks.get(Number(given));
  if (task === undefined || !isVisible(call)(task)) {
    throw new EngineError('task_not_found', `Task \`${Number(given)}\` not found.`);
  }
  return task;
}

function getTask(call: Call): Answer {
  return { status: 200, body: taskView(findTask(call, 'invalid_task_uids')) };
}

function getDocuments(call: Call): Answer {
  call.engine.features.demand(
    'getTaskDocumentsRoute',
    'Getting the documents of an enqueued task',
    'get task documents route',
    808,
  );
  const task = findTask(call, 'invalid_task_uids');
  const { work } = task;
  const isWaiting = task.status === 'enqueued' || task.status === 'processing';
  if (work.type !== 'documentAdditionOrUpdate' || !isWaiting) {
    throw new EngineError(
      'task_file_not_found',
      `Task \`${task.uid}\` does not contain any documents. Only \`documentAdditionOrUpdate\` tasks with the statuses \`enqueued\` or \`processing\` contain documents`,
    );
  }
  const text = work.documents.map(({ fields }) => `${printJson(fields)}\n`).join('');
  return { status: 200, text, contentType: 'application/x-ndjson' };
}

function sweep(call: Call, type: 'taskCancelation' | 'taskDeletion'): Answer {
  const query = call.query(FILTER_CODES);
  const test = readFilters(query);
  if (query.size === 0) {
    const verb = type === 'taskCancelation' ? 'cancel' : 'delete';
    throw new EngineError(
      'missing_task_filters',
      `Query parameters to filter the tasks to ${verb} are missing. Available query parameters are: \`uids\`, \`indexUids\`, \`statuses\`, \`types\`, \`canceledBy\`, \`beforeEnqueuedAt\`, \`afterEnqueuedAt\`, \`beforeStartedAt\`, \`afterStartedAt\`, \`beforeFinishedAt\`, \`afterFinishedAt\`.`,
    );
  }
  const sees = isVisible(call);
  const matched = [...call.engine.tasks.values()]
    .filter((task) => sees(task) && (test === undefined || test(task)))
    .map((task) => task.uid);
  const task = call.engine.enqueue({ type, matched, originalFilter: `?${call.search}` }, null);
  return { status: 200, body: summarizedView(task) };
}

function tasksOf(call: Call, batch: Batch): Task[] {
  return batch.taskUids.flatMap((uid) => {
    const task = call.engine.tasks.get(uid);
    return task === undefined ? [] : [taskInBatch(batch, task)];
  });
}

function listBatches(call: Call): Answer {
  const query = call.query(LIST_CODES);
  const window = readWindow(query);
  const test = readFilters(query, 'batches') ?? (() => true);
  const sees = isVisible(call);
  const found = [...call.engine.batches.values()].filter((batch) =>
    tasksOf(call, batch).some((task) => sees(task) && test(task)),
  );
  return pageOf(found, window, (batch) => batchView(batch, tasksOf(call, batch)));
}

function getBatch(call: Call): Answer {
  const given = call.param('batch');
  if (!/^\+?\d+$/.test(given) || Number(given) > UID_MAX) {
    throw new EngineError(
      'invalid_batch_uids',
      `Batch uid \`${given}\` is invalid. It should only contain numeric characters.`,
    );
  }
  const batch = call.engine.batches.get(Number(given));
  if (batch === undefined || !tasksOf(call, batch).some(isVisible(call))) {
    throw new EngineError('batch_not_found', `Batch \`${Number(given)}\` not found.`);
  }
  return { status: 200, body: batchView(batch, tasksOf(call, batch)) };
}
