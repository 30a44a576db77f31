/** The core of replication, as the rest of control uses it. */
export { mayBeReplaced } from './follower.ts';
export { proposalPlace } from './leader.ts';
export { pointAt } from './log.ts';
export {
  type CoreState,
  isForeign,
  isInSync,
  isTooOld,
  newCoreState,
  roleOf,
} from './state.ts';
export { step } from './step.ts';
export { ORDER_MS } from './takeover.ts';
export type * from './types.ts';
