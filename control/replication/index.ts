/** Several replicas of control: the same changes on every disk, one leader at a time. */
export { checkReplicas, Replica } from './replica.ts';
