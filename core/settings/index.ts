/** Settings as the user sets them, as nodes hold them, and back. Pure. */
export { mergeSettings, replacingChange } from './merge.ts';
export { findReservedSetting } from './reserved.ts';
export {
  isObject,
  type OwnerInfo,
  type Settings,
} from './shape.ts';
export { DEFAULT_TEMPLATE, NODE_TEMPLATE } from './templates.ts';
export { toClientDetails, toClientSettings } from './to-client.ts';
export { toNodePatch, toNodeSettings } from './to-node.ts';
