/**
 * One request of a granted write to one node. Only an answer counts as an answer: a node that surely took
 * nothing has refused, and everything else (reset, timeout, silence) is unknown.
 */
import { assertNever } from '../../core/assert.ts';
import type { NodeCall, NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { NodeId } from '../../core/types.ts';
import type { WriteContext } from './context.ts';
import { LONE_TIMEOUT_MS, TIMEOUT_PER_MB_MS } from './session-shares.ts';
import type { PartOutcome } from './session-types.ts';

/** One request to one node, without what all of them have in common. */
export interface NodeBody {
  readonly method: NodeCall['method'];
  /** Path and own parameters; `customMetadata` is added. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** Made when it is sent: a stream is read once. */
  readonly body?: () => NonNullable<NodeCall['body']>;
  readonly bodyBytes: number;
}

/** All requests to one node, in order. */
export interface NodeShare {
  readonly nodeId: NodeId;
  readonly bodies: readonly NodeBody[];
  /** Shards of the documents in them, ascending. */
  readonly shards: readonly number[];
}

/** What distinguishes one send. */
export interface Sending {
  readonly nodeId: NodeId;
  readonly body: NodeBody;
  /** Tag of the write and place of the part. */
  readonly customMetadata: string;
  /** Destroys the connection; its reason is a text for the report. */
  readonly signal: AbortSignal;
}

const ANSWER_BYTES_MAX = 1024 * 1024;
const BYTES_PER_MB = 1_000_000;
/** The session ends a send first; this only holds if it could not. */
const DEADLINE_SLACK_MS = 5_000;

/** Sends one body. Resolves when it was answered, or when its connection is closed. */
export async function sendBody(context: WriteContext, sending: Sending): Promise<PartOutcome> {
  const call = nodeCall(context, sending);
  return toOutcome(await context.callNode(sending.nodeId, call, { isWrite: true }), sending);
}

function nodeCall(context: WriteContext, { body, customMetadata, signal }: Sending): NodeCall {
  const query = new URLSearchParams(body.query);
  query.set('customMetadata', customMetadata);
  const headers: Record<string, string> = {};
  if (context.authorization !== '') headers['authorization'] = context.authorization;
  if (body.contentType !== undefined) headers['content-type'] = body.contentType;
  const forBytesMs = Math.ceil((TIMEOUT_PER_MB_MS * body.bodyBytes) / BYTES_PER_MB);
  return {
    method: body.method,
    path: `${body.path}?${query.toString()}`,
    headers,
    ...(body.body === undefined ? {} : { body: body.body(), bodyBytes: body.bodyBytes }),
    deadlineMs: LONE_TIMEOUT_MS + forBytesMs + DEADLINE_SLACK_MS,
    signal,
    answerBytesMax: ANSWER_BYTES_MAX,
  };
}

function toOutcome(outcome: NodeOutcome, { signal }: Sending): PartOutcome {
  switch (outcome.kind) {
    case 'answered': {
      if (outcome.status !== 202) {
        return { kind: 'refused', status: outcome.status, body: outcome.body };
      }
      const uid = readTaskUid(outcome.body);
      if (uid === undefined) return { kind: 'unknown', reason: 'a 202 without a taskUid' };
      return { kind: 'enqueued', uid };
    }
    case 'refused':
      return { kind: 'refused', status: 0, body: Buffer.from(outcome.reason) };
    case 'reset':
      return { kind: 'unknown', reason: outcome.reason };
    case 'timeout':
      return { kind: 'unknown', reason: `no answer within ${outcome.afterMs} ms` };
    case 'aborted':
      return { kind: 'unknown', reason: String(signal.reason) };
    case 'too-large':
      return { kind: 'unknown', reason: `an answer of more than ${outcome.limitBytes} bytes` };
    default:
      return assertNever(outcome);
  }
}

function readTaskUid(body: Uint8Array): number | undefined {
  const match = /"taskUid"\s*:\s*(\d{1,15})\b/.exec(Buffer.from(body).toString('utf8'));
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** Codes by which a node says that it has no room: the next write may find some, this one does not. */
const NO_ROOM = /"code"\s*:\s*"(no_space_left_on_device|too_many_open_files)"/;

/** What went wrong at the node, in a word for a metric; undefined where nothing did. */
export function failureKind(outcome: PartOutcome): string | undefined {
  if (outcome.kind === 'enqueued') return undefined;
  if (outcome.kind === 'unknown') return 'unknown';
  if (outcome.status === 0) return 'refused';
  if (outcome.status >= 500) return 'status_5xx';
  return NO_ROOM.exec(Buffer.from(outcome.body).toString('utf8'))?.[1];
}
