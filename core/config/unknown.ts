/**
 * Refuses what the schema does not know, and says what was probably meant. A mistyped option that is
 * silently ignored is found only when it matters.
 */
import { ConfigError } from './error.ts';
import { configOptions, type SchemaNode } from './options.ts';
import { nearest } from './suggest.ts';

/** Options of earlier plans that have no successor, with what to do instead. */
const RETIRED: ReadonlyMap<string, string> = new Map([
  [
    'anti_entropy.updated_at_field',
    'is not needed: copies are compared by `_miroir_version`, which every write sets; remove it',
  ],
]);

/** Variables that are ours without being options. */
const OTHER_VARIABLES = [
  'MIROIR_MASTER_KEY',
  'MIROIR_ADMIN_TOKEN',
  'MIROIR_CONTROL',
  'MIROIR_SEED',
  'MIROIR_FAILPOINTS',
];

/** Kubernetes sets such variables for every service of the namespace, one named `miroir` too. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT)(_|$)|_PORT_[0-9]+_(TCP|UDP)(_|$)/;

/** Throws ConfigError for the first key below `value` that `schema` does not have. */
export function refuseUnknownKeys(
  value: unknown,
  schema: SchemaNode,
  keys: readonly string[],
  sourceOf: (keys: readonly string[]) => string | undefined,
): void {
  if (Array.isArray(value) && schema.items !== undefined) {
    const items = schema.items;
    value.forEach((item, position) => {
      refuseUnknownKeys(item, items, [...keys, String(position)], sourceOf);
    });
    return;
  }
  if (typeof value !== 'object' || value === null || schema.properties === undefined) return;
  for (const [key, child] of Object.entries(value)) {
    const childKeys = [...keys, key];
    if (!Object.hasOwn(schema.properties, key)) {
      const path = childKeys.join('.');
      throw new ConfigError(path, unknownText(keys, key, schema), sourceOf(childKeys));
    }
    refuseUnknownKeys(child, schema.properties[key] ?? {}, childKeys, sourceOf);
  }
}

function unknownText(keys: readonly string[], key: string, schema: SchemaNode): string {
  const path = [...keys, key].join('.');
  const retired = RETIRED.get(path);
  if (retired !== undefined) return retired;
  const meant = suggestion(keys, key, Object.keys(schema.properties ?? {}));
  return meant === undefined ? 'unknown option' : `unknown option, did you mean \`${meant}\`?`;
}

function suggestion(
  keys: readonly string[],
  key: string,
  siblings: readonly string[],
): string | undefined {
  const sibling = nearest(key, siblings);
  if (sibling !== undefined) return [...keys, sibling].join('.');
  const leaves = new Map(configOptions.map(({ path }) => [path.split('.').at(-1) ?? path, path]));
  const leaf = nearest(key, [...leaves.keys()]);
  return leaf === undefined ? undefined : leaves.get(leaf);
}

/** Throws ConfigError for a set MIROIR_* variable that no option and no reference knows. */
export function refuseUnknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  referenced: readonly string[],
): void {
  const options = configOptions.flatMap(({ env: name }) => (name === undefined ? [] : [name]));
  const known = new Set([...options, ...OTHER_VARIABLES, ...referenced]);
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('MIROIR_') || value === undefined || value === '') continue;
    if (known.has(name) || name.startsWith('MIROIR_TEST_')) continue;
    if (SERVICE_LINK.test(name) || /^(tcp|udp):\/\//.test(value)) continue;
    const meant = nearest(name, [...known]);
    const hint = meant === undefined ? '' : `, did you mean \`${meant}\`?`;
    throw new ConfigError('', `unknown variable${hint}`, name);
  }
}
