/**
 * One configuration from file, environment and flags, the later winning over the earlier:
 *
 *   YAML file -> MIROIR_<PATH> variables (empty = unset) -> flags -> defaults for the rest -> checks.
 *
 * What was given is checked before defaults are added, and every error names its source: the file's
 * line, the variable or the flag.
 */
import { availableParallelism, tmpdir } from 'node:os';
import { Value } from 'typebox/value';
import { parse as parseYaml } from 'yaml';
import { ConfigError } from './error.ts';
import { configOptions, expectedOf, rootSchema, type SchemaNode, schemaAt } from './options.ts';
import { type Machine, resolveDerived, resolveSizes } from './resolve.ts';
import { brokenRule, SCHEMA_RULES } from './rules.ts';
import { configSchema, type MiroirConfig } from './schema.ts';
import { refuseUnknownKeys, refuseUnknownVariables } from './unknown.ts';
import { type ConfigFile, readConfigFile } from './yaml-file.ts';

/** Where a configuration comes from. */
export interface ConfigSources {
  /** Path of a YAML file. */
  readonly file?: string;
  /** A file that was read already; wins over `file`. */
  readonly parsed?: ConfigFile;
  /** Environment; only MIROIR_* is looked at. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Dotted option path -> value, for instance `{'listen.port': 7700}`; undefined values are unset. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** Cores and temporary folder; default: this machine's. */
  readonly machine?: Machine;
}

type Plain = Record<string, unknown>;

/** Loads and checks; throws ConfigError with one line. */
export function loadConfig(sources: ConfigSources): MiroirConfig {
  const file =
    sources.parsed ?? (sources.file === undefined ? undefined : readConfigFile(sources.file));
  const value = withoutNulls(structuredClone(file?.value ?? {})) as Plain;
  const origins = new Map<string, string>();
  for (const given of [...fromEnv(sources.env ?? {}), ...fromFlags(sources.flags ?? {})]) {
    setAt(value, given.path.split('.'), given.value);
    origins.set(given.path, given.source);
  }
  const sourceOf = (keys: readonly string[]) => findSource(keys, origins, file);
  refuseUnknownKeys(value, rootSchema, [], sourceOf);
  Value.Default(configSchema, value);
  checkSchema(value, sourceOf);
  const badSize = resolveSizes(value, rootSchema);
  if (badSize !== undefined) throw wrongValue(value, badSize, sourceOf);
  resolveDerived(value, sources.machine ?? thisMachine());
  const config = value as unknown as MiroirConfig;
  const broken = brokenRule(config);
  if (broken !== undefined)
    throw new ConfigError(broken.keys.join('.'), broken.problem, sourceOf(broken.keys));
  const { master_key_env, admin_token_env } = config.auth;
  refuseUnknownVariables(sources.env ?? {}, [master_key_env, admin_token_env]);
  return config;
}

function thisMachine(): Machine {
  return { coreCount: availableParallelism(), temporaryDir: tmpdir() };
}

interface Given {
  readonly path: string;
  readonly source: string;
  readonly value: unknown;
}

function fromEnv(env: Readonly<Record<string, string | undefined>>): Given[] {
  return configOptions.flatMap(({ path, env: name, schema }) => {
    const text = name === undefined ? undefined : env[name];
    if (name === undefined || text === undefined || text === '') return [];
    return [{ path, source: name, value: convertText(text, schema, name, path) }];
  });
}

function fromFlags(flags: Readonly<Record<string, unknown>>): Given[] {
  return Object.entries(flags).flatMap(([path, value]) => {
    if (value === undefined) return [];
    const source = 'command line';
    const schema = schemaAt(path.split('.')) ?? {};
    const converted = typeof value === 'string' ? convertText(value, schema, source, path) : value;
    return [{ path, source, value: converted }];
  });
}

/** Text of a variable or flag as the option's type; what does not convert stays and is refused later. */
function convertText(text: string, schema: SchemaNode, source: string, path: string): unknown {
  const { items } = schema;
  if (items === undefined) return convertScalar(text, schema);
  const isOfTexts = items.type === 'string';
  // A list of addresses may begin with a bracket too: `[::1]:7701`.
  const isYaml = isOfTexts ? /^\s*\[.*\]\s*$/s.test(text) : text.trimStart().startsWith('[');
  if (!isYaml) {
    const words = text.split(',').map((word) => word.trim());
    return isOfTexts ? words : words.map((url) => ({ url }));
  }
  try {
    return parseYaml(text) as unknown;
  } catch (error) {
    throw new ConfigError(path, `not YAML: ${(error as Error).message}`, source);
  }
}

/** A text as number or boolean if the option may be one; otherwise as it is. */
function convertScalar(text: string, schema: SchemaNode): unknown {
  const types = [schema, ...(schema.anyOf ?? [])].map((choice) => choice.type);
  const isNumber = types.includes('integer') || types.includes('number');
  if (isNumber && /^-?[0-9]+(\.[0-9]+)?$/.test(text)) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function setAt(target: Plain, keys: readonly string[], value: unknown): void {
  let section = target;
  for (const key of keys.slice(0, -1)) {
    const next = section[key];
    if (typeof next !== 'object' || next === null) section[key] = {};
    section = section[key] as Plain;
  }
  section[keys.at(-1) ?? ''] = value;
}

/** An option or section left empty in the file is unset. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, child]) => child !== null);
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutNulls(child)]));
}

function findSource(
  keys: readonly string[],
  origins: ReadonlyMap<string, string>,
  file: ConfigFile | undefined,
): string | undefined {
  for (let depth = keys.length; depth > 0; depth -= 1) {
    const origin = origins.get(keys.slice(0, depth).join('.'));
    if (origin !== undefined) return origin;
  }
  return file?.position(keys);
}

function checkSchema(
  value: unknown,
  sourceOf: (keys: readonly string[]) => string | undefined,
): void {
  const errors = [...Value.Errors(configSchema, value)];
  const first = errors.find((error) => error.instancePath !== '') ?? errors[0];
  if (first === undefined) return;
  const rule = SCHEMA_RULES[Number(/^#\/allOf\/([0-9]+)$/.exec(first.schemaPath)?.[1])];
  if (rule !== undefined && first.instancePath === '')
    throw new ConfigError(rule.keys.join('.'), rule.problem, sourceOf(rule.keys));
  const keys = first.instancePath.split('/').slice(1);
  const path = keys.join('.');
  if (first.keyword === 'required') {
    const { requiredProperties } = first.params as { requiredProperties?: readonly string[] };
    const missing = requiredProperties?.join(', ') ?? '';
    throw new ConfigError(path, `lacks ${missing}`, sourceOf(keys));
  }
  throw wrongValue(value, keys, sourceOf);
}

function wrongValue(
  value: unknown,
  keys: readonly string[],
  sourceOf: (keys: readonly string[]) => string | undefined,
): ConfigError {
  const shown = JSON.stringify(valueAt(value, keys))?.slice(0, 80) ?? 'nothing';
  const expected = expectedOf(schemaAt(keys) ?? {});
  return new ConfigError(keys.join('.'), `${shown} is not ${expected}`, sourceOf(keys));
}

function valueAt(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((current, key) => (current as Plain | undefined)?.[key], value);
}
