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
  return bytesReply(context.template, 200, [await readTask(context)]);
}

/** The JSON of the task that the path names. Throws invalid_task_uids or task_not_found. */
export async function readTask(context: RouteContext): Promise<Uint8Array> {
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
  return json;
}

/** Lists tasks, newest first unless `reverse` is given. */
export async function listTasks(context: RouteContext): Promise<GatewayReply> {
  const asked = await readListQuery(context, '/tasks');
  if (asked.kind === 'answered') return asked.reply;
  const { query } = asked;
  const list = await context.services.tasks.list(query, context.request.signal);
  return answerList(context, { ...list, itemsJson: list.tasksJson, limit: query.limit });
}

/** What a list asks for, or the answer that needs no list. */
export type ListQuery =
  | { readonly kind: 'asked'; readonly query: ListTasksRequest }
  | { readonly kind: 'answered'; readonly reply: GatewayReply };

/** Reads the filters of a list of tasks or batches. What is not understood a node refuses at `path`. */
export async function readListQuery(context: RouteContext, path: string): Promise<ListQuery> {
  const query = parseTaskQuery(context.query);
  if (query === undefined) {
    // Something a node would refuse: it knows its own words for it.
    const question = { method: 'GET', path: `${path}${safeQuery(context.query)}` } as const;
    const answer = await askAnyNode(context, question);
    if (answer.status >= 400) return { kind: 'answered', reply: relay(context, answer) };
    throw new MiroirError('bad_request', 'The filters of this list are not understood.');
  }
  const { filter, matchesNothing } = query;
  if (matchesNothing) {
    const { limit } = filter;
    const body = { results: [], total: 0, limit, from: null, next: null };
    return { kind: 'answered', reply: jsonReply(context.template, 200, body) };
  }
  return {
    kind: 'asked',
    query: { ...filter, allowedIndexes: [...context.access.indexPatterns] },
  };
}

/** A page as a node writes it. */
export function answerList(
  context: RouteContext,
  list: {
    readonly itemsJson: readonly Uint8Array[];
    readonly total: bigint;
    readonly limit: number;
    readonly from?: bigint | undefined;
    readonly next?: bigint | undefined;
  },
): GatewayReply {
  const head = Buffer.from('{"results":[');
  const tail = Buffer.from(
    `],"total":${list.total},"limit":${list.limit},"from":${list.from ?? null},"next":${list.next ?? null}}`,
  );
  const comma = Buffer.from(',');
  const results = list.itemsJson.flatMap((json, place) => (place === 0 ? [json] : [comma, json]));
  return bytesReply(context.template, 200, [head, ...results, tail]);
}
