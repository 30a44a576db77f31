/** What an intent came to when all its calls have ended, and what the sidecar may tell its client. Pure. */
import { assert } from '../../core/assert.ts';
import { partRefused, writeAbandoned } from '../catalog/index.ts';
import type { Intent, NodeTask, ReportReply, Step, TaskError } from '../state/index.ts';
import { cleanError, mainTasks } from '../tasks/index.ts';

/** The error of a write that has ended; null if it succeeded. */
export function errorOf(intent: Intent, providedIds: number): TaskError | null {
  if (intent.error !== null) return intent.error;
  const ofSteps = intent.steps.map(stepError).find((error) => error !== null);
  if (ofSteps !== undefined) return ofSteps;
  if (intent.isAbandoned && !isComplete(intent, providedIds)) return writeAbandoned();
  for (const [nodeId, target] of Object.entries(intent.targets)) {
    const failed = Object.values(target.parts).find((part) => part.task?.status === 'failed');
    const error = failed?.task?.error;
    if (error !== undefined && error !== null) return cleanError(error);
    const isCut = Object.values(target.parts).some((part) => part.task?.status === 'canceled');
    if (isCut) return partRefused(nodeId, 'it was cancelled there');
    if (target.state === 'refused' || target.state === 'none') {
      return target.refusal ?? partRefused(nodeId, target.reason ?? 'it never arrived');
    }
  }
  return null;
}

function stepError(step: Step): TaskError | null {
  if (step.refusal !== null) return cleanError(step.refusal);
  const error = step.task?.status === 'failed' ? step.task.error : null;
  if (error === null || step.tolerates.includes(error.code)) return null;
  return cleanError(error);
}

/**
 * Whether nodes hold all of a write whose sidecar fell silent. Every node must have some of it, and what
 * nodes counted must add up, since nobody told how many parts there were to be.
 */
function isComplete(intent: Intent, providedIds: number): boolean {
  const targets = Object.values(intent.targets);
  if (targets.some((target) => target.state !== 'enqueued')) return false;
  const tasks = mainTasks(intent);
  if (intent.kind === 'documentsReplace' || intent.kind === 'documentsUpdate') {
    return sum(tasks, 'receivedDocuments') === intent.documentCount;
  }
  if (intent.kind === 'documentsDeleteById') return sum(tasks, 'providedIds') === providedIds;
  return true;
}

function sum(tasks: readonly NodeTask[], name: string): number {
  return tasks.reduce((total, task) => {
    const value = task.details?.[name];
    return total + (typeof value === 'number' ? value : 0);
  }, 0);
}

/** Whether a report can be answered: no node's share is open any more. */
export function isDecided(intent: Intent): boolean {
  return Object.values(intent.targets).every(
    (target) => target.state !== 'pending' && target.state !== 'unknown',
  );
}

/** The answer to a report. `isLast`: no more reports will come, so what is open counts as not written. */
export function reportReply(intent: Intent, isLast: boolean): ReportReply {
  const targets = Object.entries(intent.targets);
  if (!intent.isAbandoned && targets.every(([, target]) => target.state === 'enqueued')) {
    return { stands: true, refusal: null, missed: [] };
  }
  if (!isLast && !intent.isAbandoned) return { stands: false, refusal: null, missed: [] };
  if (intent.isAbandoned) {
    const { code, message } = writeAbandoned();
    return { stands: false, refusal: { code, message }, missed: [] };
  }
  const missing = targets.filter(([, target]) => target.state !== 'enqueued');
  const [first] = missing;
  assert(first !== undefined, 'a write that does not stand misses a node');
  const refusals = missing.map(([, target]) => target.refusal);
  const [refusal] = refusals;
  if (missing.length === targets.length && refusal !== undefined && refusal !== null) {
    return { stands: false, refusal: { code: refusal.code, message: refusal.message }, missed: [] };
  }
  const [nodeId, target] = first;
  const { code, message } = partRefused(nodeId, target.reason ?? 'it did not answer');
  return { stands: false, refusal: { code, message }, missed: [] };
}
