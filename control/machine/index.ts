/** Makes the state durable and runs it. */
export { CLUSTER_KEY, decodeIndex, decodeJson, encodeJson, numberedKey, PREFIX } from './encode.ts';
export { loadCluster, loadState } from './load.ts';
export { Runner, type ViewChange } from './runner.ts';
