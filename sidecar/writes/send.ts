/**
 * Sends what was granted: each node its bodies one after another on one connection, all nodes at once,
 * under the write's lease; then tells control what became of every one of them.
 *
 * Only an answer counts as an answer. A node that surely took nothing has refused; everything else
 * (reset, timeout, silence) is unknown, and after it nothing more goes to that node, since the order of
 * parts is part of what was granted.
 */
import { assertNever } from '../../core/assert.ts';
import { MiroirError } from '../../core/errors.ts';
import type { NodeCall, NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { NodeId } from '../../core/types.ts';
import type { SendResult } from '../../proto/gen/miroir/write/v1/write.ts';
import { refusalError } from '../routes/begin.ts';
import type { WriteContext } from './context.ts';
import { holdLease } from './lease.ts';

/** A granted write on its way. */
export interface GrantedWrite {
  readonly seq: bigint;
  readonly tag: string;
  /** Copies of each shard: with several, a slow one may not hold the answer for long. */
  readonly copiesPerShard: number;
  /** A moment before Begin was called, by the context's clock. */
  readonly beganAtMs: number;
}

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
}

/** How a write ended. */
export type SendOutcome =
  | { readonly kind: 'stands' }
  /** Every node that answered gave this same refusal; it is the client's to see. */
  | { readonly kind: 'refused'; readonly status: number; readonly body: Uint8Array }
  | { readonly kind: 'fails'; readonly error: MiroirError };

/** With one copy there is nobody to be faster: wait as long as a busy node may take to answer. */
const SINGLE_COPY_TIMEOUT_MS = 60_000;
const TIMEOUT_PER_MB_MS = 1_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
const BYTES_PER_MB = 1_000_000;

/** Sends every share and reports. Throws miroir_control_unavailable or miroir_write_abandoned. */
export async function sendShares(
  context: WriteContext,
  write: GrantedWrite,
  shares: readonly NodeShare[],
): Promise<SendOutcome> {
  const lease = await holdLease(context, write.seq, write.beganAtMs);
  try {
    const sent = await Promise.all(
      shares.map((share) => sendShare(context, write, share, lease.signal)),
    );
    const results = sent.flat();
    const report = await context.writes.report({ seq: write.seq, results, complete: true });
    if (report.stands && lease.isHeld()) return { kind: 'stands' };
    if (report.stands) throw abandoned();
    const refusal = commonRefusal(results);
    if (refusal !== undefined) return refusal;
    return { kind: 'fails', error: refusalOrNoQuorum(report.refusal) };
  } finally {
    lease.close();
  }
}

async function sendShare(
  context: WriteContext,
  write: GrantedWrite,
  share: NodeShare,
  signal: AbortSignal,
): Promise<SendResult[]> {
  const partCount = share.bodies.length;
  const results: SendResult[] = [];
  let isStopped = false;
  for (const [part, body] of share.bodies.entries()) {
    const outcome: SendResult['outcome'] = isStopped
      ? NOT_SENT
      : toResult(
          await context.callNode(share.nodeId, nodeCall(context, write, body, { part, signal })),
        );
    isStopped ||= outcome?.$case !== 'enqueuedUid';
    results.push({ nodeId: share.nodeId, part, partCount, outcome });
  }
  return results;
}

const NOT_SENT: SendResult['outcome'] = {
  $case: 'refused',
  value: { status: 0, body: Buffer.from('an earlier part was not taken') },
};

function nodeCall(
  context: WriteContext,
  write: GrantedWrite,
  body: NodeBody,
  sending: { part: number; signal: AbortSignal },
): NodeCall {
  const query = new URLSearchParams(body.query);
  query.set('customMetadata', `${write.tag}.${sending.part}`);
  const headers: Record<string, string> = {};
  if (context.authorization !== '') headers['authorization'] = context.authorization;
  if (body.contentType !== undefined) headers['content-type'] = body.contentType;
  const megabytes = Math.ceil(body.bodyBytes / BYTES_PER_MB);
  const baseMs =
    write.copiesPerShard > 1 ? context.config.writes.copy_timeout_ms : SINGLE_COPY_TIMEOUT_MS;
  return {
    method: body.method,
    path: `${body.path}?${query.toString()}`,
    headers,
    ...(body.body === undefined ? {} : { body: body.body(), bodyBytes: body.bodyBytes }),
    deadlineMs: baseMs + TIMEOUT_PER_MB_MS * megabytes,
    signal: sending.signal,
    answerBytesMax: ANSWER_BYTES_MAX,
  };
}

/** What control is told about one call. */
function toResult(outcome: NodeOutcome): SendResult['outcome'] {
  switch (outcome.kind) {
    case 'answered': {
      const body = Buffer.from(outcome.body);
      if (outcome.status !== 202) {
        return { $case: 'refused', value: { status: outcome.status, body } };
      }
      const uid = readTaskUid(body);
      if (uid === undefined) return { $case: 'unknown', value: 'a 202 without a taskUid' };
      return { $case: 'enqueuedUid', value: uid };
    }
    case 'refused':
      return { $case: 'refused', value: { status: 0, body: Buffer.from(outcome.reason) } };
    case 'reset':
      return { $case: 'unknown', value: outcome.reason };
    case 'timeout':
      return { $case: 'unknown', value: `no answer within ${outcome.afterMs} ms` };
    case 'aborted':
      return { $case: 'unknown', value: 'the lease was lost' };
    case 'too-large':
      return { $case: 'unknown', value: `an answer of more than ${outcome.limitBytes} bytes` };
    default:
      return assertNever(outcome);
  }
}

function readTaskUid(body: Buffer): bigint | undefined {
  const match = /"taskUid"\s*:\s*(\d{1,19})/.exec(body.toString('utf8'));
  return match?.[1] === undefined ? undefined : BigInt(match[1]);
}

/** A client error that every node gave alike, or nothing. */
function commonRefusal(results: readonly SendResult[]): SendOutcome | undefined {
  let first: { status: number; body: Buffer } | undefined;
  for (const { outcome } of results) {
    if (outcome?.$case !== 'refused') return undefined;
    if (outcome.value.status === 0) continue;
    if (outcome.value.status >= 500) return undefined;
    first ??= outcome.value;
    if (first.status !== outcome.value.status) return undefined;
  }
  return first === undefined
    ? undefined
    : { kind: 'refused', status: first.status, body: first.body };
}

function refusalOrNoQuorum(refusal: { code: string; message: string } | undefined): MiroirError {
  return refusalError(
    refusal ?? { code: 'miroir_no_quorum', message: 'Too few copies took the write.' },
  );
}

function abandoned(): MiroirError {
  return new MiroirError(
    'miroir_write_abandoned',
    'The write took too long to be confirmed; whether it happened is not known yet.',
    { retryAfterSeconds: 1 },
  );
}
