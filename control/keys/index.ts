/** API keys: equal on all nodes, and the table by which sidecars judge. */
export { hashHex, INTERNAL_KEY_UID, keyText } from './internal-key.ts';
export { KeyTable } from './table.ts';
