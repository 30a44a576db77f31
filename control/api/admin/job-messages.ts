/**
 * Jobs as the public API shows them. Of a recovery the state of the copies and of its workers says how far it
 * is; drivers of other jobs tell their own progress. Pure.
 */
import {
  type Job,
  JobKind,
  type JobProgress,
  JobState,
  type RecoveryDetails,
} from '../../../proto/gen/miroir/admin/v1/jobs.ts';
import { copiesByNode, type DriverProgress, isOver, jobId } from '../../jobs/index.ts';
import type { JobRecord, Recovery, State } from '../../state/index.ts';

/** What jobs are described from. */
export interface JobSources {
  readonly state: State;
  /** Of jobs that drivers run in this process. */
  readonly progressOf: (job: number) => DriverProgress | undefined;
}

const KINDS: Readonly<Record<JobRecord['kind'], JobKind>> = {
  recovery: JobKind.RECOVERY,
  backup: JobKind.BACKUP,
  move: JobKind.MOVE,
};

const OVER: Readonly<Record<'succeeded' | 'failed' | 'cancelled', JobState>> = {
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
  cancelled: JobState.CANCELLED,
};

/** Jobs: those that are not over first, then the newest first; of those that are over at most so many. */
export function listJobs(sources: JobSources, overMax = Number.POSITIVE_INFINITY): Job[] {
  const newestFirst = [...sources.state.jobs.records.values()].reverse();
  const open = newestFirst.filter((job) => !isOver(job));
  const over = newestFirst.filter(isOver).slice(0, overMax);
  return [...open, ...over].map((record) => toJob(sources, record));
}

/** One job. */
export function toJob(sources: JobSources, job: JobRecord): Job {
  const recovery = job.kind === 'recovery' ? describeRecovery(sources.state, job) : undefined;
  const { state, reason } = stateOf(sources.state, job, recovery?.details);
  return {
    id: jobId(job),
    kind: KINDS[job.kind],
    state,
    title: titleOf(job),
    indexUid: job.indexUid ?? '',
    nodeId: job.nodeId ?? '',
    progress: recovery?.progress ?? driverProgress(sources, job),
    reason,
    createdAt: job.createdAt,
    startedAt: job.createdAt,
    finishedAt: job.finishedAt ?? '',
    requestedBy: job.requestedBy,
    pausable: !isOver(job) && job.kind !== 'backup',
    cancellable: !isOver(job),
    recovery: recovery?.details,
  };
}

function titleOf(job: JobRecord): string {
  switch (job.kind) {
    case 'recovery':
      return `Bring the copies of ${job.indexUid} on node ${job.nodeId} up to date`;
    case 'backup':
      return job.spec['isStream'] === true
        ? 'Stream a backup to its caller'
        : `Write the backup ${String(job.spec['fileName'])}`;
    default:
      return `Move copies of ${job.indexUid} to node ${job.nodeId}`;
  }
}

function stateOf(
  state: State,
  job: JobRecord,
  recovery: RecoveryDetails | undefined,
): { readonly state: JobState; readonly reason: string } {
  if (job.phase === 'paused') return { state: JobState.PAUSED, reason: job.reason };
  if (job.phase !== 'active') return { state: OVER[job.phase], reason: job.reason };
  if (recovery === undefined || recovery.copiesFilling > 0) {
    return { state: JobState.RUNNING, reason: job.reason };
  }
  return { state: JobState.WAITING, reason: waitReason(state, job) };
}

function waitReason(state: State, job: JobRecord): string {
  const nodeId = job.nodeId ?? '';
  if (state.downNodes.has(nodeId)) return `node ${nodeId} does not answer`;
  if (state.recovery.doubted.has(nodeId)) return `node ${nodeId} is checked: it lost data`;
  const need = state.indexes.get(job.indexId ?? '')?.needs[nodeId];
  if (need === 'settings') return 'the settings of the index are brought to the node first';
  if (need === 'rebuild') return 'the index is made anew on the node first';
  return 'waits for its turn, for a source, or for a while after a failure';
}

function describeRecovery(
  state: State,
  job: JobRecord,
): { readonly details: RecoveryDetails; readonly progress: JobProgress } {
  const index = state.indexes.get(job.indexId ?? '');
  const copies = index === undefined ? undefined : copiesByNode(index).get(job.nodeId ?? '');
  const workers = isOver(job) ? [] : workersOf(state, job);
  const left = isOver(job) ? 0 : (copies?.left ?? 0);
  const total = job.copiesDone + left;
  let documents = job.documentsWritten;
  let bytes = job.bytesWritten;
  let toGo = 0;
  let fraction = 0;
  for (const worker of workers) {
    const open = openDocuments(worker);
    documents += worker.documentCount;
    bytes += worker.documentBytes;
    toGo += open;
    const known = worker.documentCount + open;
    fraction += known === 0 ? 0 : worker.documentCount / known;
  }
  return {
    details: {
      copiesDone: job.copiesDone,
      copiesLeft: left,
      copiesFilling: isOver(job) ? 0 : (copies?.filling ?? 0),
      documentsWritten: BigInt(documents),
      documentsToGo: BigInt(toGo),
      bytesWritten: BigInt(bytes),
      method: [...new Set(workers.map(({ method }) => method))].sort().join(','),
      sourceNodeIds: [...new Set(workers.map(({ place }) => place.sourceId))].sort(),
    },
    progress: {
      done: BigInt(job.copiesDone),
      total: BigInt(total),
      unit: 'copies',
      ratio: job.phase === 'succeeded' || total === 0 ? 1 : (job.copiesDone + fraction) / total,
    },
  };
}

function workersOf(state: State, job: JobRecord): Recovery[] {
  return [...state.recovery.workers.values()].filter(
    ({ indexId, place }) => indexId === job.indexId && place.targetId === job.nodeId,
  );
}

function openDocuments({ todo, phase }: Recovery): number {
  return todo.size + ('page' in phase ? phase.page.hashes.size : 0);
}

function driverProgress({ progressOf }: JobSources, job: JobRecord): JobProgress {
  const known = progressOf(job.number) ?? {
    done: 0,
    total: 0,
    unit: 'bytes',
  };
  const isDone = job.phase === 'succeeded';
  const ratio = known.total === 0 ? 0 : Math.min(1, known.done / known.total);
  return {
    done: BigInt(known.done),
    total: BigInt(known.total),
    unit: known.unit,
    ratio: isDone ? 1 : ratio,
  };
}
