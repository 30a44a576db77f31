/**
 * What of the Helm chart is made from the schema of the configuration: the `config:` block of
 * values.yaml, values.schema.json, and for some samples of values the configuration that the chart hands to the
 * programs and the objects that helm makes, which golden files keep.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { rootSchema, type SchemaNode } from '../../core/config/options.ts';
import { findOnPath } from '../../envoy/start/command.ts';
import { projectRoot } from '../kit/paths.ts';

type Plain = Record<string, unknown>;

const chartFolder = join(projectRoot, 'helm/miroir');

/** Where the chart differs from the defaults of the programs: they run in pods of their own. */
const CHART_CONFIG: Readonly<Record<string, Plain>> = {
  listen: { host: '0.0.0.0', socket_dir: '/run/miroir/sockets', workers: 2 },
  writes: { spool_dir: '/tmp' },
  control: { listen: '0.0.0.0:7701', insecure: true },
  telemetry: { metrics_host: '0.0.0.0', metrics_port: 9090 },
};

/** Set by the templates: values would only break the chart, and are refused. */
const SET_BY_CHART = new Set([
  'control.data_dir',
  'control.address',
  'control.addresses',
  'control.replica_id',
  'control.tls',
  'control.etcd.username',
  'control.etcd.password_file',
  'control.etcd.ca_file',
  'control.etcd.cert_file',
  'control.etcd.key_file',
]);

/** Given by the templates for want of a value, as it depends on the release or the engine. */
const CHOSEN_BY_CHART = new Set([
  'auth',
  'control.renew_ms',
  'control.expiry_ms',
  'control.etcd.key',
  'control.kubernetes.lease',
]);

/** Samples of values, in helm/miroir/ci. */
export const HELM_SAMPLES = ['external-nodes', 'kubernetes-lease', 'etcd-secrets'] as const;

/** One of them. */
export type HelmSample = (typeof HELM_SAMPLES)[number];

const BEGIN =
  '# config: made from core/config/schema.ts by npm run gen; edit the values, not the keys';

const MANIFESTS_HEAD =
  '# Made by helm from the chart; npm run gen makes it anew where helm is on the PATH. Not to be edited.\n';

/** values.yaml: its hand-written head, then the `config:` block. */
export function helmValues(): string {
  return `${valuesHead()}${BEGIN}\nconfig:\n${configBlock()}`;
}

function valuesHead(): string {
  return readFileSync(join(chartFolder, 'values.yaml'), 'utf8').split(BEGIN)[0] ?? '';
}

/** The configuration a program gets in the chart when nothing is set. */
function chartDefaults(): Plain {
  return deepMerge(defaultsOf(rootSchema, ''), CHART_CONFIG);
}

/** Defaults of the options below one place of the schema. */
function defaultsOf(schema: SchemaNode, path: string): Plain {
  const options = Object.entries(schema.properties ?? {})
    .map(([key, child]) => [key, child, path === '' ? key : `${path}.${key}`] as const)
    .filter(([, , childPath]) => !SET_BY_CHART.has(childPath) && !CHOSEN_BY_CHART.has(childPath));
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
    readFileSync(join(chartFolder, 'values.chart.schema.json'), 'utf8'),
  ) as Plain & { properties: Plain };
  const { allOf: _, ...config } = optional(rootSchema as unknown as Plain);
  const schema = { ...chart, properties: { ...chart.properties, config } };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Without what the chart sets itself, and without `required` where a default stands in. */
function optional(schema: Plain, path = ''): Plain {
  const kept: Plain = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties') {
      const children = Object.entries(value as Record<string, Plain>)
        .map(([name, child]) => [name, child, path === '' ? name : `${path}.${name}`] as const)
        .filter(([, , childPath]) => !SET_BY_CHART.has(childPath));
      kept[key] = Object.fromEntries(
        children.map(([name, child, childPath]) => [name, optional(child, childPath)]),
      );
    } else if (key === 'items') kept[key] = optional(value as Plain, `${path}[]`);
    else if (key === 'required') {
      const properties = schema['properties'] as Record<string, Plain>;
      const needed = (value as string[]).filter((name) => !('default' in (properties[name] ?? {})));
      if (needed.length > 0) kept[key] = needed;
    } else if (key !== 'unit' && key !== 'expected') kept[key] = value;
  }
  return kept;
}

/** miroir.yaml as the ConfigMap of release `search` in namespace `default` holds it for values of the user. */
export function chartConfig(userValues: Plain): Plain {
  const values = deepMerge(parse(helmValues()) as Plain, userValues) as Record<string, Plain>;
  const config = values['config'] as Record<string, Plain>;
  const control = config['control'] ?? {};
  const isLease = control['engine'] === 'kubernetes';
  const chosen = {
    etcd: { key: '/miroir/default/search-miroir' },
    kubernetes: { lease: 'search-miroir-control' },
    renew_ms: isLease ? 5_000 : 2_000,
    expiry_ms: isLease ? 15_000 : 6_000,
  };
  const port = String(control['listen']).split(':').at(-1);
  const addresses = Array.from(
    { length: Number(values['control']?.['replicaCount']) },
    (_, at) => `search-miroir-control-${at}.search-miroir-control.default.svc:${port}`,
  );
  const known = {
    data_dir: '/var/lib/miroir/data',
    address: addresses[0],
    addresses,
    replica_id: '',
    ...(values['tls']?.['enabled'] === true && {
      insecure: false,
      tls: filesIn('/etc/miroir-tls', true),
    }),
  };
  const nodeTls = values['nodeTls'] ?? {};
  const node_tls = nodeTls['existingSecret']
    ? filesIn('/etc/miroir-node-tls', nodeTls['clientCertificate'] === true)
    : {};
  const merged = deepMerge(deepMerge({ control: chosen }, config), { control: known });
  return deepMerge(merged, { node_tls });
}

function filesIn(folder: string, withOwn: boolean): Plain {
  const own = { cert_file: `${folder}/tls.crt`, key_file: `${folder}/tls.key` };
  return { ca_file: `${folder}/ca.crt`, ...(withOwn && own) };
}

/** Values of a sample. */
export function helmSample(sample: HelmSample): Plain {
  const file = join(chartFolder, 'ci', `${sample}.in.yaml`);
  return parse(readFileSync(file, 'utf8')) as Plain;
}

/**
 * The objects of a sample as a file: made by helm where there is one, else the file as it is. What it was made of is
 * named in it, so that it is seen when the chart has changed since.
 */
export function helmManifests(sample: HelmSample): string {
  const helm = findOnPath('helm', process.env);
  if (helm === undefined) return readFileSync(manifestsFile(sample), 'utf8');
  const objects = renderChart(helm, sample).map(withoutOthersWords);
  const body = objects.map((object) => stringify(object, { lineWidth: 0 })).join('---\n');
  return `${MANIFESTS_HEAD}# ${chartDigest(sample)} ${digestOf(body)}\n${body}`;
}

/** Whether the committed objects are what helm made of the chart as it is. */
export function areManifestsNew(sample: HelmSample): boolean {
  const [head = '', made = '', ...body] = readFileSync(manifestsFile(sample), 'utf8').split('\n');
  const wanted = `# ${chartDigest(sample)} ${digestOf(body.join('\n'))}`;
  return `${head}\n` === MANIFESTS_HEAD && made === wanted;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The objects as the committed file has them. */
export function committedManifests(sample: HelmSample): Plain[] {
  const documents = parseAllDocuments(readFileSync(manifestsFile(sample), 'utf8'));
  return documents.map((document) => document.toJS() as Plain);
}

/** The objects that helm makes of a sample, for release `search` in namespace `default`. */
export function renderChart(helm: string, sample: HelmSample): Plain[] {
  const values = join(chartFolder, 'ci', `${sample}.in.yaml`);
  const args = ['template', 'search', chartFolder, '--namespace', 'default', '--values', values];
  const text = execFileSync(helm, args, { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } });
  return parseAllDocuments(text).map((document) => document.toJS() as Plain);
}

function manifestsFile(sample: HelmSample): string {
  return join(chartFolder, 'ci', `${sample}.manifests.yaml`);
}

/** Without the configuration, which has a golden file of its own, its hash, and what is drawn by lot. */
function withoutOthersWords(object: Plain): Plain {
  const kept = structuredClone(object);
  if (kept['kind'] === 'Secret') delete kept['data'];
  const data = kept['data'] as Plain | undefined;
  if (kept['kind'] === 'ConfigMap') delete data?.['miroir.yaml'];
  const template = (kept['spec'] as Plain | undefined)?.['template'] as Plain | undefined;
  const metadata = template?.['metadata'] as Plain | undefined;
  delete (metadata?.['annotations'] as Plain | undefined)?.['checksum/config'];
  return kept;
}

/** Of everything that the objects of a sample come from, but the configuration. */
function chartDigest(sample: HelmSample): string {
  const templates = readdirSync(join(chartFolder, 'templates')).sort();
  const files = [
    'Chart.yaml',
    `ci/${sample}.in.yaml`,
    ...templates.map((name) => `templates/${name}`),
  ];
  const hash = createHash('sha256').update(valuesHead());
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(chartFolder, file)));
  return hash.digest('hex');
}

/** The golden file of a sample: the configuration that the chart hands to the programs. */
export function helmGolden(sample: HelmSample): string {
  return stringify(chartConfig(helmSample(sample)), { sortMapEntries: true, lineWidth: 0 });
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
