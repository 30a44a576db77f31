/**
 * Goal: compose.yaml cannot drift from the configuration: its variables are options that exist, its parts
 * fit together, and its images are the versions that the starter would take.
 * Method: the file is read as Compose reads it; the loader of the programs is the judge.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { loadConfig } from '../../core/config/index.ts';
import { projectRoot } from '../kit/paths.ts';
import { suite } from '../kit/suite.ts';

const { test, run } = suite('compose file');

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Record<string, string>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Record<string, unknown> | readonly string[];
}

const text = readFileSync(join(projectRoot, 'compose.yaml'), 'utf8');
const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
const service = (name: string): Service => {
  const found = services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
};

test('every program of Miroir is given a configuration it accepts', () => {
  for (const name of ['control', 'sidecar', 'write-bootstrap']) {
    const config = loadConfig({ env: service(name).environment ?? {} });
    assert.is(config.nodes.length, 3, name);
    assert.is(config.listen.port, 7700);
    assert.is(config.listen.host, '0.0.0.0');
    assert.is(config.control.address, 'control:7701');
    for (const node of config.nodes) {
      assert.ok(service(new URL(node.url).hostname).image.startsWith('getmeili/meilisearch:'));
      assert.is(new URL(node.url).hostname, node.id);
    }
    const program = service(name).command?.[0] ?? '';
    const source = program.replace(/^dist\//, '').replace(/\.js$/, '.ts');
    assert.ok(existsSync(join(projectRoot, source)), program);
  }
});

test('only control is given the master key', () => {
  assert.match(service('control').environment?.['MIROIR_MASTER_KEY'] ?? '', '$');
  for (const name of ['sidecar', 'write-bootstrap', 'envoy'])
    assert.not.ok('MIROIR_MASTER_KEY' in (service(name).environment ?? {}), name);
});

test('Envoy reads what write-bootstrap writes, and shares the sockets of the sidecar', () => {
  const written = service('write-bootstrap').command?.at(-1) ?? '';
  assert.ok(service('envoy').command?.includes(written));
  const { socket_dir } = loadConfig({ env: service('sidecar').environment ?? {} }).listen;
  const folder = (service('sidecar').volumes?.[0] ?? '').split(':')[1] ?? 'none';
  assert.ok(socket_dir.startsWith(`${folder}/`));
  assert.equal(service('envoy').volumes, service('sidecar').volumes);
});

run();
