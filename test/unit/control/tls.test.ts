/**
 * Goal: control as a process and a sidecar's side of it work over encrypted connections as over open ones, to nodes
 * with https URLs too; and a sidecar without the right certificate gets nothing.
 * Method: the control program with certificates by openssl, stand-in nodes behind something that ends their TLS.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../core/config/index.ts';
import { createLogger } from '../../../core/telemetry/index.ts';
import type { NodeId } from '../../../core/types.ts';
import { Cluster } from '../../../sidecar/cluster/index.ts';
import { type RunningEngine, startEngine } from '../../engine/index.ts';
import { Authority, type IssuedFiles, opensslMissing } from '../../kit/certificates.ts';
import { suite } from '../../kit/suite.ts';
import { until } from './control-cluster.ts';
import { type ControlProcess, controlFolder, MASTER_KEY, startProcess } from './control-kit.ts';

const { testUnless, before, after, run } = suite('control over TLS');

const folder = mkdtempSync(join(tmpdir(), 'miroir-control-tls-'));
const control = controlFolder();
const closing: (() => Promise<unknown>)[] = [];
let authority: Authority;
let node: RunningEngine;
let front: Server;
let nodeUrl = '';

before(async () => {
  if (opensslMissing !== undefined) return;
  authority = new Authority(folder, 'ours');
  node = await startEngine({ masterKey: MASTER_KEY });
  front = startFront(new URL(node.url), authority.issue('node', { ip: '127.0.0.1' }));
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  nodeUrl = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
});

after(async () => {
  for (const close of closing) await close();
  front?.close();
  await node?.close();
  control.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Ends TLS in front of a node. */
function startFront(target: URL, files: IssuedFiles): Server {
  const own = { cert: readFileSync(files.cert_file), key: readFileSync(files.key_file) };
  return createServer(own, (socket) => {
    const inner = connect(Number(target.port), target.hostname);
    socket.pipe(inner).pipe(socket);
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
  });
}

const section = (files: IssuedFiles) =>
  `tls: {ca_file: ${files.ca_file}, cert_file: ${files.cert_file}, key_file: ${files.key_file}}`;

async function startControl(files: IssuedFiles): Promise<ControlProcess> {
  const names = { CA_FILE: 'ca_file', CERT_FILE: 'cert_file', KEY_FILE: 'key_file' } as const;
  for (const [variable, name] of Object.entries(names)) {
    process.env[`MIROIR_CONTROL_TLS_${variable}`] = files[name];
  }
  control.writeConfig([{ id: 'n1', url: nodeUrl }], `node_tls: {ca_file: ${authority.caFile}}`);
  const started = await startProcess(control);
  closing.push(() => started.stop());
  return started;
}

async function startSidecar(address: string, tls: string): Promise<Cluster> {
  const file = join(folder, `sidecar-${closing.length}.yaml`);
  writeFileSync(
    file,
    `listen: {socket_dir: ${mkdtempSync(join(folder, 's'))}}
nodes: [{id: n1, url: "${nodeUrl}"}]
node_tls: {ca_file: ${authority.caFile}}
control: {address: "${address}", ${tls}}
`,
  );
  const cluster = await Cluster.start(loadConfig({ file }), 0, createLogger('test', 'silent'));
  closing.unshift(() => cluster.close());
  return cluster;
}

testUnless(opensslMissing, 'a sidecar follows control, and both reach the node', async () => {
  const process = await startControl(authority.issue('control', { uri: 'miroir://shop/control' }));
  assert.ok(process.address, process.stderr());
  const right = authority.issue('sidecar', { uri: 'miroir://shop/sidecar' });
  const sidecar = await startSidecar(process.address, section(right));
  await until(() => sidecar.view !== undefined && sidecar.isFollowing);
  const id = 'n1' as NodeId;
  await until(() => sidecar.nodes.isConfirmed(id));
  const call = { method: 'GET', path: '/health', headers: {}, deadlineMs: 5_000 } as const;
  assert.is((await sidecar.nodes.call(id, call)).kind, 'answered');
  const other = authority.issue('sidecar', { uri: 'miroir://other/sidecar' });
  for (const tls of [section(other), 'tls: {}']) {
    const refused = await startSidecar(process.address, tls);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.is(refused.view, undefined);
  }
  assert.ok(sidecar.isFollowing);
});

run();
