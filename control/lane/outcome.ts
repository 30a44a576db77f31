/** What an intent came to when all its calls have ended, and what the sidecar may tell its client. Pure. */
import { partRefused, writeAbandoned } from '../catalog/index.ts';
import type {
  Intent,
  NodeTask,
  OpenIntent,
  ReportReply,
  State,
  Step,
  Target,
  TaskError,
} from '../state/index.ts';
import { cleanError, mainTasks } from '../tasks/index.ts';
import { missedOf, type Standing } from './quorum.ts';

/** The error of a write that has ended; null if it succeeded. */
export function errorOf(intent: Intent, providedIds: number): TaskError | null {
  if (intent.error !== null) return intent.error;
  const ofSteps = intent.steps.map(stepError).find((error) => error !== null);
  if (ofSteps !== undefined) return ofSteps;
  if (intent.isAbandoned && !isComplete(intent, providedIds)) return writeAbandoned();
  for (const [nodeId, target] of lostTargets(intent)) {
    const error = targetError(nodeId, target);
    if (error !== null) return error;
  }
  return null;
}

/** Targets on whose shards the write counts nowhere, in the order of the intent. */
function lostTargets(intent: Intent): [string, Target][] {
  const out = new Set(intent.shards.filter((_, place) => intent.outcomes[place] === 'out'));
  return Object.entries(intent.targets).filter(([, target]) =>
    target.shards.some((shard) => out.has(shard)),
  );
}

function targetError(nodeId: string, target: Target): TaskError | null {
  const tasks = Object.values(target.parts).map((part) => part.task);
  const error = tasks.find((task) => task?.status === 'failed')?.error;
  if (error !== undefined && error !== null) return cleanError(error);
  if (target.isLost) return lostError();
  if (tasks.some((task) => task?.status === 'canceled')) {
    return partRefused(nodeId, 'it was cancelled there');
  }
  if (target.state === 'enqueued' || target.state === 'unknown') return null;
  return target.refusal ?? partRefused(nodeId, target.reason ?? 'it never arrived');
}

/** Of a task that its node does not know any more. */
export function lostError(): TaskError {
  const code = 'internal';
  return {
    message: 'The node that took this task does not know it any more.',
    code,
    type: code,
    link: `https://docs.meilisearch.com/errors#${code}`,
  };
}

function stepError(step: Step): TaskError | null {
  if (step.refusal !== null) return cleanError(step.refusal);
  const error = step.task?.status === 'failed' ? step.task.error : null;
  if (error === null || step.tolerates.includes(error.code)) return null;
  return cleanError(error);
}

/**
 * Whether nodes hold all of a write whose sidecar fell silent. Where each shard has one copy every node must
 * have some of it, and what nodes counted must add up, since nobody told how many parts there were to be;
 * with more copies that was judged node by node when its sends were closed.
 */
function isComplete(intent: Intent, providedIds: number): boolean {
  const targets = Object.values(intent.targets);
  if (hasSeveralCopies(targets)) return !intent.outcomes.includes('out');
  if (targets.some((target) => target.state !== 'enqueued')) return false;
  const tasks = mainTasks(intent);
  if (intent.kind === 'documentsReplace' || intent.kind === 'documentsUpdate') {
    return sum(tasks, 'receivedDocuments') === intent.documentCount;
  }
  if (intent.kind === 'documentsDeleteById') return sum(tasks, 'providedIds') === providedIds;
  return true;
}

function hasSeveralCopies(targets: readonly Target[]): boolean {
  const seen = new Set<number>();
  for (const { shards } of targets) {
    for (const shard of shards) {
      if (seen.has(shard)) return true;
      seen.add(shard);
    }
  }
  return false;
}

function sum(tasks: readonly NodeTask[], name: string): number {
  return tasks.reduce((total, task) => {
    const value = task.details?.[name];
    return total + (typeof value === 'number' ? value : 0);
  }, 0);
}

/** The answer to a report, when the write stands as given. Open ones count as not written. */
export function reportReply(state: State, open: OpenIntent, standing: Standing): ReportReply {
  const { intent } = open;
  if (intent.isAbandoned) return refused(writeAbandoned());
  if (standing === 'stands') {
    return { stands: true, refusal: null, missed: missedOf(state, intent) };
  }
  if (standing === 'noQuorum' || standing === 'unconfirmed') {
    return refused({
      code: 'miroir_no_quorum',
      message:
        standing === 'noQuorum'
          ? 'Too few copies took the write for it to be acknowledged; it may be applied all the same.'
          : 'The write is taken, but not every gateway knows yet which copies missed it; it may be applied.',
    });
  }
  const targets = Object.entries(intent.targets);
  const missing = targets.filter(([, target]) => isMissing(intent, target));
  const refusals = missing.map(([, target]) => target.refusal);
  const [refusal] = refusals;
  if (missing.length === targets.length && refusal !== undefined && refusal !== null) {
    return refused(refusal);
  }
  const [nodeId, target] = missing[0] ?? targets[0] ?? ['', undefined];
  return refused(partRefused(nodeId, target?.reason ?? 'it did not answer'));
}

function isMissing(intent: Intent, target: Target): boolean {
  if (target.state === 'enqueued') return false;
  return target.shards.some((shard) => {
    const outcome = intent.outcomes[intent.shards.indexOf(shard)];
    return outcome === 'open' || outcome === 'out';
  });
}

function refused(error: { readonly code: string; readonly message: string }): ReportReply {
  const { code, message } = error;
  return { stands: false, refusal: { code, message }, missed: [] };
}
