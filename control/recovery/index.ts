/** Recovery: copies that are behind catch up, by write-protocol rules 15 to 21. A part of the machine. */

export { methodFor } from './candidates.ts';
export { isRecovering, moveRecovery, recoveryEvent } from './machine.ts';
export type { LaneSteps } from './worker.ts';
