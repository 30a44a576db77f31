/**
 * Runs the machine: events that wait are applied together, what they changed is committed in one
 * transaction (group commit), and only then are their effects performed. While a commit is under way the
 * state is not touched, so memory is never more than one batch ahead of the disk.
 */

import type { Position } from '../../core/topology.ts';
import { step } from '../lane/index.ts';
import type { Effect, MachineEvent, State } from '../state/index.ts';
import type { Change } from '../store/index.ts';
import { takeChanges } from './encode.ts';

const BATCH_MAX = 1_024;
/** Lists of primary keys are the large part of what a batch changes. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

/** What the runner needs of its surroundings. */
export interface RunnerOptions {
  readonly state: State;
  /** Resolves when the changes are on disk. */
  readonly commit: (changes: readonly Change[]) => Promise<Position>;
  /**
   * Resolves when it is known that nobody else decides since this was called; for effects of what changed
   * nothing. Undefined where nobody else can.
   */
  readonly verify?: () => Promise<void>;
  /** Of the last commit. */
  readonly position: () => Position;
  readonly perform: (effect: Effect) => void;
  /** Index uids whose entry may look different now, after their commit. */
  readonly publish: (change: ViewChange) => void;
  /** After the effects of a batch: something may be outstanding on nodes. */
  readonly afterBatch: () => void;
  /** A reducer threw or a commit failed: the process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** What readers must be told of one commit. */
export interface ViewChange {
  readonly position: Position;
  readonly uids: ReadonlySet<string>;
  readonly isClusterChanged: boolean;
}

/** The machine took no more before what was waited for was durable. */
export class MachineStopped extends Error {
  override name = 'MachineStopped';

  constructor() {
    super('the machine was stopped');
  }
}

interface Waiting {
  readonly target: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The running machine. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #queue: MachineEvent[] = [];
  readonly #waiting: Waiting[] = [];
  #submittedCount = 0;
  #doneCount = 0;
  #isRunning = false;
  /** It takes nothing any more. */
  #isStopped = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Events that wait; callers refuse work above a bound of theirs. */
  get queueLength(): number {
    return this.#queue.length;
  }

  /** Takes an event; its effects follow when it is durable. */
  submit(event: MachineEvent): void {
    if (this.#isStopped) return;
    this.#queue.push(event);
    this.#submittedCount += 1;
    this.#start();
  }

  /** Commits and performs what loading the state left in it. */
  resume(): void {
    this.#start();
  }

  /**
   * Resolves when everything submitted so far is durable, before anything later touches the state. Rejects
   * with MachineStopped.
   */
  settled(): Promise<void> {
    if (this.#isStopped) return Promise.reject(new MachineStopped());
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ target: this.#submittedCount, resolve, reject });
    });
  }

  /**
   * Takes and performs nothing more, whatever becomes of a commit under way; resolves when that has ended.
   * The state is of no use afterwards: it may hold what was never committed.
   */
  stop(): Promise<void> {
    this.#isStopped = true;
    this.#queue.length = 0;
    for (const { reject } of this.#waiting.splice(0)) reject(new MachineStopped());
    return this.#ended;
  }

  #start(): void {
    if (this.#isRunning || this.#isStopped) return;
    this.#isRunning = true;
    // Events of the same turn of the event loop go into one commit.
    this.#ended = Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    try {
      do {
        await this.#commitBatch(this.#queue.splice(0, batchLength(this.#queue)));
        // What was read while the batch was under way is told before the next one begins.
        await new Promise((resolve) => setImmediate(resolve));
      } while (this.#queue.length > 0 && !this.#isStopped);
    } catch (error) {
      if (this.#isStopped) return;
      void this.stop();
      this.#options.onBroken(error);
    } finally {
      this.#isRunning = false;
      this.#release();
    }
  }

  #release(): void {
    const isIdle = !this.#isRunning;
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting;
      if (first === undefined || (!isIdle && first.target > this.#doneCount)) return;
      this.#waiting.shift();
      first.resolve();
    }
  }

  async #commitBatch(events: readonly MachineEvent[]): Promise<void> {
    const { state, commit, verify, perform, publish } = this.#options;
    state.commitIndex = Number(this.#options.position().index) + 1;
    for (const event of events) step(state, event);
    const changes = takeChanges(state);
    const { effects } = state;
    state.effects = [];
    const uids = new Set(state.changedUids);
    state.changedUids.clear();
    const isClusterChanged = state.isClusterViewChanged;
    state.isClusterViewChanged = false;
    if (changes.length > 0) {
      const position = await commit(changes);
      if (this.#isStopped) return;
      if (uids.size > 0 || isClusterChanged) publish({ position, uids, isClusterChanged });
    } else if (effects.length > 0 && verify !== undefined) {
      await verify();
      if (this.#isStopped) return;
    }
    for (const effect of effects) perform(effect);
    this.#options.afterBatch();
    this.#doneCount += events.length;
    this.#release();
  }
}

/** How many events make the next batch: what it changes has to fit one message between replicas. */
function batchLength(queue: readonly MachineEvent[]): number {
  let bytes = 0;
  let count = 0;
  for (const event of queue) {
    if (event.kind === 'begin') bytes += event.input.keyHashes.length;
    if (count > 0 && (count >= BATCH_MAX || bytes > BATCH_BYTES_MAX)) break;
    count += 1;
  }
  return count;
}
