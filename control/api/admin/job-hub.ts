/**
 * Those who watch jobs. Jobs are looked at a few times a second while somebody watches, for the progress of a
 * recovery is in no single event; what changed since the last look is told.
 */
import type { ServerWritableStream } from '@grpc/grpc-js';
import {
  Job,
  JobState,
  type WatchJobsRequest,
  type WatchJobsResponse,
} from '../../../proto/gen/miroir/admin/v1/jobs.ts';
import { findJob } from '../../jobs/index.ts';
import { FanOut } from './fan-out.ts';
import { type JobSources, listJobs, toJob } from './job-messages.ts';

const PERIOD_MS = 200;
/** Of jobs that are over, this many of the newest are looked at: enough for those that ended since. */
const OVER_MAX = 50;
const OVER: readonly JobState[] = [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED];

type WatchCall = ServerWritableStream<WatchJobsRequest, WatchJobsResponse>;

/** One who watches some jobs. */
interface Follower {
  readonly call: WatchCall;
  readonly fan: FanOut<WatchJobsResponse>;
  /** Empty: all. */
  readonly ids: ReadonlySet<string>;
  /** What it was told last, by id. */
  readonly told: Map<string, Buffer>;
}

/** What the hub reads. */
export interface JobHubOptions {
  readonly sources: JobSources;
  readonly settled: () => Promise<void>;
  readonly steadyMs: () => number;
}

/** Serves them. */
export class JobHub {
  readonly #options: JobHubOptions;
  readonly #followers = new Set<Follower>();
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;
  #isClosed = false;

  constructor(options: JobHubOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), PERIOD_MS);
    this.#timer.unref();
  }

  /** Takes a reader. */
  async add(call: WatchCall): Promise<void> {
    await this.#options.settled();
    if (this.#isClosed) {
      call.end();
      return;
    }
    const told = new Map<string, Buffer>();
    const ids = new Set(call.request.jobIds);
    const whole = (): WatchJobsResponse => ({
      jobs: this.#jobsOf(ids).filter((job) => ids.size > 0 || !isOver(job)),
    });
    const fan = new FanOut<WatchJobsResponse>({
      heartbeat: () => ({ jobs: [] }),
      whole,
      steadyMs: this.#options.steadyMs,
    });
    const follower: Follower = { call, fan, ids, told };
    const first = whole();
    for (const job of first.jobs) told.set(job.id, encoded(job));
    this.#followers.add(follower);
    for (const event of ['cancelled', 'error', 'close'] as const) {
      call.on(event, () => this.#forget(follower));
    }
    fan.add(call, first);
    this.#endIfOver(follower, first.jobs);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const follower of [...this.#followers]) {
      this.#followers.delete(follower);
      follower.fan.close();
    }
  }

  async #look(): Promise<void> {
    if (this.#followers.size === 0 || this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#options.settled();
      for (const follower of [...this.#followers]) this.#tell(follower);
    } catch {
      // The machine was stopped: close() follows.
    } finally {
      this.#isLooking = false;
    }
  }

  #tell(follower: Follower): void {
    const { told, fan, ids } = follower;
    const isAll = ids.size === 0;
    const jobs = this.#jobsOf(ids);
    const changed = jobs.filter((job) => {
      const known = told.get(job.id);
      // One that was over before it was ever told is no news.
      if (known === undefined) return !(isAll && isOver(job));
      return Buffer.compare(known, encoded(job)) !== 0;
    });
    for (const job of changed) {
      if (isAll && isOver(job)) told.delete(job.id);
      else told.set(job.id, encoded(job));
    }
    if (changed.length > 0) fan.send({ jobs: changed });
    this.#endIfOver(follower, jobs);
  }

  #jobsOf(ids: ReadonlySet<string>): Job[] {
    const { sources } = this.#options;
    if (ids.size === 0) return listJobs(sources, OVER_MAX);
    return [...ids].flatMap((id) => {
      const job = findJob(sources.state, id);
      return job === undefined ? [] : [toJob(sources, job)];
    });
  }

  #endIfOver(follower: Follower, jobs: readonly Job[]): void {
    if (follower.ids.size === 0 || !jobs.every(isOver)) return;
    this.#followers.delete(follower);
    follower.fan.close();
  }

  #forget(follower: Follower): void {
    this.#followers.delete(follower);
    follower.fan.close();
  }
}

function isOver(job: Job): boolean {
  return OVER.includes(job.state);
}

function encoded(job: Job): Buffer {
  return Buffer.from(Job.encode(job).finish());
}
