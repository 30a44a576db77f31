/** API keys: equal on all nodes, and the table by which sidecars judge. */
export { hashHex, INTERNAL_KEY_UID, keyText } from './internal-key.ts';
export { type KeyCall, type KeyCallReply, KeyCalls } from './key-calls.ts';
export { KeyTable } from './table.ts';
export { alignKeys } from './unify.ts';
