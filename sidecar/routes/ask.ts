/**
 * Asking nodes on a client's behalf: which headers travel, what a failed call means to the client, and
 * asking any one node where all would answer alike. Transport errors and 503 are tried once more on
 * another node; nothing else is.
 */
import { MiroirError } from '../../core/errors.ts';
import type { NodeCall, NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { NodeId } from '../../core/types.ts';
import type { GatewayReply } from '../http/exchange.ts';
import type { RouteContext } from './context.ts';
import { bytesReply, type HeaderPair } from './reply.ts';

/** What is left of a request's time is never less: a call needs some. */
const DEADLINE_MIN_MS = 10;
/** How long one of several nodes that would answer alike is waited for. */
const ANY_NODE_MS = 2_000;

/** The parts of a call a route chooses. */
export interface Question {
  readonly method: NodeCall['method'];
  readonly path: string;
  readonly body?: Uint8Array | string;
  /** Default: the caller's own. */
  readonly token?: string;
  /** What the answer is for, where several are asked for one. */
  readonly purpose?: string;
  /** The answer must be of the data that the request's view speaks of. */
  readonly isOfData?: boolean;
  /** Ends the call; default: the client's own. */
  readonly signal?: AbortSignal;
  /** What this call may take at most, within what the request may. */
  readonly waitMs?: number;
}

/** A node's whole answer. */
export type Answered = Extract<NodeOutcome, { kind: 'answered' }>;

/** Asks one node with the caller's key within `reads.timeout_ms`. */
export async function askNode(
  context: RouteContext,
  nodeId: NodeId,
  question: Question,
): Promise<NodeOutcome> {
  const { services, request } = context;
  const headers: Record<string, string> = {
    authorization: `Bearer ${question.token ?? context.access.token}`,
  };
  if (question.body !== undefined) headers['content-type'] = 'application/json';
  const metadata = request.headers.get('meili-include-metadata');
  if (metadata !== undefined) headers['meili-include-metadata'] = metadata;
  const startedAtMs = performance.now();
  const leftMs = Math.min(context.deadlineAtMs - startedAtMs, question.waitMs ?? Infinity);
  const call: NodeCall = {
    method: question.method,
    path: question.path,
    headers,
    deadlineMs: Math.max(DEADLINE_MIN_MS, leftMs),
    signal: question.signal ?? request.signal,
    ...(question.body === undefined ? {} : { body: question.body }),
  };
  const terms = question.isOfData === true ? { position: context.view.position } : {};
  const outcome = await services.nodes.call(nodeId, call, terms);
  count(context, nodeId, outcome);
  context.trace?.asked(nodeId, question, outcome, performance.now() - startedAtMs);
  return outcome;
}

/** Asks nodes one after another until one answers (503 counts as no answer). Throws if none does. */
export async function askAnyNode(context: RouteContext, question: Question): Promise<Answered> {
  let last: NodeOutcome | undefined;
  const nodeIds = rotatedNodes(context);
  for (const [place, nodeId] of nodeIds.entries()) {
    // One that stands still must not hold up what any other answers.
    const isLast = place === nodeIds.length - 1;
    last = await askNode(context, nodeId, isLast ? question : { ...question, waitMs: ANY_NODE_MS });
    if (last.kind === 'answered' && last.status !== 503) return last;
    if (last.kind === 'aborted' || performance.now() >= context.deadlineAtMs) break;
  }
  throw outcomeError(last);
}

/** Whether asking another copy may help. */
export function isWorthRetrying(outcome: NodeOutcome): boolean {
  if (outcome.kind === 'answered') return outcome.status === 503;
  return outcome.kind === 'refused' || outcome.kind === 'reset';
}

/** What the client sees where a node had to answer and did not. */
export function outcomeError(outcome: NodeOutcome | undefined): MiroirError {
  if (outcome?.kind === 'timeout') {
    return new MiroirError(
      'miroir_node_timeout',
      `A node did not answer within ${Math.round(outcome.afterMs)} ms.`,
    );
  }
  return new MiroirError(
    'miroir_shard_unavailable',
    'No node that could answer this request can be reached.',
    { retryAfterSeconds: 1 },
  );
}

/** Passes a node's answer on: its status, its bytes, and the one header that tells a client to wait. */
export function relay(context: RouteContext, answer: Answered): GatewayReply {
  const headers: HeaderPair[] = [];
  const retryAfter = answer.headers['retry-after'];
  if (typeof retryAfter === 'string') headers.push(['retry-after', retryAfter]);
  if (answer.body.length === 0) {
    return { status: answer.status, headers, body: [], route: context.template };
  }
  return bytesReply(context.template, answer.status, [answer.body], headers);
}

/**
 * The nodes, beginning with another one each time, so that no node gets all such calls; those whose
 * connection was lost come last.
 */
function rotatedNodes({ view, services }: RouteContext): NodeId[] {
  const ids = [...view.nodes.keys()];
  turn = (turn + 1) % Math.max(1, ids.length);
  const rank = (id: NodeId): number => (services.nodes.isReadable(id, view.position) ? 0 : 1);
  const turned = [...ids.slice(turn), ...ids.slice(0, turn)];
  return turned.sort((left, right) => rank(left) - rank(right));
}

let turn = 0;

function count(context: RouteContext, nodeId: NodeId, outcome: NodeOutcome): void {
  const metrics = context.services.metrics.node(nodeId);
  if (outcome.kind === 'answered') {
    metrics.observe(operationOf(context.template), outcome.elapsedMs / 1000);
  } else if (outcome.kind !== 'aborted') {
    metrics.error(outcome.kind);
  }
}

/** The route's last fixed word: `search`, `documents`, `stats`. */
export function operationOf(template: string): string {
  let operation = operations.get(template);
  if (operation === undefined) {
    const words = template.split('/').filter((word) => word !== '' && !word.startsWith('{'));
    operation = words.at(-1) ?? 'root';
    operations.set(template, operation);
  }
  return operation;
}

/** As many as there are routes. */
const operations = new Map<string, string>();
