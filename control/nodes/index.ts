/** Calls to nodes: control's own steps, look-ups, the tail of their tasks. */
export { findTags, partOf } from './find-tags.ts';
export { type ControlCall, ControlNode, type NodeAnswer } from './node.ts';
export { runStep } from './step-runner.ts';
export { Tail } from './tail.ts';
export { lastTaskUid, listTasksFrom, type RawTask, readTasks } from './task-list.ts';
