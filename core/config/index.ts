/** Configuration of all programs: one schema, one loader, secrets by reference. */
export {
  type ConfigDifference,
  type ConfigProblem,
  checkConfigText,
  configDifferences,
  flattenConfig,
} from './check.ts';
export { ConfigError } from './error.ts';
export { type ConfigSources, loadConfig } from './load.ts';
export { configOptions, expectedOf, type SchemaNode } from './options.ts';
export type { MiroirConfig } from './schema.ts';
export { readSecret, type SecretName } from './secret.ts';
