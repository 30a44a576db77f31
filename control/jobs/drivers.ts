/**
 * Drivers run the jobs that the machine does not: one driver per kind. A job that is active when a leader
 * begins is run again by it, under the same id; its driver has to find what the last one left. Pausing and
 * cancelling are the machine's; a driver is told by its signal.
 */
import type { Logger } from '../../core/telemetry/index.ts';
import type { JobKind, JobRecord, MachineEvent, Now, State } from '../state/index.ts';
import { jobId } from './records.ts';

/** How far a driver's job is. */
export interface DriverProgress {
  readonly done: number;
  /** 0 while it is not known. */
  readonly total: number;
  readonly unit: string;
}

/** What a run is given. */
export interface DriverTools {
  /** Fires when the job is paused or cancelled, or this replica leads no more. */
  readonly signal: AbortSignal;
  readonly report: (progress: DriverProgress) => void;
}

/** Runs jobs of one kind. */
export interface JobDriver {
  /** Ends when the job is done; what it came to, in words. Rejects if it failed. */
  run(job: JobRecord, tools: DriverTools): Promise<string>;
}

/** What the drivers need. */
export interface JobDriversOptions {
  readonly state: State;
  readonly drivers: Partial<Readonly<Record<JobKind, JobDriver>>>;
  readonly submit: (event: MachineEvent) => void;
  readonly now: () => Now;
  readonly logger: Logger;
}

interface Run {
  readonly abort: AbortController;
  progress: DriverProgress | undefined;
}

/** Keeps the runs in step with the jobs. */
export class JobDrivers {
  readonly #options: JobDriversOptions;
  readonly #runs = new Map<number, Run>();
  #isClosed = false;

  constructor(options: JobDriversOptions) {
    this.#options = options;
  }

  /** Takes up the jobs that are active already. */
  start(): void {
    for (const job of this.#options.state.jobs.records.values()) this.changed(job.number);
  }

  /** A job began, was resumed, or was stopped. */
  changed(number: number): void {
    const { state, drivers } = this.#options;
    const job = state.jobs.records.get(number);
    const run = this.#runs.get(number);
    if (job?.phase !== 'active') {
      run?.abort.abort();
      return;
    }
    const driver = drivers[job.kind];
    // Jobs that live in a call of their own are run by that.
    if (run !== undefined || driver === undefined || this.#isClosed) return;
    if (job.spec['isStream'] === true) return;
    void this.#run(job, driver);
  }

  /** Of a job that runs here. */
  progressOf(number: number): DriverProgress | undefined {
    return this.#runs.get(number)?.progress;
  }

  /** A job that a call runs by itself: what it reports is shown. `end` is to be called at its end. */
  track(number: number): {
    readonly signal: AbortSignal;
    readonly report: (progress: DriverProgress) => void;
    readonly end: (phase: 'succeeded' | 'failed', reason: string) => void;
  } {
    const run = this.#add(number);
    return {
      signal: run.abort.signal,
      report: (progress) => {
        run.progress = progress;
      },
      end: (phase, reason) => this.#end(number, phase, reason),
    };
  }

  close(): void {
    this.#isClosed = true;
    for (const { abort } of this.#runs.values()) abort.abort();
    this.#runs.clear();
  }

  async #run(job: JobRecord, driver: JobDriver): Promise<void> {
    const run = this.#add(job.number);
    const report = (progress: DriverProgress): void => {
      run.progress = progress;
    };
    try {
      const words = await driver.run(job, { signal: run.abort.signal, report });
      this.#end(job.number, 'succeeded', words);
    } catch (error) {
      if (run.abort.signal.aborted) {
        this.#runs.delete(job.number);
        return;
      }
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.logger.error({ job: jobId(job), reason }, 'a job failed');
      this.#end(job.number, 'failed', reason);
    }
  }

  #add(number: number): Run {
    const run: Run = { abort: new AbortController(), progress: undefined };
    this.#runs.set(number, run);
    return run;
  }

  #end(number: number, phase: 'succeeded' | 'failed', reason: string): void {
    this.#runs.delete(number);
    const { submit, now } = this.#options;
    if (!this.#isClosed) submit({ kind: 'jobEnded', job: number, phase, reason, now: now() });
  }
}
