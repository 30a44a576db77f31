/**
 * Goal: the data folder is private, its secrets are made once, its sockets fit into a socket address, and
 * only one starter uses it at a time.
 * Method: real folders, and real processes as holders of the lock.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../../core/config/index.ts';
import {
  checkRecord,
  keptSecret,
  openDataFolder,
  readRecord,
  removeLeftovers,
} from '../../../../envoy/start/data-folder.ts';
import { takeLock } from '../../../../envoy/start/lock.ts';
import { removeRunFile, writeRunFile } from '../../../../envoy/start/run-file.ts';
import { findSecret, requireGivenKey } from '../../../../envoy/start/secrets.ts';
import { ownNodes, partsConfig, userConfig } from '../../../../envoy/start/settings.ts';
import { suite } from '../../../kit/suite.ts';

const { test, before, after, run } = suite('start: data folder');
let root = '';

before(() => {
  root = mkdtempSync(join(tmpdir(), 'miroir-folder-'));
});
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const fresh = () => openDataFolder(mkdtempSync(join(root, 'd-')));
const mode = (path: string) => statSync(path).mode & 0o777;

test('sockets lie near, or in a short folder if the path is long', () => {
  const near = fresh();
  assert.is(near.socketDir, join(near.path, 'sockets'));
  assert.is(mode(near.socketDir), 0o700);
  const long = join(root, 'x'.repeat(100));
  const far = openDataFolder(long);
  assert.ok(Buffer.byteLength(`${far.socketDir}/envoy-admin.sock`) < 108);
  assert.is(mode(far.socketDir), 0o700);
  assert.is(openDataFolder(long).socketDir, far.socketDir);
  removeLeftovers(far);
  assert.not.ok(existsSync(far.socketDir));
  const file = join(root, 'a-file');
  writeFileSync(file, '');
  assert.throws(() => openDataFolder(join(file, 'data')), /data folder .* cannot be used: ENOTDIR/);
});

test('secrets are made once and kept for the user alone', () => {
  const folder = fresh();
  const first = keptSecret(folder, 'master-key');
  assert.match(first.text, /^[\w-]{43}$/);
  assert.is(keptSecret(folder, 'master-key').text, first.text);
  assert.is(mode(first.file), 0o600);
  assert.is.not(keptSecret(folder, 'admin-token').text, first.text);
});

test('a given secret wins over the kept one', () => {
  const folder = fresh();
  const { auth } = loadConfig({});
  const given = findSecret(auth, 'master_key', { env: { MIROIR_MASTER_KEY: 'given' }, folder });
  assert.equal(given, { text: 'given', file: null });
  const kept = findSecret(auth, 'master_key', { env: { MIROIR_MASTER_KEY: '' }, folder });
  assert.is(kept.file, join(folder.path, 'master-key'));
  assert.throws(() => requireGivenKey(auth, {}), /the nodes are given by url.*MIROIR_MASTER_KEY/);
  requireGivenKey(auth, { MIROIR_MASTER_KEY: 'given' });
});

test('data of another kind or of more nodes is not touched', () => {
  const folder = fresh();
  assert.is(readRecord(folder), undefined);
  checkRecord(folder, { kind: 'stand-in', node_count: 3 });
  checkRecord(folder, { kind: 'stand-in', node_count: 4 });
  assert.throws(() => checkRecord(folder, { kind: 'meilisearch', node_count: 4 }), /--data/);
  assert.throws(() => checkRecord(folder, { kind: 'stand-in', node_count: 3 }), /--nodes 4/);
  assert.equal(readRecord(folder), { kind: 'stand-in', node_count: 4 });
  writeFileSync(join(folder.path, 'made-by.json'), '{');
  assert.throws(() => readRecord(folder), /made-by\.json cannot be read/);
});

test('replicas of control keep their number and their addresses', async () => {
  const folder = fresh();
  const given = userConfig({ port: 7 }, {});
  const first = await partsConfig(given, folder, { control: 3 });
  const { addresses, engine, etcd } = first.control;
  assert.is(new Set([...addresses, ...etcd.endpoints]).size, 4);
  assert.is(engine, 'etcd');
  assert.is(first.control.address, addresses[0]);
  checkRecord(folder, { kind: 'stand-in', node_count: 3, control_addresses: addresses });
  const wish = { control: 3, controlAddresses: readRecord(folder)?.control_addresses };
  const second = await partsConfig(given, folder, wish);
  assert.equal(second.control.addresses, addresses);
  const one = { kind: 'stand-in', node_count: 3 } as const;
  assert.throws(() => checkRecord(folder, one), /with 3 replicas of control: .*--control 3/);
  const alone = fresh();
  checkRecord(alone, one);
  const many = { ...one, control_addresses: addresses };
  assert.throws(() => checkRecord(alone, many), /with 1 replica of control: .*--control 1/);
  const own = userConfig(
    { port: 7 },
    { MIROIR_CONTROL_ENGINE: 'etcd', MIROIR_CONTROL_ETCD_ENDPOINTS: 'http://e:1' },
  );
  assert.equal((await partsConfig(own, fresh(), { control: 2 })).control.etcd.endpoints, [
    'http://e:1',
  ]);
});

test('one starter at a time; a dead one does not stand in the way', async () => {
  const { path } = fresh();
  const lock = await takeLock(path);
  lock.noteGuard(undefined);
  assert.is(readFileSync(join(path, 'start.lock'), 'utf8').trim(), String(process.pid));
  lock.release();
  writeFileSync(join(path, 'start.lock'), '999999999\n');
  (await takeLock(path)).release();
  const holder = spawn('/bin/sleep', ['30']);
  writeFileSync(join(path, 'start.lock'), `${holder.pid}\n`);
  // Alive, but no starter: the number was given to another program.
  (await takeLock(path)).release();
  const guardian = spawn('/bin/sleep', ['0.5']);
  writeFileSync(join(path, 'start.lock'), `999999999 ${guardian.pid}\n`);
  const startedAtMs = Date.now();
  (await takeLock(path)).release();
  assert.ok(Date.now() - startedAtMs > 300);
  holder.kill();
});

test('run.json is private, and only its writer removes it', () => {
  const file = join(root, 'run.json');
  const content = { pid: process.pid } as Parameters<typeof writeRunFile>[1];
  writeRunFile(file, content);
  assert.is(mode(file), 0o600);
  writeRunFile(file, { ...content, pid: 1 });
  removeRunFile(file);
  assert.ok(existsSync(file));
  writeRunFile(file, content);
  removeRunFile(file);
  assert.not.ok(existsSync(file));
  removeRunFile(file);
});

test('nodes and configuration of the parts', async () => {
  const given = userConfig({ port: 7, rf: 2, groups: 2, spread: 'all' }, {});
  const nodes = await ownNodes(given, undefined);
  assert.equal(
    nodes.map(({ id, group }) => [id, group]),
    [
      ['node-0', 0],
      ['node-1', 1],
      ['node-2', 0],
      ['node-3', 1],
    ],
  );
  assert.is(new Set(nodes.map(({ url }) => url)).size, 4);
  const folder = fresh();
  const config = await partsConfig(userConfig({ port: 7, rf: 2, groups: 2 }, {}, nodes), folder);
  const file = join(root, 'config.json');
  writeFileSync(file, JSON.stringify(config));
  // What the parts read is what the starter meant.
  assert.equal(loadConfig({ file }), config);
  assert.is(config.listen.socket_dir, folder.socketDir);
  assert.match(config.control.listen, /^127\.0\.0\.1:\d+$/);
  assert.is(config.control.address, config.control.listen);
});

run();
