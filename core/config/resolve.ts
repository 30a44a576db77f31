/**
 * From checked values to the ones programs use: sizes become bytes, and defaults that depend on the
 * machine or on another option are filled in.
 */
import type { SchemaNode } from './options.ts';
import { SIZE_UNIT } from './schema-kit.ts';
import { parseSize } from './size.ts';

const WORKERS_MIN = 2;
const WORKERS_MAX = 8;

/** What the machine gives. */
export interface Machine {
  /** Cores this process may use. */
  readonly coreCount: number;
  /** Folder for temporary files. */
  readonly temporaryDir: string;
}

type Section = Record<string, unknown>;
type Sections = Record<string, Section> & { nodes: Section[] };

/** Fills in, in place, what depends on machine and other options. `value` has passed the schema. */
export function resolveDerived(value: Record<string, unknown>, machine: Machine): void {
  const { listen, control, writes, nodes } = value as Sections;
  if (listen?.['workers'] === 0)
    listen['workers'] = Math.max(WORKERS_MIN, Math.min(WORKERS_MAX, machine.coreCount - 1));
  if (writes?.['spool_dir'] === '') writes['spool_dir'] = machine.temporaryDir;
  if (control?.['address'] === '')
    control['address'] = String(control['listen']).replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:');
  if (control !== undefined && (control['addresses'] as string[]).length === 0)
    control['addresses'] = [control['address']];
  for (const node of nodes) {
    const url = String(node['url']).replace(/\/$/, '');
    node['url'] = url;
    node['id'] ??= idOf(url);
  }
}

/** `http://10.0.0.3:7700` -> `10.0.0.3-7700`, which stays the same when the list is reordered. */
function idOf(url: string): string {
  return url
    .replace(/^https?:\/\//, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 63);
}

/**
 * Replaces size texts by their bytes, in place. Gives the keys of the first one that is no size of at
 * least one byte, or undefined.
 */
export function resolveSizes(
  value: unknown,
  schema: SchemaNode,
  keys: readonly string[] = [],
): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const section = value as Section;
    const current = section[key];
    const childKeys = [...keys, key];
    if (child.unit !== SIZE_UNIT) {
      const bad = resolveSizes(current, child, childKeys);
      if (bad !== undefined) return bad;
      continue;
    }
    const bytes = typeof current === 'string' ? parseSize(current) : current;
    if (typeof bytes !== 'number' || bytes < 1 || !Number.isSafeInteger(bytes)) return childKeys;
    section[key] = bytes;
  }
  return undefined;
}
