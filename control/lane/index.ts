/** The lane: order of conflicting writes, leases, and the end of each write. */

export { closeInherited, closeSends } from './closing.ts';
export { beginInternal, sendInternal } from './internal.ts';
export { enterLane } from './names.ts';
export { openIntent } from './open-intent.ts';
export { isBefore } from './permission.ts';
export { LEASE_MS, progress } from './progress.ts';
export { step } from './step.ts';
