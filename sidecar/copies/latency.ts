/**
 * How fast each copy of an index answers lately, for one sort of read. Two views of the same samples: a
 * moving average, by which copies are compared, and the 95th percentile of the last 64, after which an
 * answer is late. Pure.
 */

/** Weight of a new sample in the average. */
const WEIGHT = 0.1;
/** A node that was spared is judged by few samples: each weighs more. */
const TRIAL_WEIGHT = 0.5;
const WINDOW = 64;
/** Below this many samples nothing is said about a percentile. */
const PERCENTILE_SAMPLES_MIN = 20;
/** The percentile is looked for anew after so many samples. */
const PERCENTILE_EVERY = 8;

/** One node's samples. */
export class Latency {
  readonly #window = new Float64Array(WINDOW);
  #count = 0;
  #ewmaMs = 0;
  #p95Ms = 0;
  #p95Count = 0;

  /** Samples ever taken. */
  get count(): number {
    return this.#count;
  }

  /** Moving average in milliseconds; 0 without samples. */
  get ewmaMs(): number {
    return this.#ewmaMs;
  }

  /** Takes a sample in; `isTrial`: the node was spared before, and old samples say less. */
  add(sampleMs: number, isTrial = false): void {
    const weight = this.#count === 0 ? 1 : isTrial ? TRIAL_WEIGHT : WEIGHT;
    this.#ewmaMs += weight * (sampleMs - this.#ewmaMs);
    this.#window[this.#count % WINDOW] = sampleMs;
    this.#count += 1;
  }

  /** Below which 95 of 100 samples lie; undefined while there are too few. */
  get p95Ms(): number | undefined {
    if (this.#count < PERCENTILE_SAMPLES_MIN) return undefined;
    if (this.#p95Count === 0 || this.#count - this.#p95Count >= PERCENTILE_EVERY) {
      const held = this.#window.slice(0, Math.min(WINDOW, this.#count)).sort();
      this.#p95Ms = held[Math.floor(held.length * 0.95)] ?? 0;
      this.#p95Count = this.#count;
    }
    return this.#p95Ms;
  }
}
