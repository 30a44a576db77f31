/**
 * Follows jobs until all of them are over. Control's stream tells what changes; if it breaks (a replica
 * goes, the network drops) it is opened anew, so a failover of control does not end the waiting.
 */
import { type Job, JobServiceService, JobState } from '../../../proto/gen/miroir/admin/v1/jobs.ts';
import type { Cli } from '../cli.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';
import { wordOf } from '../output/data.ts';
import { render } from '../output/emit.ts';
import { Progress } from '../output/progress.ts';
import { countOf } from '../output/words.ts';
import { isOver, jobData } from './job-view.ts';

/** Streams in a row that told nothing. */
const FAILURES_MAX = 30;
const PAUSE_MS = 1_000;

/** Shows progress on stderr, each end on stdout; 1 if a job failed or was cancelled. */
export async function watchJobs(cli: Cli, jobs: readonly Job[]): Promise<ExitCode> {
  const known = new Map(jobs.map((job) => [job.id, job]));
  const progress = new Progress(cli.io);
  const take = (job: Job): void => {
    const before = known.get(job.id);
    known.set(job.id, job);
    if (before !== undefined && isOver(job) && !isOver(before)) tell(cli, job, progress);
  };
  for (const job of jobs) if (isOver(job)) tell(cli, job, progress);
  const isDone = (): boolean => [...known.values()].every(isOver);
  for (let failures = 0; !isDone(); ) {
    progress.show(stateOf([...known.values()]));
    const end = await readStream(cli, [...known.keys()], (job) => {
      take(job);
      if (!isDone()) progress.show(stateOf([...known.values()]));
      return isDone();
    });
    if (isDone()) break;
    failures = end.isHeard ? 0 : failures + 1;
    if (cli.io.signal.aborted || failures >= FAILURES_MAX) {
      progress.end();
      throw end.error ?? new CliError('control no longer tells of these jobs');
    }
    await cli.io.sleep(PAUSE_MS);
  }
  progress.end();
  const isGood = [...known.values()].every(({ state }) => state === JobState.SUCCEEDED);
  return isGood ? EXIT.ok : EXIT.failed;
}

/** Reads one stream until it ends, breaks, or `take` has heard enough. */
async function readStream(
  cli: Cli,
  jobIds: string[],
  take: (job: Job) => boolean,
): Promise<{ readonly isHeard: boolean; readonly error?: unknown }> {
  let isHeard = false;
  try {
    for await (const { jobs } of cli.control().stream(JobServiceService.watchJobs, { jobIds })) {
      isHeard = true;
      if (jobs.map(take).includes(true)) break;
    }
    return { isHeard };
  } catch (error) {
    return { isHeard, error };
  }
}

/** One line on stdout for a job that is over. */
function tell(cli: Cli, job: Job, progress: Progress): void {
  progress.end();
  const { flags, io, paint } = cli;
  const state = wordOf(JobState, job.state);
  const colour = job.state === JobState.SUCCEEDED ? paint.good : paint.bad;
  const view = {
    data: jobData(job),
    text: () => `${job.id}   ${colour(state)}   ${job.reason || job.title}\n`,
  };
  io.stdout.write(render(view, flags.output, { paint, isLine: true }));
}

/** One bar for all: of a single job its own figures, of several the mean of their shares. */
function stateOf(jobs: readonly Job[]) {
  const open = jobs.filter((job) => !isOver(job));
  const [first] = open;
  if (jobs.length === 1 && first !== undefined) {
    const { done = 0n, total = 0n, unit = '' } = first.progress ?? {};
    const word = wordOf(JobState, first.state);
    const note =
      word === 'running' ? '' : `${word}${first.reason === '' ? '' : `: ${first.reason}`}`;
    return { title: first.id, done: Number(done), total: Number(total), unit, note };
  }
  const share = jobs.reduce((sum, job) => sum + (isOver(job) ? 1 : (job.progress?.ratio ?? 0)), 0);
  return {
    title: countOf(jobs.length, 'job'),
    done: Math.floor((share * 100) / jobs.length),
    total: 100,
    unit: 'percent',
    note: `${jobs.length - open.length} over`,
  };
}
