/** Meilisearch's filter grammar, as far as the gateway must know it. Pure. */
export { composeFilter, inFilter } from './compose.ts';
export { knowsField, notEqualFields, rewriteNotEqual } from './not-equal.ts';
export { type Filter, parseFilter } from './parse.ts';
export { primaryKeysOf } from './primary-keys.ts';
export { filterNamesReserved, namesReserved, type ReservedName } from './reserved-names.ts';
