/** Calls to nodes: control's own steps, look-ups, the tail of their tasks. */
export { findTags } from './find-tags.ts';
export { type ControlCall, ControlNode, type NodeAnswer } from './node.ts';
export { runStep } from './step-runner.ts';
export { Tail } from './tail.ts';
export { lastTaskUid, type RawTask } from './task-list.ts';
