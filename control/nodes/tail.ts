/**
 * Follows the tasks of one node that belong to open intents. Stock nodes refuse to call back to private
 * addresses, so their list is polled: every 20 ms while something is outstanding, slower while nothing
 * changes, never when nothing is outstanding. Nodes work from the lowest uid up, so the lowest hundred
 * outstanding ones are asked for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeTask } from '../state/index.ts';
import type { ControlNode } from './node.ts';
import { readTasks, toNodeTask } from './task-list.ts';

const POLL_MIN_MS = 20;
const POLL_MAX_MS = 50;
const POLL_DOWN_MS = 500;
const ASKED_MAX = 100;
/** Polls in a row without a task the node acknowledged, after which it is taken as lost. */
const MISSES_MAX = 10;

/** What the tail needs. */
export interface TailOptions {
  readonly node: ControlNode;
  /** Outstanding task uids of the node. */
  readonly outstanding: () => Iterable<number>;
  readonly onTasks: (tasks: readonly NodeTask[]) => void;
  readonly onLost: (uid: number) => void;
}

/** Polls one node until closed. */
export class Tail {
  readonly #options: TailOptions;
  readonly #abort = new AbortController();
  readonly #misses = new Map<number, number>();
  readonly #processing = new Set<number>();
  #isPolling = false;
  #hasNews = false;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  /** Something may be outstanding now. */
  wake(): void {
    this.#hasNews = true;
    if (this.#isPolling || this.#abort.signal.aborted) return;
    this.#isPolling = true;
    void this.#poll();
  }

  close(): void {
    this.#abort.abort();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#abort;
    let pauseMs = POLL_MIN_MS;
    try {
      while (!signal.aborted) {
        const uids = this.#lowest();
        if (uids.length === 0) return;
        if (this.#hasNews) pauseMs = POLL_MIN_MS;
        this.#hasNews = false;
        const found = await this.#ask(uids);
        if (found === undefined) pauseMs = POLL_DOWN_MS;
        else if (found > 0) pauseMs = POLL_MIN_MS;
        else pauseMs = Math.min(Math.ceil(pauseMs * 1.25), POLL_MAX_MS);
        // A whole page ended: the next hundred are likely done as well.
        if (found !== ASKED_MAX) await delay(pauseMs, undefined, { signal }).catch(() => {});
      }
    } finally {
      this.#isPolling = false;
      this.#processing.clear();
    }
  }

  #lowest(): number[] {
    const uids = [...this.#options.outstanding()].sort((a, b) => a - b);
    return uids.slice(0, ASKED_MAX);
  }

  /** How many tasks ended; undefined if the node did not answer. */
  async #ask(uids: readonly number[]): Promise<number | undefined> {
    const tasks = await readTasks(this.#options.node, uids, this.#abort.signal);
    if (tasks === undefined) return undefined;
    const begun = tasks
      .map(toNodeTask)
      .filter((task): task is NodeTask => task !== undefined)
      .filter((task) => task.status !== 'processing' || !this.#processing.has(task.uid));
    for (const task of begun) {
      if (task.status === 'processing') this.#processing.add(task.uid);
      else this.#processing.delete(task.uid);
    }
    if (begun.length > 0) this.#options.onTasks(begun);
    this.#countMisses(uids, new Set(tasks.map((task) => task.uid)));
    return begun.filter((task) => task.status !== 'processing').length;
  }

  #countMisses(asked: readonly number[], answered: ReadonlySet<number>): void {
    for (const uid of asked) {
      if (answered.has(uid)) {
        this.#misses.delete(uid);
        continue;
      }
      const misses = (this.#misses.get(uid) ?? 0) + 1;
      this.#misses.set(uid, misses);
      if (misses < MISSES_MAX) continue;
      this.#misses.delete(uid);
      this.#options.onLost(uid);
    }
  }
}
