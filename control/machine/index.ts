/** Makes the state durable and runs it. */
export { decodeJson, numberedKey, PREFIX } from './encode.ts';
export { loadCluster, loadState } from './load.ts';
export { Runner, type ViewChange } from './runner.ts';
