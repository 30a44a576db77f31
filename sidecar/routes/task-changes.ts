/**
 * POST /tasks/cancel and DELETE /tasks. Both name tasks by the filters of a list and take a place in the
 * lane; control decides what may be cancelled, and hides what is deleted.
 */
import { MiroirError } from '../../core/errors.ts';
import { WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { askAnyNode, relay } from './ask.ts';
import { beginControlWrite } from './begin.ts';
import type { RouteContext } from './context.ts';
import { parseQuery, safeQuery } from './query.ts';
import { isTaskFilter, parseTaskQuery, type TaskQuery } from './task-query.ts';

/** No route knows it, and it sorts behind every name that one does. */
const UNKNOWN_PARAMETER = '~';

interface TaskChange {
  readonly verb: 'cancel' | 'delete';
  readonly kind: WriteKind;
  readonly taskType: string;
  /** Counted when the task is over. */
  readonly count: 'canceledTasks' | 'deletedTasks';
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
}

/** POST /tasks/cancel. */
export function cancelTasks(context: RouteContext): Promise<GatewayReply> {
  return changeTasks(context, {
    verb: 'cancel',
    kind: WriteKind.TASKS_CANCEL,
    taskType: 'taskCancelation',
    count: 'canceledTasks',
    method: 'POST',
    path: '/tasks/cancel',
  });
}

/** DELETE /tasks. */
export function deleteTasks(context: RouteContext): Promise<GatewayReply> {
  return changeTasks(context, {
    verb: 'delete',
    kind: WriteKind.TASKS_DELETE,
    taskType: 'taskDeletion',
    count: 'deletedTasks',
    method: 'DELETE',
    path: '/tasks',
  });
}

async function changeTasks(context: RouteContext, change: TaskChange): Promise<GatewayReply> {
  const names = [...parseQuery(context.query).keys()];
  if (names.length === 0) throw filtersMissing(change.verb);
  const query = names.every(isTaskFilter) ? parseTaskQuery(context.query) : undefined;
  if (query === undefined) return refuseUnread(context, change);
  const originalFilter = `?${context.query}`;
  const reply = await beginControlWrite(context, {
    kind: change.kind,
    indexUid: '',
    taskType: change.taskType,
    details: { matchedTasks: null, [change.count]: null, originalFilter },
    bodyJson: bodyOf(query, context.access.indexPatterns),
    mayCreateIndex: false,
  });
  // Of all routes that enqueue a task, a node answers only these two with 200.
  return { ...reply, status: 200 };
}

/** The filters as control reads them. */
function bodyOf(query: TaskQuery, allowedIndexes: readonly string[]): string {
  const { filter, matchesNothing } = query;
  return JSON.stringify(
    { matchesNothing, filter: { ...filter, allowedIndexes } },
    (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value),
  );
}

/**
 * A node knows its own words for what it refuses, but one that did not refuse would act. A value is judged
 * alike where tasks are only listed; a name that no list knows is sent with one behind it that nothing
 * knows, so that the node refuses in any case, and names the first fault it meets.
 */
async function refuseUnread(context: RouteContext, change: TaskChange): Promise<GatewayReply> {
  const query = safeQuery(context.query);
  const areNamesKnown = [...parseQuery(context.query).keys()].every(isTaskFilter);
  const answer = await askAnyNode(
    context,
    areNamesKnown
      ? { method: 'GET', path: `/tasks${query}` }
      : { method: change.method, path: `${change.path}${query}&${UNKNOWN_PARAMETER}=` },
  );
  const isOwnFault = Buffer.from(answer.body).includes(`\`${UNKNOWN_PARAMETER}\``);
  if (answer.status >= 400 && !isOwnFault) return relay(context, answer);
  throw new MiroirError('bad_request', 'The filters of this request are not understood.');
}

function filtersMissing(verb: TaskChange['verb']): MiroirError {
  return new MiroirError(
    'missing_task_filters',
    `Query parameters to filter the tasks to ${verb} are missing. Available query parameters are: \`uids\`, \`indexUids\`, \`statuses\`, \`types\`, \`canceledBy\`, \`beforeEnqueuedAt\`, \`afterEnqueuedAt\`, \`beforeStartedAt\`, \`afterStartedAt\`, \`beforeFinishedAt\`, \`afterFinishedAt\`.`,
  );
}
