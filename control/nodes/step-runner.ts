/**
 * Makes control's own calls (runStep). These carry no tag, so a call whose answer was lost is first looked
 * for in the node's list of tasks, by type and index above the floor of its intent, and sent again only if
 * it is not there. Tries go on, with growing pauses, until the node answers: a step is durable and others
 * wait for it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Intent, Step, StepOutcome, TaskError } from '../state/index.ts';
import type { ControlNode, NodeAnswer } from './node.ts';
import { listTasksFrom, type RawTask } from './task-list.ts';

const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 2_000;

/** Where a step stands in its intent. */
export interface PlacedStep {
  readonly intent: Intent;
  readonly step: Step;
  readonly node: ControlNode;
  /** An earlier leader may have sent it. */
  readonly mayBeSent: boolean;
  /** Whether no earlier leader can have it under way any more: only then its absence says something. */
  readonly areOthersDone: () => boolean;
  readonly signal: AbortSignal;
}

/** Sends a step until the node took or refused it. Undefined only if the signal fired. */
export async function runStep(placed: PlacedStep): Promise<StepOutcome | undefined> {
  const { step, intent, node, signal } = placed;
  const body = intent.bodies[step.body];
  let mayBeSent = placed.mayBeSent;
  for (let pauseMs = PAUSE_MIN_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    if (mayBeSent) {
      const areOthersDone = placed.areOthersDone();
      const found = await findStep(placed);
      if (typeof found === 'object') {
        return { kind: 'enqueued', uid: found.uid, enqueuedAt: found.enqueuedAt };
      }
      if (found === 'absent' && areOthersDone) mayBeSent = false;
    }
    if (!mayBeSent) {
      const answer = await node.call({
        method: step.method,
        path: step.path,
        ...(body === undefined ? {} : { body }),
        signal,
      });
      const outcome = readAnswer(answer);
      if (outcome !== undefined) return outcome;
      mayBeSent = answer.kind === 'answer' || !answer.isSurelyUndone;
    }
    await delay(pauseMs, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

/** Undefined: try again. A node that does not know our key is not asked to be understood: wait for it. */
function readAnswer(answer: NodeAnswer): StepOutcome | undefined {
  if (answer.kind !== 'answer') return undefined;
  const { status, text } = answer;
  if (status === 401 || status === 403 || status === 408 || status === 429) return undefined;
  const body = parse(text);
  if ((status === 202 || status === 200) && typeof body?.['taskUid'] === 'number') {
    const { enqueuedAt } = body;
    return {
      kind: 'enqueued',
      uid: body['taskUid'],
      enqueuedAt: typeof enqueuedAt === 'string' ? enqueuedAt : null,
    };
  }
  if (status < 400 || status >= 500 || body === undefined) return undefined;
  return { kind: 'refused', error: body as unknown as TaskError };
}

async function findStep(placed: PlacedStep): Promise<RawTask | 'absent' | 'unknown'> {
  const { step, intent, node, signal } = placed;
  const floor = intent.floors[step.nodeId] ?? -1;
  const onIndex =
    step.taskIndexUid === null ? '' : `&indexUids=${encodeURIComponent(step.taskIndexUid)}`;
  const filter = `types=${step.taskType}${onIndex}`;
  const tasks = await listTasksFrom(node, floor + 1, { filter, signal });
  if (tasks === undefined) return 'unknown';
  const known = new Set(intent.steps.map((other) => (other.nodeId === node.id ? other.uid : null)));
  const body = intent.bodies[step.body];
  const found = tasks.find((task) => !known.has(task.uid) && isSameCall(step, task, body));
  return found ?? 'absent';
}

/** Swaps and cancelations of others may be in the list as well; they are told apart by what they name. */
function isSameCall(step: Step, task: RawTask, body: string | undefined): boolean {
  if (step.taskType === 'taskCancelation') {
    return step.path.endsWith(String(task.details?.['originalFilter'] ?? ' '));
  }
  if (step.taskType !== 'indexSwap') return true;
  const named = (swaps: unknown): string =>
    JSON.stringify(
      (Array.isArray(swaps) ? (swaps as { indexes?: unknown }[]) : []).map((swap) => swap.indexes),
    );
  return named(task.details?.['swaps']) === named(JSON.parse(body ?? '[]'));
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
