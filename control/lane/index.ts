/** The lane: order of conflicting writes, leases, and the end of each write. */
export { openIntent } from './begin.ts';
export { enterLane, LEASE_MS, progress } from './progress.ts';
export { completeReport } from './report.ts';
export { step } from './step.ts';
