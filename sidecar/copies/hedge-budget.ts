/**
 * How many calls may be made twice. A hedge is paid from what calls earn: two of a hundred, and no more
 * than ten at once after a quiet time, so that a slow cluster is not made slower. A call that has been
 * silent for a second is given up as good as lost: a few of these may be asked elsewhere without paying.
 * Pure.
 */

const EARNED_PER_CALL = 0.02;
const HEDGES_MAX = 10;
const HEDGES_AT_START = 1;
/** Silent calls asked elsewhere at once. */
const STALLS_MAX = 4;

/** One worker's budget. */
export class HedgeBudget {
  #hedges = HEDGES_AT_START;
  #stalls = 0;

  /** A call to a copy was made. */
  earn(): void {
    this.#hedges = Math.min(HEDGES_MAX, this.#hedges + EARNED_PER_CALL);
  }

  /** Takes what `count` calls cost; false if there is not enough. */
  spend(count: number): boolean {
    if (this.#hedges < count) return false;
    this.#hedges -= count;
    return true;
  }

  /** Takes one of the places for silent calls; the function gives it back. Undefined if all are taken. */
  stall(): (() => void) | undefined {
    if (this.#stalls >= STALLS_MAX) return undefined;
    this.#stalls += 1;
    return () => {
      this.#stalls -= 1;
    };
  }
}
