/** The clocks of this process. */
import type { Now } from '../state/index.ts';

/** The wall clock to the microsecond, and the steady one. */
export function readNow(): Now {
  const steadyMs = performance.now();
  return {
    wallNs: BigInt(Math.round((performance.timeOrigin + steadyMs) * 1_000)) * 1_000n,
    steadyMs,
  };
}
