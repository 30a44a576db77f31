/** Begin as document writes use it, and the reply to the client. */
import { assert } from '../../core/assert.ts';
import { type ErrorBody, MiroirError } from '../../core/errors.ts';
import type { BeginResponse, Grant, WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { refusalError } from '../routes/begin.ts';
import { bytesReply, jsonReply } from '../routes/reply.ts';
import type { WriteContext } from './context.ts';
import type { SendOutcome } from './send.ts';

/** Above this many different primary keys a write counts as touching the whole index. */
export const KEYS_MAX = 65_536;

/** One document write as control needs to know it. */
export interface WriteIntent {
  readonly kind: WriteKind;
  readonly indexUid: string;
  /** Hashes of primary keys, 8 bytes each, at most KEYS_MAX; `all` if there is no list. */
  readonly touches: Uint8Array | 'all';
  readonly customMetadata: string | undefined;
  /** Details of the enqueued task, JSON text. */
  readonly detailsJson: string;
  readonly primaryKey?: string | undefined;
  readonly isPrimaryKeyExplicit?: boolean;
  readonly failure?: ErrorBody | undefined;
  readonly documentCount?: number;
  /** Documents that do not exist are left out. */
  readonly skipsCreation?: boolean;
}

/** What Begin came to. */
export type Begun =
  | { readonly kind: 'granted'; readonly grant: Grant; readonly beganAtMs: number }
  | { readonly kind: 'settled'; readonly seq: bigint; readonly enqueuedAt: string }
  /** Split again with this primary key. */
  | { readonly kind: 'other-primary-key'; readonly primaryKey: string };

/**
 * Takes a place in the lane. Not cut when the client goes away: control may have given the place
 * already. Throws the refusal, or miroir_control_unavailable.
 */
export async function begin(context: WriteContext, intent: WriteIntent): Promise<Begun> {
  const beganAtMs = context.clock.nowMs();
  const { touches } = intent;
  const response: BeginResponse = await context.writes.begin({
    kind: intent.kind,
    indexUid: intent.indexUid,
    primaryKeyHashes: touches === 'all' ? Buffer.alloc(0) : asBuffer(touches),
    touchesAllShards: touches === 'all',
    customMetadata: intent.customMetadata,
    detailsJson: Buffer.from(intent.detailsJson),
    primaryKey: intent.primaryKey,
    primaryKeyExplicit: intent.isPrimaryKeyExplicit ?? false,
    mayCreateIndex: context.mayCreateIndex,
    failure: intent.failure,
    failureCreatesIndex: intent.failure !== undefined,
    bodyJson: Buffer.alloc(0),
    documentCount: BigInt(intent.documentCount ?? 0),
    skipCreation: intent.skipsCreation ?? false,
  });
  const { outcome } = response;
  switch (outcome?.$case) {
    case 'grant':
      return { kind: 'granted', grant: outcome.value, beganAtMs };
    case 'settled':
      return { kind: 'settled', ...outcome.value };
    case 'otherPrimaryKey':
      return { kind: 'other-primary-key', primaryKey: outcome.value };
    case 'refusal':
      throw refusalError(outcome.value);
    default:
      throw new MiroirError('miroir_control_unavailable', 'Control gave no answer.', {
        retryAfterSeconds: 1,
      });
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The summarized task, as a node answers 202. */
export function taskReply(
  context: WriteContext,
  task: { seq: bigint; enqueuedAt: string },
  type: string,
  customMetadata: string | undefined,
): GatewayReply {
  assert(task.seq <= BigInt(Number.MAX_SAFE_INTEGER), 'places in the lane are exact numbers');
  return jsonReply(context.route, 202, {
    taskUid: Number(task.seq),
    indexUid: context.indexUid,
    status: 'enqueued',
    type,
    enqueuedAt: task.enqueuedAt,
    ...(customMetadata === undefined ? {} : { customMetadata }),
  });
}

/** The reply to a write that was sent. Throws what the client must see. */
export function sentReply(
  context: WriteContext,
  outcome: SendOutcome,
  whenStanding: () => GatewayReply,
): GatewayReply {
  if (outcome.kind === 'stands') return whenStanding();
  if (outcome.kind === 'fails') throw outcome.error;
  return bytesReply(context.route, outcome.status, [outcome.body]);
}
