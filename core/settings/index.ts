/** Settings as the user sets them, as nodes hold them, and back. Pure. */
export { mergeSettings } from './merge.ts';
export { findReservedSetting } from './reserved.ts';
export {
  DEFAULT_FACETING,
  DEFAULT_RANKING_RULES,
  INTERNAL_FILTER_RULE,
  isObject,
  NODE_FACET_VALUES_MAX,
  type OwnerInfo,
  type Settings,
  VERSION_RANKING_RULE,
} from './shape.ts';
export { DEFAULT_TEMPLATE, NODE_TEMPLATE } from './templates.ts';
export { toClientDetails, toClientSettings } from './to-client.ts';
export { toNodePatch, toNodeSettings } from './to-node.ts';
