/**
 * Goal: the chart hands the programs a configuration they accept, and no value can be set that they would
 * refuse.
 * Method: the very files of the chart, read as Helm reads them; the loader of the programs is the judge.
 * Where a `helm` is on PATH the templates are rendered too, and must hold the golden configuration.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Schema from 'typebox/schema';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { findOnPath } from '../../../envoy/start/command.ts';
import {
  areManifestsNew,
  chartConfig,
  HELM_SAMPLES,
  helmGolden,
  helmManifests,
  helmSample,
  helmSchema,
  helmValues,
  renderChart,
} from '../../generators/helm.ts';
import { projectRoot } from '../../kit/paths.ts';
import { suite } from '../../kit/suite.ts';
import { loadYaml } from './manifests.ts';

const { test, testUnless, run } = suite('helm chart');
const chart = join(projectRoot, 'helm/miroir');
const helm = findOnPath('helm', process.env);
const noHelm = helm === undefined ? 'no helm on PATH' : undefined;
type Plain = Record<string, unknown>;

test('the golden configurations are accepted by the programs', () => {
  const config = loadYaml(parse(helmGolden('external-nodes')));
  assert.is(config.listen.max_body, 64 * 1024 * 1024);
  assert.is(config.nodes.length, 3);
  assert.is(config.nodes[0]?.id, 'meilisearch-0.meilisearch-7700');
  const address = 'search-miroir-control-0.search-miroir-control.default.svc:7701';
  assert.equal([config.control.address, config.control.addresses], [address, [address]]);
  assert.is(config.sharding.spread, 2);
  const lease = loadYaml(parse(helmGolden('kubernetes-lease'))).control;
  assert.is(lease.addresses.length, 3);
  assert.is(lease.kubernetes.lease, 'search-miroir-control');
  assert.equal([lease.renew_ms, lease.expiry_ms], [5_000, 15_000]);
  assert.not.ok(lease.insecure);
  const etcd = loadYaml(parse(helmGolden('etcd-secrets'))).control;
  assert.equal([etcd.renew_ms, etcd.etcd.key], [1_000, '/shop/miroir']);
});

test('the values of the chart are accepted as they are', () => {
  const config = loadYaml(chartConfig({}));
  assert.is(config.listen.host, '0.0.0.0');
  assert.is(config.telemetry.metrics_port, 9090);
});

test('the schema of the values takes the chart and refuses what the programs refuse', () => {
  const schema = Schema.Compile(JSON.parse(helmSchema()) as object);
  const values = () =>
    parse(helmValues()) as Record<string, Plain> & { config: Record<string, Plain> };
  assert.ok(schema.Check(values()));
  const section = (given: Record<string, unknown>, name: string) => given[name] as Plain;
  const good: ((given: ReturnType<typeof values>) => void)[] = [
    (given) => {
      section(given, 'control')['replicaCount'] = 3;
      section(given.config, 'control')['engine'] = 'kubernetes';
    },
    (given) => {
      section(given, 'tls')['enabled'] = true;
      section(given.config, 'control')['insecure'] = false;
    },
    (given) =>
      Object.assign(section(given.config, 'control'), { renew_ms: 1_000, expiry_ms: 4_000 }),
  ];
  const bad: ((given: ReturnType<typeof values>) => void)[] = [
    (given) => Object.assign(section(given.config, 'listen'), { prot: 1 }),
    (given) => Object.assign(section(given.config, 'listen'), { port: 70_000 }),
    (given) => Object.assign(section(given.config, 'control'), { insecure: false }),
    (given) => Object.assign(given.config, { nodes: [{ weight: 1 }] }),
    (given) => Object.assign(given, { replicas: 3 }),
    (given) => Object.assign(section(given, 'control'), { replicaCount: 2 }),
    (given) => Object.assign(section(given.config, 'control'), { engine: 'etcd' }),
    (given) => Object.assign(section(given.config, 'control'), { addresses: ['a:1'] }),
    (given) => Object.assign(section(given, 'control'), { terminationGracePeriodSeconds: 5 }),
  ];
  for (const [cases, isGood] of [[good, true] as const, [bad, false] as const]) {
    for (const [position, change] of cases.entries()) {
      const given = values();
      change(given);
      assert.is(schema.Check(given), isGood, `case ${position} of ${isGood ? 'good' : 'bad'} ones`);
    }
  }
});

for (const sample of HELM_SAMPLES) {
  test(`the committed objects of ${sample} are those of the chart`, () => {
    const words = 'put helm (version 3) on the PATH and run: npm run gen';
    assert.ok(areManifestsNew(sample), `helm/miroir has changed since they were made; ${words}`);
  });

  testUnless(noHelm, `${sample} rendered by helm`, () => {
    const objects = renderChart(helm ?? '', sample);
    const data = objects.find(({ kind }) => kind === 'ConfigMap')?.['data'] as Plain;
    assert.equal(parse(String(data['miroir.yaml'])), parse(helmGolden(sample)));
    execFileSync(helm ?? '', [
      'lint',
      '--strict',
      chart,
      '--values',
      join(chart, 'ci', `${sample}.in.yaml`),
    ]);
    const committed = readFileSync(join(chart, 'ci', `${sample}.manifests.yaml`), 'utf8');
    assert.is(helmManifests(sample), committed);
    assert.ok(Schema.Compile(JSON.parse(helmSchema()) as object).Check(helmSample(sample)));
  });
}

run();
