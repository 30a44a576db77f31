/** GET /tasks and GET /tasks/{uid}: control keeps the tasks that clients see. */
import { MiroirError } from '../../core/errors.ts';
import type { ListTasksRequest } from '../../proto/gen/miroir/tasks/v1/tasks.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { askAnyNode, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { parseCount, safeQuery } from './query.ts';
import { bytesReply, jsonReply } from './reply.ts';
import { parseTaskQuery } from './task-query.ts';

const UID_MAX = 0xffff_ffff;

/** Shows one task. */
export async function getTask(context: RouteContext): Promise<GatewayReply> {
  const text = context.params['task_id'] ?? '';
  const uid = parseCount(text, UID_MAX);
  if (uid === undefined) {
    throw new MiroirError(
      'invalid_task_uids',
      `Task uid \`${text}\` is invalid. It should only contain numeric characters.`,
    );
  }
  const { services, access, request } = context;
  const json = await services.tasks.get(BigInt(uid), access.indexPatterns, request.signal);
  if (json === undefined) throw new MiroirError('task_not_found', `Task \`${uid}\` not found.`);
  return bytesReply(context.template, 200, [json]);
}

/** Lists tasks, newest first unless `reverse` is given. */
export async function listTasks(context: RouteContext): Promise<GatewayReply> {
  const query = parseTaskQuery(context.query);
  if (query === undefined) {
    // Something a node would refuse: it knows its own words for it.
    const question = { method: 'GET', path: `/tasks${safeQuery(context.query)}` } as const;
    const answer = await askAnyNode(context, question);
    if (answer.status >= 400) return relay(context, answer);
    throw new MiroirError('bad_request', 'The filters of this task list are not understood.');
  }
  const { filter } = query;
  if (query.matchesNothing) {
    const { limit } = filter;
    return jsonReply(context.template, 200, {
      results: [],
      total: 0,
      limit,
      from: null,
      next: null,
    });
  }
  const request: ListTasksRequest = {
    ...filter,
    allowedIndexes: [...context.access.indexPatterns],
  };
  const list = await context.services.tasks.list(request, context.request.signal);
  const head = Buffer.from('{"results":[');
  const tail = Buffer.from(
    `],"total":${list.total},"limit":${filter.limit},"from":${list.from ?? null},"next":${list.next ?? null}}`,
  );
  const comma = Buffer.from(',');
  const results = list.tasksJson.flatMap((json, place) => (place === 0 ? [json] : [comma, json]));
  return bytesReply(context.template, 200, [head, ...results, tail]);
}
