/** Calls to nodes: control's own steps, look-ups, the tail of their tasks. */
export { listIndexes, type Mended, mendIndex, removeIndex } from './mend-index.ts';
export { type ControlCall, ControlNode, type NodeAnswer } from './node.ts';
export { type NodeMaker, NodeSet } from './node-set.ts';
export { type RecoveryCall, RecoveryCalls } from './recovery-calls.ts';
export { countShard } from './shards/index.ts';
export { runStep } from './step-runner.ts';
export { Tail } from './tail.ts';
export { lastTaskUid, type RawTask } from './task-list.ts';
