/** Writes that control sends to the nodes itself: make the Begin, answer with the summarized task. */
import { assert } from '../../core/assert.ts';
import { ERRORS, type ErrorCode, MiroirError } from '../../core/errors.ts';
import type { Refusal, WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { RouteContext } from './context.ts';
import { jsonReply } from './reply.ts';

/** One write of this sort. */
export interface ControlWrite {
  readonly kind: WriteKind;
  /** Empty for an index swap. */
  readonly indexUid: string;
  /** Type of the task in Meilisearch's words. */
  readonly taskType: string;
  /** Details as the enqueued task shows them. */
  readonly details: unknown;
  /** JSON text of the operation; empty for none. */
  readonly bodyJson: string;
  readonly mayCreateIndex: boolean;
}

/** Takes a place in the lane and answers 202 with the summarized task. */
export async function beginControlWrite(
  context: RouteContext,
  write: ControlWrite,
): Promise<GatewayReply> {
  const response = await context.services.writes.begin(
    {
      kind: write.kind,
      indexUid: write.indexUid,
      primaryKeyHashes: Buffer.alloc(0),
      touchesAllShards: true,
      customMetadata: undefined,
      detailsJson: Buffer.from(JSON.stringify(write.details)),
      primaryKey: undefined,
      primaryKeyExplicit: false,
      mayCreateIndex: write.mayCreateIndex,
      failure: undefined,
      failureCreatesIndex: false,
      bodyJson: Buffer.from(write.bodyJson),
      documentCount: 0n,
      skipCreation: false,
    },
    context.request.signal,
  );
  const { outcome } = response;
  if (outcome?.$case === 'refusal') throw refusalError(outcome.value);
  assert(outcome?.$case === 'settled', 'control sends this kind of write itself');
  return jsonReply(context.template, 202, {
    taskUid: Number(outcome.value.seq),
    indexUid: write.indexUid === '' ? null : write.indexUid,
    status: 'enqueued',
    type: write.taskType,
    enqueuedAt: outcome.value.enqueuedAt,
  });
}

/** When to try again, where it is not at once. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = { miroir_storage_full: 10 };

/** Control's refusal as the client sees it; one that may pass says when to try again. */
export function refusalError(refusal: Refusal): MiroirError {
  const { code, message } = refusal;
  assert(Object.hasOwn(ERRORS, code), `control refused with an unknown code ${code}`);
  const known = code as ErrorCode;
  if (ERRORS[known].status !== 503) return new MiroirError(known, message);
  const retryAfterSeconds = RETRY_AFTER_SECONDS[known] ?? 1;
  return new MiroirError(known, message, { retryAfterSeconds });
}
