/**
 * What the client is told of a write: the summarized task as a node answers it, with a header that names
 * the copies that missed it; or an error that says whether the write may be in.
 */
import { assert, assertNever } from '../../core/assert.ts';
import { MiroirError } from '../../core/errors.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { refusalError } from '../routes/begin.ts';
import { bytesReply, type HeaderPair, jsonReply } from '../routes/reply.ts';
import type { WriteContext } from './context.ts';
import type { MissedCopies, SessionReply } from './session-types.ts';

/** What the summarized task shows besides its place. */
export interface TaskWords {
  readonly taskType: string;
  readonly customMetadata: string | undefined;
}

const MAY_BE_IN =
  'Some nodes have it in their queues, or may have it: its task tells what becomes of it.';
const IS_NOT_IN = 'Nothing of it was written.';

/** The reply to the client. Throws the error it must see; `cause` explains a control that is away. */
export function sessionReply(
  context: WriteContext,
  words: TaskWords,
  reply: SessionReply,
  cause: unknown,
): GatewayReply {
  switch (reply.kind) {
    case 'accepted':
      return accepted(context, words, reply);
    case 'relayed':
      return bytesReply(context.route, reply.status, [reply.body]);
    case 'refused':
      throw refusalError(withFate(reply));
    case 'notBegun':
      throw cause;
    case 'unreported':
      throw new MiroirError(
        'miroir_control_unavailable',
        `The control service cannot be reached to confirm the write. ${fate(reply.mayBeIn)}`,
        { cause, retryAfterSeconds: 1 },
      );
    case 'abandoned':
      throw new MiroirError(
        'miroir_write_abandoned',
        `The write took too long to be confirmed. ${fate(reply.mayBeIn)}`,
        { retryAfterSeconds: 1 },
      );
    case 'keyKeepsChanging':
      throw new MiroirError(
        'miroir_overloaded',
        'The primary key of the index keeps changing while documents are written.',
        { retryAfterSeconds: 1 },
      );
    default:
      return assertNever(reply);
  }
}

function fate(mayBeIn: boolean): string {
  return mayBeIn ? MAY_BE_IN : IS_NOT_IN;
}

/** Where too few copies took a write, the client must know whether some did. */
function withFate(reply: Extract<SessionReply, { kind: 'refused' }>): {
  code: string;
  message: string;
} {
  const { code, message, mayBeIn } = reply;
  return code === 'miroir_no_quorum' ? { code, message: `${message} ${fate(mayBeIn)}` } : reply;
}

function accepted(
  context: WriteContext,
  { taskType, customMetadata }: TaskWords,
  reply: Extract<SessionReply, { kind: 'accepted' }>,
): GatewayReply {
  assert(Number.isSafeInteger(reply.seq), 'places in the lane are exact numbers');
  const headers: HeaderPair[] =
    reply.missed.length === 0 ? [] : [['x-miroir-degraded', degraded(reply.missed)]];
  const task = {
    taskUid: reply.seq,
    indexUid: context.indexUid,
    status: 'enqueued',
    type: taskType,
    enqueuedAt: reply.enqueuedAt,
    ...(customMetadata === undefined ? {} : { customMetadata }),
  };
  return jsonReply(context.route, 202, task, headers);
}

/** Value of X-Miroir-Degraded: which copies missed the write, by node. */
export function degraded(missed: readonly MissedCopies[]): string {
  return missed
    .map(({ nodeId, shardCount, reason }) => {
      return `shards=${shardCount}; reason=${reason}; node=${nodeId}`;
    })
    .join(', ');
}
