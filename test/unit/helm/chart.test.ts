/**
 * Goal: the chart hands the programs a configuration they accept, and no value can be set that they would
 * refuse.
 * Method: the very files of the chart, read as Helm reads them; the loader of the programs is the judge.
 * Where a `helm` is on PATH the templates are rendered too, and must hold the golden configuration.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Schema from 'typebox/schema';
import * as assert from 'uvu/assert';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { loadConfig } from '../../../core/config/index.ts';
import { findOnPath } from '../../../envoy/start/command.ts';
import { chartConfig, helmGolden, helmSchema, helmValues } from '../../generators/helm.ts';
import { projectRoot } from '../../kit/paths.ts';
import { suite } from '../../kit/suite.ts';

const { test, testUnless, run } = suite('helm chart');
const chart = join(projectRoot, 'helm/miroir');
const sampleFile = join(chart, 'ci/external-nodes.in.yaml');
const helm = findOnPath('helm', process.env);
type Plain = Record<string, unknown>;

function load(config: unknown) {
  const folder = mkdtempSync(join(tmpdir(), 'miroir-helm-'));
  try {
    const file = join(folder, 'miroir.yaml');
    writeFileSync(file, stringify(config));
    return loadConfig({ file });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the golden configuration is accepted by the programs', () => {
  const config = load(parse(helmGolden()));
  assert.is(config.listen.max_body, 64 * 1024 * 1024);
  assert.is(config.nodes.length, 3);
  assert.is(config.nodes[0]?.id, 'meilisearch-0.meilisearch-7700');
  assert.is(config.control.address, 'search-miroir-control:7701');
  assert.is(config.sharding.spread, 2);
});

test('the values of the chart are accepted as they are', () => {
  const values = parse(helmValues()) as Plain;
  const config = load(chartConfig(values, 'release'));
  assert.is(config.listen.host, '0.0.0.0');
  assert.is(config.telemetry.metrics_port, 9090);
});

test('the schema of the values takes the chart and refuses what the programs refuse', () => {
  const schema = Schema.Compile(JSON.parse(helmSchema()) as object);
  const values = () => parse(helmValues()) as { config: Record<string, Plain> } & Plain;
  assert.ok(schema.Check(values()));
  assert.ok(schema.Check(parse(readFileSync(sampleFile, 'utf8'))));
  const bad: ((given: ReturnType<typeof values>) => void)[] = [
    (given) => Object.assign(given.config['listen'] ?? {}, { prot: 1 }),
    (given) => Object.assign(given.config['listen'] ?? {}, { port: 70_000 }),
    (given) => Object.assign(given.config['control'] ?? {}, { insecure: false }),
    (given) => Object.assign(given.config, { nodes: [{ weight: 1 }] }),
    (given) => Object.assign(given, { replicas: 3 }),
  ];
  for (const [position, spoil] of bad.entries()) {
    const given = values();
    spoil(given);
    assert.not.ok(schema.Check(given), `case ${position}`);
  }
});

testUnless(helm === undefined ? 'no helm on PATH' : undefined, 'rendered by helm', () => {
  const args = ['template', 'search', chart, '--values', sampleFile];
  const text = execFileSync(helm ?? '', args, { encoding: 'utf8' });
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Plain);
  const kinds = objects.map((object) => object['kind']).sort();
  assert.equal(kinds, ['ConfigMap', 'Deployment', 'Secret', 'Service', 'Service', 'StatefulSet']);
  const data = objects.find((object) => object['kind'] === 'ConfigMap')?.['data'] as Plain;
  assert.equal(parse(String(data['miroir.yaml'])), parse(helmGolden()));
});

run();
