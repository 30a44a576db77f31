/** Time as events carry it. */

/** A moment: the wall clock in nanoseconds since 1970, and a clock in milliseconds that never jumps. */
export interface Now {
  readonly wallNs: bigint;
  readonly steadyMs: number;
}
