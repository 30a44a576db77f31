/**
 * What of the Helm chart is made from the schema of the configuration: the `config:` block of
 * values.yaml, values.schema.json, and the configuration that the chart hands to the programs for one
 * sample of values, which a golden file keeps.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { rootSchema, type SchemaNode } from '../../core/config/options.ts';
import { projectRoot } from '../kit/paths.ts';

type Plain = Record<string, unknown>;

/** Where the chart differs from the defaults of the programs: they run in pods of their own. */
const CHART_CONFIG: Readonly<Record<string, Plain>> = {
  listen: { host: '0.0.0.0', socket_dir: '/run/miroir/sockets', workers: 2 },
  writes: { spool_dir: '/tmp' },
  control: { data_dir: '/var/lib/miroir', listen: '0.0.0.0:7701', insecure: true },
  telemetry: { metrics_host: '0.0.0.0', metrics_port: 9090 },
};

/** Set by the templates: values would only break the chart. */
const SET_BY_CHART = new Set(['control.address', 'auth']);

const BEGIN =
  '# config: made from core/config/schema.ts by npm run gen; edit the values, not the keys';

/** values.yaml: its hand-written head, then the `config:` block. */
export function helmValues(): string {
  const head = readFileSync(join(projectRoot, 'helm/miroir/values.yaml'), 'utf8').split(BEGIN)[0];
  return `${head}${BEGIN}\nconfig:\n${configBlock()}`;
}

/** The configuration a program gets in the chart when nothing is set. */
function chartDefaults(): Plain {
  return deepMerge(defaultsOf(rootSchema, ''), CHART_CONFIG);
}

/** Defaults of the options below one place of the schema. */
function defaultsOf(schema: SchemaNode, path: string): Plain {
  const options = Object.entries(schema.properties ?? {})
    .map(([key, child]) => [key, child, path === '' ? key : `${path}.${key}`] as const)
    .filter(([, , childPath]) => !SET_BY_CHART.has(childPath));
  return Object.fromEntries(
    options.map(([key, child, childPath]) => [
      key,
      child.properties === undefined ? child.default : defaultsOf(child, childPath),
    ]),
  );
}

function configBlock(): string {
  return `${blockLines(rootSchema, chartDefaults(), '  ').join('\n')}\n`;
}

function blockLines(schema: SchemaNode, values: Plain, indent: string): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const option = schema.properties?.[key] ?? {};
    const head = comment(option, indent);
    if (option.properties === undefined) return [...head, `${indent}${key}: ${scalar(value)}`];
    return [...head, `${indent}${key}:`, ...blockLines(option, value as Plain, `${indent}  `)];
  });
}

function comment(schema: SchemaNode, indent: string): string[] {
  return schema.description === undefined ? [] : [`${indent}# -- ${schema.description}`];
}

/** JSON is YAML. */
function scalar(value: unknown): string {
  return JSON.stringify(value);
}

/** values.schema.json: the chart's own part, and the configuration's schema under `config`. */
export function helmSchema(): string {
  const chart = JSON.parse(
    readFileSync(join(projectRoot, 'helm/miroir/values.chart.schema.json'), 'utf8'),
  ) as Plain & { properties: Plain };
  const schema = {
    ...chart,
    properties: { ...chart.properties, config: optional(rootSchema as unknown as Plain) },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Without `required` where a default stands in: a file need not give every option. */
function optional(schema: Plain): Plain {
  const kept: Plain = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties')
      kept[key] = Object.fromEntries(
        Object.entries(value as Record<string, Plain>).map(([name, child]) => [
          name,
          optional(child),
        ]),
      );
    else if (key === 'items') kept[key] = optional(value as Plain);
    else if (key === 'required') {
      const properties = schema['properties'] as Record<string, Plain>;
      const needed = (value as string[]).filter((name) => !('default' in (properties[name] ?? {})));
      if (needed.length > 0) kept[key] = needed;
    } else if (key !== 'unit' && key !== 'expected') kept[key] = value;
  }
  return kept;
}

/** miroir.yaml as the ConfigMap holds it for the given values of the user. */
export function chartConfig(userValues: Plain, release: string): Plain {
  const merged = deepMerge(chartDefaults(), (userValues['config'] ?? {}) as Plain);
  const port = String((merged['control'] as Plain)['listen'])
    .split(':')
    .at(-1);
  return deepMerge(merged, { control: { address: `${release}-miroir-control:${port}` } });
}

/** The golden file of one sample of values. */
export function helmGolden(): string {
  const sample = readFileSync(join(projectRoot, 'helm/miroir/ci/external-nodes.in.yaml'), 'utf8');
  const config = chartConfig(parse(sample) as Plain, 'search');
  return stringify(config, { sortMapEntries: true, lineWidth: 0 });
}

function deepMerge(base: Plain, over: Plain): Plain {
  const merged: Plain = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const current = merged[key];
    merged[key] = isMap(current) && isMap(value) ? deepMerge(current, value) : value;
  }
  return merged;
}

function isMap(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
