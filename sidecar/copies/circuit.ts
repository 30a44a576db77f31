/**
 * A node that fails again and again is asked last for a while. Closed: all is well. Open after three
 * failures of the transport in a row: it is asked only where nobody else holds a shard. Half-open after a
 * pause: one call tries it; an answer closes the circuit, a failure opens it for twice as long, up to
 * 10 s. Pure: the time is given.
 */

const FAILURES_MAX = 3;
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 10_000;

/** Where a circuit stands. */
export type CircuitState = 'closed' | 'open' | 'half-open';

/** One node's circuit. */
export class Circuit {
  #failures = 0;
  #pauseMs = PAUSE_MIN_MS;
  /** Undefined while it is closed. */
  #openUntilMs: number | undefined;
  #trials = 0;

  /** `half-open` while nobody tries the node, although it may be tried. */
  stateAt(nowMs: number): CircuitState {
    if (this.#openUntilMs === undefined) return 'closed';
    return nowMs < this.#openUntilMs || this.#trials > 0 ? 'open' : 'half-open';
  }

  /** A call begins. The returned function is to be called once when it ended. */
  begin(): (result: 'answered' | 'failed' | 'unknown', nowMs: number) => void {
    const isTrial = this.#openUntilMs !== undefined;
    if (isTrial) this.#trials += 1;
    return (result, nowMs) => {
      if (isTrial) this.#trials -= 1;
      if (result === 'answered') this.#close();
      if (result === 'failed') this.#fail(nowMs);
    };
  }

  #close(): void {
    this.#failures = 0;
    this.#pauseMs = PAUSE_MIN_MS;
    this.#openUntilMs = undefined;
  }

  #fail(nowMs: number): void {
    this.#failures += 1;
    if (this.#failures < FAILURES_MAX) return;
    // Failures of calls that were under way when it opened do not count twice.
    if (this.#openUntilMs !== undefined && nowMs < this.#openUntilMs) return;
    if (this.#openUntilMs !== undefined) {
      this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MAX_MS);
    }
    this.#openUntilMs = nowMs + this.#pauseMs;
  }
}
