/** Making, ending and forgetting jobs. Their records are the machine's: changed inside an event only. */
import {
  type JobKind,
  type JobPhase,
  type JobRecord,
  pairKey,
  type State,
} from '../state/index.ts';
import { formatTime } from '../tasks/index.ts';

/** Jobs that are over and kept. */
const KEPT_MAX = 1_000;
const DIGITS = 6;

/** Whether nothing more becomes of a job. */
export function isOver(job: JobRecord): boolean {
  return job.phase !== 'active' && job.phase !== 'paused';
}

/** The name operators know a job by. */
export function jobId(job: Pick<JobRecord, 'kind' | 'number'>): string {
  return `${job.kind}-${String(job.number).padStart(DIGITS, '0')}`;
}

/** The job of that name. */
export function findJob(state: State, id: string): JobRecord | undefined {
  const number = Number(/^[a-z]+-([0-9]{1,15})$/.exec(id)?.[1] ?? Number.NaN);
  const job = state.jobs.records.get(number);
  return job !== undefined && jobId(job) === id ? job : undefined;
}

/** What a new job is about. */
export interface NewJob {
  readonly kind: JobKind;
  readonly requestedBy: string;
  readonly reason?: string;
  readonly pair?: { readonly indexId: string; readonly indexUid: string; readonly nodeId: string };
  readonly spec?: JobRecord['spec'];
}

/** Adds a job. */
export function addJob(state: State, { kind, requestedBy, reason, pair, spec }: NewJob): JobRecord {
  const { jobs } = state;
  const job: JobRecord = {
    number: jobs.nextJob,
    kind,
    phase: 'active',
    indexId: pair?.indexId ?? null,
    indexUid: pair?.indexUid ?? null,
    nodeId: pair?.nodeId ?? null,
    reason: reason ?? '',
    createdAt: formatTime(jobs.wallNs),
    finishedAt: null,
    requestedBy,
    copiesDone: 0,
    documentsWritten: 0,
    bytesWritten: 0,
    spec: spec ?? {},
  };
  jobs.nextJob += 1;
  jobs.records.set(job.number, job);
  jobs.touchedJobs.add(job.number);
  if (pair !== undefined) jobs.ofPair.set(pairKey(pair.indexId, pair.nodeId), job.number);
  return job;
}

/** Ends a job, and forgets the oldest that are over. */
export function endJob(
  state: State,
  job: JobRecord,
  end: { readonly phase: Exclude<JobPhase, 'active' | 'paused'>; readonly reason: string },
): void {
  const { jobs } = state;
  job.phase = end.phase;
  job.reason = end.reason;
  job.finishedAt = formatTime(jobs.wallNs);
  jobs.touchedJobs.add(job.number);
  let overCount = 0;
  for (const other of jobs.records.values()) if (isOver(other)) overCount += 1;
  for (const other of jobs.records.values()) {
    if (overCount <= KEPT_MAX) return;
    if (!isOver(other) || isHolding(state, other)) continue;
    jobs.records.delete(other.number);
    jobs.touchedJobs.add(other.number);
    overCount -= 1;
  }
}

/** A cancelled recovery that still keeps copies from being filled. */
function isHolding(state: State, job: JobRecord): boolean {
  if (job.indexId === null || job.nodeId === null) return false;
  return state.jobs.ofPair.get(pairKey(job.indexId, job.nodeId)) === job.number;
}
