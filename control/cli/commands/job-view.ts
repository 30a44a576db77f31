/** How jobs are shown. */
import { type Job, JobKind, JobState } from '../../../proto/gen/miroir/admin/v1/jobs.ts';
import { dataOf, wordOf } from '../output/data.ts';
import type { View } from '../output/emit.ts';
import type { Paint } from '../output/paint.ts';
import { type Column, renderPairs } from '../output/table.ts';
import { agoOf, tookOf } from '../output/times.ts';
import { countOf, grouped, percentOf, sizeOf } from '../output/words.ts';

const OVER: readonly number[] = [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED];

/** Whether nothing more will happen to it. */
export function isOver(job: Job): boolean {
  return OVER.includes(job.state);
}

/** For programs. */
export function jobData(job: Job): Record<string, unknown> {
  return dataOf(job, { kind: wordOf(JobKind, job.kind), state: wordOf(JobState, job.state) });
}

/** Columns of a list of jobs. */
export function jobColumns(nowMs: number): readonly Column<Job>[] {
  return [
    { header: 'JOB', text: ({ id }) => id },
    { header: 'STATE', text: ({ state }) => wordOf(JobState, state), paint: paintOfJob },
    { header: 'DONE', text: doneOf, isNumber: true },
    { header: 'CREATED', text: ({ createdAt }) => agoOf(createdAt, nowMs) },
    { header: 'TOOK', text: (job) => tookOf(job.startedAt, job.finishedAt), isNumber: true },
    { header: 'KIND', text: ({ kind }) => wordOf(JobKind, kind), isWide: true },
    { header: 'BY', text: ({ requestedBy }) => requestedBy, isWide: true },
    { header: 'TITLE', text: ({ title }) => title },
    { header: 'REASON', text: ({ reason }) => reason },
  ];
}

/** One job on a page of its own. */
export function jobView(job: Job, nowMs: number): View {
  const { recovery, progress } = job;
  const amount = (value: bigint): string =>
    progress?.unit === 'bytes' ? sizeOf(value) : grouped(value);
  return {
    data: jobData(job),
    text: ({ paint }) =>
      renderPairs(
        [
          ['job', `${job.id}: ${job.title}`],
          ['state', wordOf(JobState, job.state)],
          ['reason', job.reason],
          [
            'done',
            progress === undefined
              ? ''
              : `${doneOf(job)}, ${amount(progress.done)} of ${amount(progress.total)}${progress.unit === 'bytes' ? '' : ` ${progress.unit}`}`,
          ],
          ...(recovery === undefined
            ? []
            : ([
                ['copies', `${recovery.copiesDone} done, ${recovery.copiesLeft} left`],
                [
                  'written',
                  `${countOf(recovery.documentsWritten, 'document')}, ${sizeOf(recovery.bytesWritten)}`,
                ],
                ['method', recovery.method],
                ['from', recovery.sourceNodeIds.join(', ')],
              ] as [string, string][])),
          ['created', `${agoOf(job.createdAt, nowMs)} by ${job.requestedBy}`],
          ['took', tookOf(job.startedAt, job.finishedAt)],
          [
            'can be',
            [job.pausable && 'paused', job.cancellable && 'cancelled'].filter(Boolean).join(', '),
          ],
        ],
        paint,
      ),
  };
}

/** `42%`; of a job whose size is not known yet what it did. */
export function doneOf({ state, progress }: Job): string {
  if (state === JobState.SUCCEEDED) return '100%';
  if (progress === undefined) return '';
  if (progress.total > 0n) return percentOf(progress.done, progress.total);
  return progress.unit === 'bytes' ? sizeOf(progress.done) : grouped(progress.done);
}

function paintOfJob({ state }: Job, paint: Paint): (text: string) => string {
  if (state === JobState.SUCCEEDED) return paint.good;
  return state === JobState.FAILED ? paint.bad : paint.warn;
}
