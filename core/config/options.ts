/**
 * The schema as a flat list of options: what the environment table, the reference page, the unknown-key
 * check and the error texts are made from.
 */
import { configSchema } from './schema.ts';
import { SIZE_UNIT } from './schema-kit.ts';

/** The parts of JSON Schema that config/schema.ts uses. */
export interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly unit?: string;
  /** What to call what a text takes. */
  readonly expected?: string;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly pattern?: string;
  readonly required?: readonly string[];
}

/** One option of the configuration. */
export interface ConfigOption {
  /** Dotted path, for instance `listen.port`; array elements are written `nodes[]`. */
  readonly path: string;
  /** Name of its environment variable; absent inside arrays. */
  readonly env?: string;
  readonly schema: SchemaNode;
}

/** The root of the schema as a plain node. */
export const rootSchema: SchemaNode = configSchema as unknown as SchemaNode;

/** Every option in the order of the schema; built once. */
export const configOptions: readonly ConfigOption[] = listOptions(rootSchema, '');

/** Name of the environment variable of an option: `listen.max_body` -> `MIROIR_LISTEN_MAX_BODY`. */
function envNameOf(path: string): string {
  return `MIROIR_${path.replaceAll('.', '_').toUpperCase()}`;
}

/** The schema at a path of keys and array positions, or undefined if there is no such option. */
export function schemaAt(keys: readonly string[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = rootSchema;
  for (const key of keys) {
    if (node === undefined) return undefined;
    if (node.items !== undefined) node = node.items;
    else node = Object.hasOwn(node.properties ?? {}, key) ? node.properties?.[key] : undefined;
  }
  return node;
}

/** What an option takes, in a few words: `integer from 0 to 65535`, `size`, `one of partial, error`. */
export function expectedOf(schema: SchemaNode): string {
  if (schema.unit === SIZE_UNIT) return 'a size such as 100MB or 64MiB';
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  if (schema.anyOf !== undefined) return schema.anyOf.map(expectedOf).join(' or ');
  if (schema.properties !== undefined) return 'a section of options';
  if (schema.items !== undefined) return 'a list';
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'integer') return `an integer${range(schema)}`;
  if (schema.type === 'number') return `a number${range(schema)}`;
  return schema.expected ?? 'a text';
}

function range(schema: SchemaNode): string {
  if (schema.exclusiveMinimum !== undefined)
    return ` above ${schema.exclusiveMinimum}, at most ${schema.maximum}`;
  if (schema.minimum === undefined || schema.maximum === undefined) return '';
  const unit = schema.unit === undefined ? '' : ` ${schema.unit}`;
  return ` from ${schema.minimum} to ${schema.maximum}${unit}`;
}

function listOptions(schema: SchemaNode, path: string): ConfigOption[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) => {
    const childPath = path === '' ? key : `${path}.${key}`;
    if (child.properties !== undefined) return listOptions(child, childPath);
    const isInArray = childPath.includes('[]');
    const own: ConfigOption = {
      path: childPath,
      schema: child,
      ...(isInArray ? {} : { env: envNameOf(childPath) }),
    };
    if (child.items === undefined) return [own];
    return [own, ...listOptions(child.items, `${childPath}[]`)];
  });
}
