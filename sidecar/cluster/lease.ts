/**
 * The topology lease: control counts on this worker to read from no view older than the one it confirmed
 * last, for two seconds from then. The worker counts from before the call, control from when it arrived,
 * so the worker's lease ends first. Confirmed at once with each new view, and each half second.
 *
 * Past its lease a worker does not know what control has told others: it filters on every node and says
 * so in its answers.
 */
import type { Position } from '../../core/topology.ts';

const CONFIRM_EVERY_MS = 500;
/** However long control says: what it relies on is this. */
const LEASE_MS_MAX = 2_000;
/** Calls under way at once; a hanging one must not hold back the next. */
const CALLS_MAX = 4;

/** What the lease needs. */
export interface LeaseOptions {
  /** Tells control; the milliseconds it grants, 0 if it does not know this worker, undefined if it cannot be asked. */
  readonly confirm: (position: Position) => Promise<number | undefined>;
  /** Of the view held, while control is being followed; undefined otherwise. */
  readonly position: () => Position | undefined;
  /** Control does not know this worker: it must be followed anew. */
  readonly onForgotten: () => void;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
}

/** Confirms until closed. */
export class TopologyLease {
  readonly #options: LeaseOptions;
  readonly #timer: NodeJS.Timeout;
  #heldUntilMs = Number.NEGATIVE_INFINITY;
  #callsInFlight = 0;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.confirm(), CONFIRM_EVERY_MS);
  }

  /** Whether what is held is current. */
  get isHeld(): boolean {
    return this.#options.nowMs() < this.#heldUntilMs;
  }

  /** To be called when a new view is held. Never rejects. */
  async confirm(): Promise<void> {
    const position = this.#options.position();
    if (position === undefined || this.#callsInFlight >= CALLS_MAX) return;
    this.#callsInFlight += 1;
    const startedAtMs = this.#options.nowMs();
    const grantedMs = await this.#options.confirm(position);
    this.#callsInFlight -= 1;
    if (grantedMs === undefined) return;
    if (grantedMs === 0) {
      this.#heldUntilMs = Number.NEGATIVE_INFINITY;
      this.#options.onForgotten();
      return;
    }
    const untilMs = startedAtMs + Math.min(grantedMs, LEASE_MS_MAX);
    this.#heldUntilMs = Math.max(this.#heldUntilMs, untilMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
