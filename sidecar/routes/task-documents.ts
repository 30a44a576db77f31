/**
 * GET /tasks/{uid}/documents: the payload of a task that is not over. Whether the route is switched on a
 * node tells, in its own words; that a finished task has no payload any more is known here.
 */
import { MiroirError } from '../../core/errors.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { askAnyNode, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { readTask } from './tasks.ts';

/** A task that no node has: a node looks at its switch first. */
const NO_TASK = '/tasks/4294967295/documents';

/** Shows that a finished task has no payload; the payload of an open one is not gathered yet. */
export async function getTaskDocuments(context: RouteContext): Promise<GatewayReply> {
  const switched = await askAnyNode(context, { method: 'GET', path: NO_TASK });
  if (switched.status !== 404) return relay(context, switched);
  const task = JSON.parse(Buffer.from(await readTask(context)).toString('utf8')) as {
    readonly uid: number;
    readonly type: string;
    readonly status: string;
  };
  const isOpen = task.status === 'enqueued' || task.status === 'processing';
  if (isOpen && task.type === 'documentAdditionOrUpdate') {
    throw new MiroirError(
      'miroir_not_implemented',
      '`GET /tasks/{task_id}/documents` is built for finished tasks only.',
    );
  }
  throw new MiroirError(
    'task_file_not_found',
    `Task \`${task.uid}\` does not contain any documents. Only \`documentAdditionOrUpdate\` tasks with the statuses \`enqueued\` or \`processing\` contain documents`,
  );
}
