/**
 * One place among the workers: keeps a process running in it. A worker that dies is started again, after
 * a pause that doubles as long as workers die young. Sidecars hold no state, so nothing is lost with one
 * but the requests it was at.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Logger, MetricsSnapshot } from '../../core/telemetry/index.ts';
import type { SupervisorMessage, WorkerMessage } from './messages.ts';

/** What a slot is made from. */
export interface SlotOptions {
  /** The worker's program. */
  readonly program: string;
  readonly arguments: readonly string[];
  readonly logger: Logger;
  /** Something about the worker changed. */
  readonly onChange: () => void;
  /** A worker ended before it ever listened, at the first start: the configuration is at fault. */
  readonly onFailedStart: () => void;
}

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 5000;
const YOUNG_MS = 10_000;
const METRICS_TIMEOUT_MS = 2000;
const STOP_TIMEOUT_MS = 15_000;

/** A worker's place; starts its process at once. */
export class WorkerSlot {
  /** Socket of the worker, once it listens. */
  socket: string | undefined;
  isReady = false;
  private child: ChildProcess;
  private pauseMs = PAUSE_MS_MIN;
  private isStopping = false;
  private hasListened = false;
  private questions = 0;
  private readonly answers = new Map<number, (snapshot: MetricsSnapshot | undefined) => void>();
  private readonly options: SlotOptions;

  constructor(options: SlotOptions) {
    this.options = options;
    this.child = this.start();
  }

  /** Process id of the worker in this place now; undefined while there is none. */
  get pid(): number | undefined {
    const { pid, exitCode, signalCode } = this.child;
    return exitCode === null && signalCode === null ? pid : undefined;
  }

  /** The worker's metrics; undefined if it does not answer in time. */
  async metrics(): Promise<MetricsSnapshot | undefined> {
    if (!this.child.connected) return undefined;
    this.questions += 1;
    const question = this.questions;
    return await new Promise((resolve) => {
      const timer = setTimeout(() => answer(undefined), METRICS_TIMEOUT_MS);
      const answer = (snapshot: MetricsSnapshot | undefined) => {
        clearTimeout(timer);
        this.answers.delete(question);
        resolve(snapshot);
      };
      this.answers.set(question, answer);
      this.send({ kind: 'metrics', question });
    });
  }

  /** Lets the worker finish and end; kills it if that takes too long. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.send({ kind: 'stop' });
    await ended;
    clearTimeout(timer);
  }

  private send(message: SupervisorMessage): void {
    // A worker that is just dying closes the channel first; its exit is handled elsewhere.
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private start(): ChildProcess {
    const startedAt = performance.now();
    const child = fork(this.options.program, this.options.arguments, {
      // stdout is for the supervisor's line alone.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', (message: WorkerMessage) => this.receive(message));
    child.on('error', (error) => this.options.logger.error({ err: error }, 'worker channel'));
    child.once('exit', (code, signal) => {
      this.isReady = false;
      this.options.onChange();
      if (this.isStopping) return;
      this.options.logger.error({ pid: child.pid, code, signal }, 'worker ended');
      if (!this.hasListened) {
        this.options.onFailedStart();
        return;
      }
      const isYoung = performance.now() - startedAt < YOUNG_MS;
      this.pauseMs = isYoung ? Math.min(this.pauseMs * 2, PAUSE_MS_MAX) : PAUSE_MS_MIN;
      setTimeout(() => {
        if (!this.isStopping) this.child = this.start();
      }, this.pauseMs);
    });
    return child;
  }

  private receive(message: WorkerMessage): void {
    switch (message.kind) {
      case 'listening':
        this.hasListened = true;
        this.socket = message.socket;
        break;
      case 'readiness':
        this.isReady = message.isReady;
        break;
      case 'metrics':
        this.answers.get(message.question)?.(message.snapshot);
        return;
    }
    this.options.onChange();
  }
}
