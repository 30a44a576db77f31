/**
 * What operators do to jobs. Checks come first and change nothing, so that a dry run is the check alone. A
 * paused or cancelled recovery ends its workers at their next turn: what they wrote stays, what is missing
 * stays noted.
 */
import {
  type AdminRefusal,
  type JobRecord,
  type MachineEvent,
  pairKey,
  type State,
} from '../state/index.ts';
import { addJob, endJob, isOver, jobId } from './records.ts';
import { copiesByNode } from './recovery-jobs.ts';

/** What may be done to a job that exists. */
export type JobChange = 'pauseJob' | 'resumeJob' | 'cancelJob';

/** Why a job cannot be changed so; undefined if it can. */
export function refuseJobChange(
  job: JobRecord | undefined,
  change: JobChange,
): AdminRefusal | undefined {
  if (job === undefined) {
    return {
      status: 'notFound',
      code: 'miroir_job_not_found',
      message: 'There is no such job; of those that are over only the newest are kept.',
    };
  }
  if (isOver(job)) {
    return refused(`Job ${jobId(job)} is over (${job.phase}). Start a new one instead.`);
  }
  if (change !== 'cancelJob' && job.kind === 'backup') {
    return refused('A backup cannot be paused: cancel it and start another.');
  }
  return undefined;
}

/** Pauses, resumes or cancels a job; the refusal if that cannot be. */
export function changeJob(
  state: State,
  number: number,
  change: JobChange,
): AdminRefusal | undefined {
  const job = state.jobs.records.get(number);
  const refusal = refuseJobChange(job, change);
  if (refusal !== undefined || job === undefined) return refusal;
  if (change === 'cancelJob') {
    endJob(state, job, { phase: 'cancelled', reason: 'cancelled by an operator' });
  } else {
    job.phase = change === 'pauseJob' ? 'paused' : 'active';
    job.reason = change === 'pauseJob' ? 'paused by an operator' : '';
    state.jobs.touchedJobs.add(number);
  }
  if (change === 'resumeJob') retryNow(state, job);
  if (job.kind !== 'recovery') state.emit({ kind: 'jobChanged', job: number });
  return undefined;
}

/** What a recovery by hand is about. */
export interface RecoveryRequest {
  readonly indexUid: string;
  readonly nodeId: string;
}

/** Why copies cannot be recovered; undefined if they can. */
export function refuseRecovery(state: State, request: RecoveryRequest): AdminRefusal | undefined {
  const index = state.entryOf(request.indexUid)?.index;
  if (index === undefined) {
    const message = `Index \`${request.indexUid}\` not found.`;
    return { status: 'notFound', code: 'index_not_found', message };
  }
  const copies = copiesByNode(index).get(request.nodeId);
  if (copies === undefined || copies.count === 0) {
    return refused(`Node ${request.nodeId} owns no copy of ${request.indexUid}.`);
  }
  if (copies.left === 0) {
    const words = `Every copy of ${request.indexUid} on node ${request.nodeId} is in-sync`;
    return refused(`${words}: there is nothing to recover.`);
  }
  return undefined;
}

/** Brings copies up to date at once; the job that does it, or the refusal. */
export function recover(
  state: State,
  request: RecoveryRequest,
  actor: string,
): JobRecord | AdminRefusal {
  const refusal = refuseRecovery(state, request);
  const index = state.entryOf(request.indexUid)?.index;
  if (refusal !== undefined || index === undefined) return refusal as AdminRefusal;
  const known = state.jobs.records.get(
    state.jobs.ofPair.get(pairKey(index.id, request.nodeId)) ?? -1,
  );
  if (known !== undefined && !isOver(known)) {
    if (known.phase === 'paused') known.phase = 'active';
    state.jobs.touchedJobs.add(known.number);
    retryNow(state, known);
    return known;
  }
  const job = addJob(state, {
    kind: 'recovery',
    requestedBy: actor,
    pair: { indexId: index.id, indexUid: request.indexUid, nodeId: request.nodeId },
  });
  state.jobs.left.set(job.number, copiesByNode(index).get(request.nodeId)?.left ?? 0);
  retryNow(state, job);
  return job;
}

/** A driver's job is over. */
export function jobEnded(state: State, event: Extract<MachineEvent, { kind: 'jobEnded' }>): void {
  const job = state.jobs.records.get(event.job);
  if (job === undefined || isOver(job)) return;
  endJob(state, job, { phase: event.phase, reason: event.reason });
}

/** After a start: jobs that lived in a connection ended with the last process. */
export function takeUpJobs(state: State): void {
  for (const job of [...state.jobs.records.values()]) {
    if (isOver(job) || job.spec['isStream'] !== true) continue;
    endJob(state, job, { phase: 'failed', reason: 'control was started anew' });
  }
}

/** Copies that wait after a failure are tried again with the next look. */
function retryNow(state: State, job: JobRecord): void {
  const { recovery } = state;
  for (const key of recovery.pauses.keys()) {
    const isOfIt = key.startsWith(`${job.indexId} `) && key.endsWith(` ${job.nodeId}`);
    if (isOfIt) recovery.pauses.delete(key);
  }
  recovery.lookedMs = Number.NEGATIVE_INFINITY;
}

function refused(message: string): AdminRefusal {
  return { status: 'precondition', code: 'miroir_job_state', message };
}
