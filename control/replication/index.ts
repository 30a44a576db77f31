/** Several replicas of control: the same changes on every disk, one leader at a time. */
export { openEngine } from './engines/index.ts';
export { checkReplicas, Replica } from './replica.ts';
