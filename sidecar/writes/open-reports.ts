/**
 * Writes of this process whose clients were answered while control has not answered their reports. Bounded:
 * where control is slower than clients, they wait for it as if there were no such answers. Who closes the
 * process waits for the last of them.
 */

/** Beyond so many nobody is answered first. */
const OPEN_MAX = 1_024;

/** The open ones. */
export class OpenReports {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  /** Whether one more may be opened. */
  get hasRoom(): boolean {
    return this.#count < OPEN_MAX;
  }

  /** Counts one more; to be called is what it returns, once, when control answered or is given up. */
  open(): () => void {
    this.#count += 1;
    return () => {
      this.#count -= 1;
      if (this.#count > 0) return;
      for (const end of [...this.#waiting]) end();
    };
  }

  /** Resolves when none is open, or after `waitMs`; gives how many still are. */
  settled(waitMs: number): Promise<number> {
    if (this.#count === 0) return Promise.resolve(0);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve(this.#count);
      };
      const timer = setTimeout(end, waitMs);
      this.#waiting.add(end);
    });
  }
}
