/**
 * Goal: the programs start with what the chart gives them, configuration, variables, files and arguments, and
 * what its probes, its context of miroirctl and its way to more replicas ask for is there.
 * Method: a sample with two replicas of control, an etcd that asks for a password, certificates for every part and
 * nodes that are checked; the pods' paths, names and ports are exchanged for those of this machine, nothing else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { runCli } from '../../../control/cli/run.ts';
import { freePort } from '../../../envoy/start/ports.ts';
import { type RunningEngine, startEngine } from '../../engine/index.ts';
import { helmGolden } from '../../generators/helm.ts';
import { Authority, type IssuedFiles, opensslMissing } from '../../kit/certificates.ts';
import { EtcdProcess } from '../../kit/etcd.ts';
import { buildRoot } from '../../kit/paths.ts';
import { suite } from '../../kit/suite.ts';
import { fakeIo } from '../control/cli/fake-io.ts';
import { until as untilSoon } from '../control/control-cluster.ts';
import {
  type Container,
  envOf,
  type Manifest,
  manifestsOf,
  type PodSpec,
  the,
} from './manifests.ts';

const MINUTE = 60_000;
const SAMPLE = 'etcd-secrets';
const NAME = 'search-miroir-control';
const KEY = 'a-key-of-sixteen-bytes';
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

const { testUnless, before, after, run } = suite('programs in the chart');
const root = mkdtempSync(join(tmpdir(), 'miroir-chart-'));
const objects = manifestsOf(SAMPLE);
const nodes: RunningEngine[] = [];
const children: ChildProcess[] = [];
/** Of each replica's address in the chart. */
const ports = new Map<string, number>();
let authority: Authority;
let etcd: EtcdProcess;

/** A pod on this machine: its files, and what its container is started with. */
interface Pod {
  readonly folder: string;
  readonly metricsPort: number;
  readonly env: Record<string, string>;
  readonly args: readonly string[];
}

before(async () => {
  if (opensslMissing !== undefined) return;
  authority = new Authority(root, 'ours');
  etcd = await EtcdProcess.start();
  await protectEtcd();
  for (let at = 0; at < 2; at += 1) nodes.push(await startEngine({ masterKey: KEY }));
  for (const address of addressesOf(2)) ports.set(address, await freePort());
}, 2 * MINUTE);

after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(nodes.map((node) => node.close()));
  await etcd?.remove();
  rmSync(root, { recursive: true, force: true });
}, MINUTE);

const addressesOf = (count: number) =>
  Array.from({ length: count }, (_, at) => `${NAME}-${at}.${NAME}.default.svc:7701`);

/** As docs/operations/engines.md has it. */
async function protectEtcd(): Promise<void> {
  const call = async (path: string, body: object) => {
    const answer = await fetch(`${etcd.url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    assert.is(answer.status, 200, path);
  };
  for (const [name, role] of [['root', 'root'] as const, ['miroir', 'miroir'] as const]) {
    await call('/v3/auth/user/add', { name, password: 'etcd-password' });
    await call('/v3/auth/role/add', { name: role });
    await call('/v3/auth/user/grant', { user: name, role });
  }
  const key = Buffer.from(parse(helmGolden(SAMPLE)).control.etcd.key).toString('base64');
  await call('/v3/auth/role/grant', { name: 'miroir', perm: { permType: 'READWRITE', key } });
  await call('/v3/auth/enable', {});
}

/** Puts files and variables of a pod's container where they can be on this machine. */
async function makePod(kind: string, podName: string, replicaCount: number): Promise<Pod> {
  const spec = the(objects, kind)['spec'].template.spec as PodSpec;
  const program = spec.containers.find(({ args }) => /main\.js$/.test(args[0] ?? '')) as Container;
  const folder = join(root, podName);
  const metricsPort = await freePort();
  const here = (text: string): string => {
    let moved = text.replaceAll(/(?<![\w.-])\/(etc|var\/lib|run)\/miroir/g, `${folder}/$1/miroir`);
    for (const [address, port] of ports) moved = moved.replaceAll(address, `127.0.0.1:${port}`);
    return moved;
  };
  const config = parse(here(helmGolden(SAMPLE)));
  const own = ports.get(`${podName}.${NAME}.default.svc:7701`) ?? 0;
  config.control.listen = `127.0.0.1:${own}`;
  config.control.addresses = config.control.addresses.slice(0, replicaCount);
  config.control.etcd.endpoints = [etcd.url];
  config.nodes = nodes.map(({ url }, at) => ({ id: `n${at}`, url }));
  config.telemetry = { ...config.telemetry, metrics_host: '127.0.0.1', metrics_port: metricsPort };
  config.listen = { ...config.listen, host: '127.0.0.1', port: 0 };
  for (const { mountPath } of program.volumeMounts) {
    if (mountPath !== '/tmp') mkdirSync(here(mountPath), { recursive: true });
  }
  const part = kind === 'StatefulSet' ? 'control' : 'sidecar';
  const contexts = here((the(objects, 'ConfigMap') as Manifest)['data']['contexts.yaml']);
  const texts = {
    'etc/miroir/miroir.yaml': JSON.stringify(config),
    'etc/miroir/miroir/contexts.yaml': contexts,
    'etc/miroir-etcd/password': 'etcd-password\n',
  };
  for (const [file, text] of Object.entries(texts)) put(join(folder, file), text);
  putCertificate(folder, 'miroir-tls', authority.issue(part, { uri: `miroir://shop/${part}` }));
  putCertificate(folder, 'miroir-node-tls', authority.issue('nodes', {}));
  putCertificate(folder, 'miroir-etcd-tls', authority.issue('etcd', {}));
  const env = envOf(program, podName, KEY);
  for (const [name, value] of Object.entries(env)) env[name] = here(value);
  if (env['MIROIR_CONTROL_ETCD_USERNAME'] !== undefined)
    env['MIROIR_CONTROL_ETCD_USERNAME'] = 'miroir';
  return { folder, metricsPort, env, args: program.args.map(here) };
}

function put(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** As a Secret is mounted. */
function putCertificate(folder: string, name: string, files: IssuedFiles): void {
  const place = join(folder, 'etc', name);
  mkdirSync(place, { recursive: true });
  copyFileSync(files.ca_file, join(place, 'ca.crt'));
  copyFileSync(files.cert_file, join(place, 'tls.crt'));
  copyFileSync(files.key_file, join(place, 'tls.key'));
}

/** Starts the container's program, with the variables that it has in its pod and no others. */
function start({ args, env }: Pod): { child: ChildProcess; words: () => string } {
  const [program = '', ...others] = args;
  const child = spawn(process.execPath, [join(buildRoot, '..', program), ...others], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, PATH: process.env['PATH'] ?? '' },
  });
  children.push(child);
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      words += chunk.toString();
    });
  }
  return { child, words: () => words };
}

async function probe({ metricsPort }: Pod, path: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}${path}`).catch(() => undefined);
  await answer?.text();
  return answer?.status ?? 0;
}

/** miroirctl as `kubectl exec` starts it in the pod. */
async function miroirctl({ env, folder }: Pod, line: string): Promise<string> {
  const io = fakeIo({ cwd: folder, home: folder, env, isRealTime: true });
  await runCli(line.split(' '), io);
  return io.out() + io.err();
}

testUnless(
  opensslMissing,
  'replicas and a sidecar get ready, one after the other, and miroirctl sees them',
  async () => {
    const first = await makePod('StatefulSet', `${NAME}-0`, 1);
    const running = start(first);
    await until(
      async () => (await probe(first, '/readyz')) === 200 || running.child.exitCode !== null,
    );
    assert.is(await probe(first, '/livez'), 200, running.words());
    const gateway = await makePod('Deployment', 'gateway', 2);
    const sidecar = start(gateway);
    await until(
      async () => (await probe(gateway, '/readyz')) === 200 || sidecar.child.exitCode !== null,
    );
    assert.is(sidecar.child.exitCode, null, sidecar.words());

    // More replicas: the new one is not waited for until it is added, then until it is in-sync.
    const second = await makePod('StatefulSet', `${NAME}-1`, 2);
    const joined = start(second);
    await until(
      async () => (await probe(second, '/readyz')) === 200 || joined.child.exitCode !== null,
    );
    assert.is(joined.child.exitCode, null, joined.words());
    const ended = new Promise((resolve) => running.child.once('exit', resolve));
    running.child.kill('SIGTERM');
    assert.is(await ended, 0, running.words());
    const again = await makePod('StatefulSet', `${NAME}-0`, 2);
    const restarted = start(again);
    await until(async () => (await probe(again, '/readyz')) === 200);
    const address = JSON.parse(readFileSync(join(second.folder, 'etc/miroir/miroir.yaml'), 'utf8'))
      .control.listen;
    assert.match(await miroirctl(again, `control add ${address} ${address}`), 'is added');
    await until(async () => /follower +yes/.test(await miroirctl(again, 'control')));
    // It reads itself what the leader has written.
    await until(async () => (await probe(second, '/readyz')) === 200);
    assert.match(await miroirctl(second, 'status'), /^green/i);
    assert.is(restarted.child.exitCode, null);
  },
  4 * MINUTE,
);

run();
