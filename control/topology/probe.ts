/**
 * Health of one node: asked each second. A node is used after checkNode found it usable, is taken as down
 * after two refused connections or four silences in a row, and is checked again before it is used once more.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlNode } from '../nodes/index.ts';
import type { NodeCheck } from './check-node.ts';

const PERIOD_MS = 1_000;
const DEADLINE_MS = 3_000;
/** A node that is silent may only be busy; one that cuts or refuses connections is gone. */
const SILENCES_MAX = 4;
const REFUSALS_MAX = 2;

/** What a probe reports to. */
export interface ProbeOptions {
  readonly node: ControlNode;
  readonly check: (signal: AbortSignal) => Promise<NodeCheck>;
  /** Whether it was found to have lost data: it is checked again before it is used on. */
  readonly isDoubted: () => boolean;
  /** Called at each change, and once at first. */
  readonly onChange: (health: { readonly isUp: boolean; readonly reason: string }) => void;
  /** The node needs a person. Called once per reason. */
  readonly onRefused: (words: string) => void;
}

/** Probes until closed. */
export class Probe {
  readonly #options: ProbeOptions;
  readonly #abort = new AbortController();
  #isUp: boolean | undefined;
  #failures = 0;
  #refusedWords = '';

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#isUp === true;
  }

  /** First check at once; then one each second, in the background. */
  async start(): Promise<void> {
    await this.#turn();
    void this.#loop();
  }

  close(): void {
    this.#abort.abort();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await delay(PERIOD_MS, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.#turn();
    }
  }

  async #turn(): Promise<void> {
    const { signal } = this.#abort;
    if (this.#isUp === true && this.#options.isDoubted()) this.#set(false, 'it lost data');
    if (this.#isUp === true) {
      const { node } = this.#options;
      const answer = await node.call({
        method: 'GET',
        path: '/health',
        deadlineMs: DEADLINE_MS,
        signal,
      });
      if (answer.kind === 'answer' && answer.status === 200) {
        this.#failures = 0;
        return;
      }
      const isBusy = answer.kind === 'failed' && answer.isSilence;
      this.#failures += isBusy ? 1 : SILENCES_MAX / REFUSALS_MAX;
      const reason = answer.kind === 'answer' ? `health is ${answer.status}` : answer.reason;
      if (this.#failures >= SILENCES_MAX) this.#set(false, reason);
      return;
    }
    const check = await this.#options.check(signal);
    if (signal.aborted) return;
    if (check.kind === 'usable') {
      this.#failures = 0;
      this.#refusedWords = '';
      this.#set(true, '');
      return;
    }
    const reason = check.kind === 'refused' ? check.words : check.reason;
    if (check.kind === 'refused' && this.#refusedWords !== check.words) {
      this.#refusedWords = check.words;
      this.#options.onRefused(check.words);
    }
    this.#set(false, reason);
  }

  #set(isUp: boolean, reason: string): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    this.#options.onChange({ isUp, reason });
  }
}
