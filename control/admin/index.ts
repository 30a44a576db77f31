/** Changes that operators ask for: checked and applied inside the machine, and audited in the same commit. */
export { applyAdmin, refuseCommand } from './apply.ts';
export { type NodeUse, nodeUse } from './nodes.ts';
