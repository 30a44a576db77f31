/**
 * Goal: the generated configuration is one that Envoy takes, without a warning, and that leads to no node.
 * Method: the real `envoy --mode validate` on several configurations; the JSON is walked for addresses.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../core/config/index.ts';
import { bootstrap } from '../../envoy/bootstrap.ts';
import { suite } from '../kit/suite.ts';
import { envoyCommand } from './envoy-binary.ts';

const tests = suite('gateway: bootstrap');

const config = (listen: object) => {
  const nodes = [{ id: 'n1', url: 'http://10.1.2.3:7700' }];
  const flags = Object.fromEntries(
    Object.entries(listen).map(([key, value]) => [`listen.${key}`, value]),
  );
  return { ...loadConfig({ flags }), nodes };
};

tests.test(
  'Envoy takes it without a warning',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'miroir-gw-'));
    const { command, prefix } = await envoyCommand(folder);
    for (const [name, value] of [
      ['plain', bootstrap(config({}))],
      ['one worker', bootstrap(config({ workers: 1, host: '::' }))],
      ['many workers', bootstrap(config({ workers: 64, host: '0.0.0.0', port: 0 }))],
      ['access log', bootstrap(config({}), { accessLogPath: '/dev/null', heapBytesMax: 3e8 })],
    ] as const) {
      const file = join(folder, 'envoy.json');
      writeFileSync(file, JSON.stringify(value));
      const { stdout, stderr } = await promisify(execFile)(command, [
        ...prefix,
        '--mode',
        'validate',
        '-l',
        'warning',
        '-c',
        file,
      ]);
      assert.match(stdout + stderr, /OK/, name);
      assert.not.match(stderr, /\[warning\]|\[error\]|\[critical\]/, name);
    }
    rmSync(folder, { recursive: true });
  },
  300_000,
);

tests.test('it names no node, and every cluster is a unix socket', () => {
  const value = bootstrap(config({ workers: 3 })) as {
    static_resources: { clusters: { name: string }[] };
  };
  const text = JSON.stringify(value);
  assert.not.match(text, /10\.1\.2\.3/);
  const { clusters } = value.static_resources;
  assert.equal(
    clusters.map((cluster) => cluster.name),
    ['sidecar', 'worker-0', 'worker-1', 'worker-2'],
  );
  assert.not.match(JSON.stringify(clusters), /socket_address|"type":"(STRICT|LOGICAL)_DNS"/);
  assert.match(text, /"failure_mode_allow":false/);
});

tests.run();
