/**
 * Goal: a configuration is either exactly what was meant or refused with one line that says where and why.
 * Method: files written to a temporary folder, environments and flags as plain objects; every rule is
 * broken once, and every option is set once through its variable.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  ConfigError,
  type ConfigSources,
  configOptions,
  loadConfig,
  readSecret,
} from '../../../../core/config/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, before, after, run } = suite('config load');
const machine = { coreCount: 4, temporaryDir: '/tmp' };
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'miroir-config-'));
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function yaml(text: string): string {
  const file = join(folder, 'miroir.yaml');
  writeFileSync(file, text);
  return file;
}

function refusal(sources: ConfigSources): ConfigError {
  try {
    loadConfig({ machine, ...sources });
  } catch (error) {
    assert.instance(error, ConfigError);
    assert.not.match((error as Error).message, /\n/);
    return error as ConfigError;
  }
  throw new Error('the configuration was accepted');
}

const refusedText = (text: string) =>
  refusal({ file: yaml(text) }).message.replace(/^.*miroir\.yaml:/, '');
const refusedEnv = (env: Record<string, string>) => refusal({ env }).message;

test('defaults', () => {
  const config = loadConfig({ machine });
  assert.is(config.listen.port, 7700);
  assert.is(config.listen.max_body, 100_000_000);
  assert.is(config.listen.workers, 3);
  assert.is(config.writes.spool_memory, 16 * 1024 * 1024);
  assert.is(config.writes.spool_dir, '/tmp');
  assert.is(config.sharding.spread, 'auto');
  assert.is(config.sharding.shards, 256);
  assert.is(config.control.address, '127.0.0.1:7701');
  assert.is(config.auth.master_key_env, 'MIROIR_MASTER_KEY');
  assert.equal(config.nodes, []);
});

test('workers follow the cores', () => {
  const workers = (coreCount: number) =>
    loadConfig({ machine: { ...machine, coreCount } }).listen.workers;
  assert.equal([1, 2, 3, 8, 64].map(workers), [2, 2, 2, 7, 8]);
  assert.is(loadConfig({ machine, flags: { 'listen.workers': 5 } }).listen.workers, 5);
});

test('a full file', () => {
  const config = loadConfig({
    machine,
    file: yaml(`
listen: { port: 7800, max_body: 64MiB }
nodes:
  - url: http://10.0.0.3:7700/
  - { id: b, url: "https://search.internal", group: 1, weight: 2.5 }
replication: { factor: 1, groups: 2 }
sharding: { spread: 1 }
telemetry:
reads:
  timeout_ms:
`),
  });
  assert.is(config.listen.max_body, 67_108_864);
  assert.equal(config.nodes, [
    { id: '10.0.0.3-7700', url: 'http://10.0.0.3:7700', group: 0, weight: 1 },
    { id: 'b', url: 'https://search.internal', group: 1, weight: 2.5 },
  ]);
  assert.is(config.sharding.spread, 1);
  assert.is(config.telemetry.log_level, 'info');
  assert.is(config.reads.timeout_ms, 30_000);
});

test('flags win over variables, variables over the file; empty is unset', () => {
  const file = yaml('listen: { port: 1 }\nreads: { timeout_ms: 5 }\n');
  const env = { MIROIR_LISTEN_PORT: '2', MIROIR_READS_TIMEOUT_MS: '' };
  assert.is(loadConfig({ machine, file }).listen.port, 1);
  assert.is(loadConfig({ machine, file, env }).listen.port, 2);
  assert.is(loadConfig({ machine, file, env }).reads.timeout_ms, 5);
  assert.is(loadConfig({ machine, file, env, flags: { 'listen.port': 3 } }).listen.port, 3);
  assert.is(loadConfig({ machine, file, env, flags: { 'listen.port': undefined } }).listen.port, 2);
});

test('every option can be set by its variable', () => {
  const values: Record<string, [text: string, value: unknown]> = {
    'listen.host': ['::1', '::1'],
    'listen.max_body': ['1GiB', 1024 ** 3],
    'listen.socket_dir': ['/run/m', '/run/m'],
    nodes: ['http://a:1, http://b:2/', undefined],
    'sharding.shards': ['64', 64],
    'sharding.spread': ['3', 3],
    'writes.quorum': ['fixed', 'fixed'],
    'writes.spool_memory': ['4096', 4096],
    'writes.min_copies': ['1', 1],
    'reads.on_missing_shards': ['error', 'error'],
    'anti_entropy.schedule': ['every 30m', 'every 30m'],
    'control.listen': ['127.0.0.1:0', '127.0.0.1:0'],
    'control.address': ['control:7701', 'control:7701'],
    'control.addresses': ['a:1,b:1', ['a:1', 'b:1']],
    'control.engine': ['kubernetes', 'kubernetes'],
    'control.etcd.endpoints': ['http://a:1, https://b:2', ['http://a:1', 'https://b:2']],
    'control.renew_ms': ['1500', 1_500],
    'control.expiry_ms': ['9000', 9_000],
    'control.kubernetes.namespace': ['search', 'search'],
    'control.kubernetes.lease': ['shop', 'shop'],
    'telemetry.log_level': ['debug', 'debug'],
    'telemetry.metrics_host': ['0.0.0.0', '0.0.0.0'],
  };
  let seen = 0;
  for (const { path, env, schema } of configOptions) {
    if (env === undefined) continue;
    seen += 1;
    const boolean = schema.type === 'boolean';
    const number = schema.type === 'integer';
    const [text, value] =
      values[path] ?? (boolean ? ['true', true] : number ? ['1', 1] : ['some_text', 'some_text']);
    const extra =
      path === 'control.insecure' ? { MIROIR_CONTROL_LISTEN: '0.0.0.0:1' } : others(env);
    const config: unknown = loadConfig({ machine, env: { [env]: text, ...extra } });
    const loaded = path
      .split('.')
      .reduce((current, key) => (current as Record<string, unknown>)[key], config);
    if (path === 'nodes')
      assert.equal(
        (loaded as { url: string }[]).map((node) => node.url),
        ['http://a:1', 'http://b:2'],
      );
    else assert.equal(loaded, value, path);
  }
  assert.ok(seen > 30);
});

/** What must be set together with a variable: the other files of a certificate, the other half of a login. */
function others(env: string): Record<string, string> {
  const login = ['USERNAME', 'PASSWORD_FILE'];
  const files = ['CA_FILE', 'CERT_FILE', 'KEY_FILE'];
  for (const [section, names] of [
    ['MIROIR_CONTROL_TLS_', files],
    ['MIROIR_CONTROL_ETCD_', files],
    ['MIROIR_NODE_TLS_', files],
    ['MIROIR_CONTROL_ETCD_', login],
  ] as const) {
    if (!names.some((name) => env === section + name)) continue;
    const rest = names.filter((name) => env !== section + name);
    return Object.fromEntries(rest.map((name) => [section + name, 'x']));
  }
  return {};
}

test('nodes as a list in a variable', () => {
  const env = { MIROIR_NODES: '[{"url":"http://a:1","id":"n1","weight":2}]' };
  assert.equal(loadConfig({ machine, env }).nodes, [
    { id: 'n1', url: 'http://a:1', group: 0, weight: 2 },
  ]);
  assert.match(refusedEnv({ MIROIR_NODES: '[{' }), /^MIROIR_NODES: nodes: not YAML/);
  assert.match(refusedEnv({ MIROIR_NODES: 'a:1' }), /^MIROIR_NODES: nodes\.0\.url: "a:1" is not/);
});

test('unknown keys are refused with line and suggestion', () => {
  assert.is(
    refusedText('listen:\n  prot: 7700\n'),
    '2:3: listen.prot: unknown option, did you mean `listen.port`?',
  );
  assert.is(refusedText('lisen: {}\n'), '1:1: lisen: unknown option, did you mean `listen`?');
  assert.is(refusedText('port: 1\n'), '1:1: port: unknown option, did you mean `listen.port`?');
  assert.is(refusedText('xyzzy: 1\n'), '1:1: xyzzy: unknown option');
  assert.is(
    refusedText('nodes:\n  - url: http://a:1\n    wieght: 2\n'),
    '3:5: nodes.0.wieght: unknown option, did you mean `nodes.0.weight`?',
  );
  assert.match(refusedText('__proto__: { x: 1 }\n'), /__proto__: unknown option/);
  assert.match(refusedText('constructor: 1\n'), /constructor: unknown option/);
  assert.match(
    refusedText('anti_entropy: { updated_at_field: x }\n'),
    /updated_at_field: is not needed: copies are compared by `_miroir_version`/,
  );
});

test('unknown variables are refused, those of Kubernetes are not ours', () => {
  assert.is(
    refusedEnv({ MIROIR_LISTEN_PROT: '1' }),
    'MIROIR_LISTEN_PROT: unknown variable, did you mean `MIROIR_LISTEN_PORT`?',
  );
  loadConfig({
    machine,
    env: {
      MIROIR_MASTER_KEY: 'x',
      MIROIR_SERVICE_HOST: '10.0.0.1',
      MIROIR_CONTROL_PORT: 'tcp://10.0.0.1:7701',
      MIROIR_PORT_7700_TCP_ADDR: '10.0.0.1',
      MIROIR_NOTHING: '',
      PATH: '/bin',
    },
  });
  loadConfig({ machine, env: { MIROIR_AUTH_MASTER_KEY_ENV: 'MIROIR_OTHER', MIROIR_OTHER: 'k' } });
});

test('bad values are refused with what is expected', () => {
  const cases: [text: string, expected: RegExp][] = [
    ['listen: { port: 70000 }', /listen\.port: 70000 is not an integer from 0 to 65535$/],
    ['listen: { port: "7700" }', /listen\.port: "7700" is not an integer/],
    ['listen: { host: localhost }', /listen\.host: "localhost" is not an IP address/],
    ['listen: 7700', /listen: 7700 is not a section/],
    ['listen: { max_body: 100 parsecs }', /max_body: "100 parsecs" is not a size such as 100MB/],
    ['listen: { max_body: -1 }', /max_body: -1 is not a size/],
    ['listen: { max_body: 0 }', /max_body: 0 is not a size/],
    ['listen: { max_body: 0MB }', /max_body: .* is not a size/],
    ['listen: { max_body: 99999999TB }', /max_body: .* is not a size/],
    [`listen: { socket_dir: "/${'x'.repeat(90)}" }`, /socket_dir: .* is not a path/],
    ['nodes: http://a:1', /nodes: "http:\/\/a:1" is not a list/],
    ['nodes: [{ group: 0 }]', /nodes\.0: lacks url/],
    ['nodes: [{ url: "ftp://a" }]', /nodes\.0\.url/],
    ['nodes: [{ url: "http://u:p@a:1" }]', /nodes\.0\.url/],
    ['nodes: [{ url: "http://a:1/path" }]', /nodes\.0\.url/],
    ['nodes: [{ url: "http://a:1", weight: 0 }]', /weight: 0 is not a number above 0/],
    ['nodes: [{ url: "http://a:1", id: "A B" }]', /nodes\.0\.id/],
    ['sharding: { shards: 100 }', /shards: 100 is not one of 1, 2, 4/],
    ['sharding: { spread: some }', /spread: "some" is not one of auto, all or an integer/],
    ['sharding: { spread: 0 }', /spread: 0 is not/],
    ['writes: { quorum: most }', /quorum: "most" is not one of in_sync, fixed/],
    ['anti_entropy: { enabled: "yes" }', /enabled: "yes" is not true or false/],
    ['anti_entropy: { schedule: daily }', /schedule: "daily" is not a text such as `every 6h`/],
    ['telemetry: { log_level: loud }', /log_level: "loud" is not one of trace, debug/],
    ['- 1', /must be a map of sections/],
    ['listen: {', /:1:\d+: not YAML|^1:\d+: not YAML/],
    ['listen: { port: 1 }\nlisten: { port: 2 }', /not YAML: Map keys must be unique/],
  ];
  for (const [text, expected] of cases) assert.match(refusedText(text), expected, text);
  assert.match(
    refusedEnv({ MIROIR_LISTEN_PORT: 'x' }),
    /^MIROIR_LISTEN_PORT: listen\.port: "x" is/,
  );
  assert.match(
    refusal({ flags: { 'listen.port': 'x' } }).message,
    /^command line: listen\.port: "x" is not/,
  );
  assert.match(
    refusal({ file: join(folder, 'absent.yaml') }).message,
    /absent\.yaml: cannot be read/,
  );
});

test('rules between options', () => {
  const two = 'nodes: [{ url: "http://a:1" }, { url: "http://b:1" }]\n';
  const cases: [text: string, expected: RegExp][] = [
    [
      'control: { listen: "0.0.0.0:7701" }',
      /^1:12: control\.listen: other addresses than loopback/,
    ],
    ['nodes: [{ url: "http://a:1" }, { url: "http://a:1/" }]', /nodes\.1\.id: .* nodes\.0/],
    ['nodes: [{ url: "http://a:1" }, { url: "http://a:1/", id: x }]', /nodes\.1\.url/],
    ['nodes: [{ url: "http://a:1", group: 1 }]', /nodes\.0\.group: `replication\.groups` is 1/],
    [`${two}replication: { factor: 3 }`, /replication\.factor: 3 copies need as many nodes/],
    [`${two}replication: { groups: 2 }`, /replication\.groups: 2 groups need nodes.* group 1/],
    ['writes: { min_copies: 2 }', /writes\.min_copies: 2 copies can never be in sync/],
    ['telemetry: { metrics_port: 7700 }', /metrics_port: 7700 is already `listen\.port`/],
    ['control: { listen: "127.0.0.1:7700" }', /control\.listen: port 7700 is already/],
    [
      'control: { addresses: ["a:1", "b:1", "a:1"] }',
      /control\.addresses\.2: `a:1` is there twice/,
    ],
    ['control: { addresses: ["a"] }', /control\.addresses\.0: "a" is not HOST:PORT/],
    ['control: { tls: { ca_file: a, cert_file: b } }', /tls\.key_file: .* go together/],
    ['control: { tls: { cert_file: b, key_file: c } }', /tls\.ca_file: .* go together/],
    ['node_tls: { ca_file: a, key_file: c }', /node_tls\.cert_file: .* go together/],
    ['control: { engine: etcd }', /control\.etcd\.endpoints: the engine `etcd` needs some/],
    ['control: { etcd: { username: a } }', /etcd\.password_file: .* go together/],
    ['control: { etcd: { endpoints: ["a:1"] } }', /etcd\.endpoints\.0: "a:1" is not a URL/],
  ];
  for (const [text, expected] of cases) assert.match(refusedText(text), expected, text);
  const open = 'control: { listen: "0.0.0.0:7701", insecure: true }';
  assert.is(loadConfig({ machine, file: yaml(open) }).control.address, '127.0.0.1:7701');
  const encrypted = '{ ca_file: a, cert_file: b, key_file: c }';
  const listening = `control: { listen: "0.0.0.0:7701", tls: ${encrypted} }`;
  assert.is(loadConfig({ machine, file: yaml(listening) }).control.insecure, false);
  const trusting = 'node_tls: { ca_file: a }';
  assert.is(loadConfig({ machine, file: yaml(trusting) }).node_tls.cert_file, '');
});

test('replicas of control are a list, or the one address there is', () => {
  const addressesOf = (env: Record<string, string>) =>
    loadConfig({ machine, env }).control.addresses;
  assert.equal(addressesOf({ MIROIR_CONTROL_ADDRESS: 'c:1' }), ['c:1']);
  assert.equal(addressesOf({ MIROIR_CONTROL_ADDRESSES: 'c:1, d:2' }), ['c:1', 'd:2']);
  assert.equal(addressesOf({ MIROIR_CONTROL_ADDRESSES: '[::1]:1,[::1]:2' }), [
    '[::1]:1',
    '[::1]:2',
  ]);
  assert.equal(addressesOf({ MIROIR_CONTROL_ADDRESSES: '["c:1", "d:2"]' }), ['c:1', 'd:2']);
});

test('secrets come from file or variable, and never show in an error', () => {
  const { auth } = loadConfig({ machine });
  assert.is(readSecret(auth, 'master_key', { MIROIR_MASTER_KEY: 'abc' }), 'abc');
  assert.throws(() => readSecret(auth, 'master_key', {}), /MIROIR_MASTER_KEY is not set/);
  assert.throws(() => readSecret(auth, 'admin_token', {}), /MIROIR_ADMIN_TOKEN is not set/);
  const file = join(folder, 'key');
  const fromFile = { ...auth, master_key_file: file };
  assert.throws(
    () => readSecret(fromFile, 'master_key', {}),
    /auth\.master_key_file: cannot be read/,
  );
  writeFileSync(file, '  first\n');
  assert.is(readSecret(fromFile, 'master_key', { MIROIR_MASTER_KEY: 'abc' }), 'first');
  writeFileSync(file, 'second');
  assert.is(readSecret(fromFile, 'master_key', {}), 'second');
  writeFileSync(file, 'hidden words\u0007');
  try {
    readSecret(fromFile, 'master_key', {});
    assert.unreachable();
  } catch (error) {
    assert.not.match((error as Error).message, /hidden/);
  }
});

run();
