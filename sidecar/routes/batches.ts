/** GET /batches and GET /batches/{uid}: control makes batches out of the tasks that share one. */
import { MiroirError } from '../../core/errors.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { RouteContext } from './context.ts';
import { parseCount } from './query.ts';
import { bytesReply } from './reply.ts';
import { answerList, readListQuery } from './tasks.ts';

const UID_MAX = 0xffff_ffff;

/** Shows one batch. */
export async function getBatch(context: RouteContext): Promise<GatewayReply> {
  const text = context.params['batch_id'] ?? '';
  const uid = parseCount(text, UID_MAX);
  if (uid === undefined) {
    throw new MiroirError(
      'invalid_batch_uids',
      `Batch uid \`${text}\` is invalid. It should only contain numeric characters.`,
    );
  }
  const { services, access, request } = context;
  const json = await services.tasks.getBatch(BigInt(uid), access.indexPatterns, request.signal);
  if (json === undefined) throw new MiroirError('batch_not_found', `Batch \`${uid}\` not found.`);
  return bytesReply(context.template, 200, [json]);
}

/** Lists batches, newest first unless `reverse` is given. */
export async function listBatches(context: RouteContext): Promise<GatewayReply> {
  const asked = await readListQuery(context, '/batches');
  if (asked.kind === 'answered') return asked.reply;
  const { query } = asked;
  const list = await context.services.tasks.listBatches(query, context.request.signal);
  return answerList(context, { ...list, itemsJson: list.batchesJson, limit: query.limit });
}
