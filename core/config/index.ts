/** Configuration of all programs: one schema, one loader, secrets by reference. */
export { ConfigError } from './error.ts';
export { type ConfigSources, loadConfig } from './load.ts';
export { configOptions, expectedOf, type SchemaNode } from './options.ts';
export type { MiroirConfig } from './schema.ts';
export { readSecret, type SecretName } from './secret.ts';
export { nearest } from './suggest.ts';
