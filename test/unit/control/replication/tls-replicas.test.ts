/**
 * Goal: several replicas, sidecars and miroirctl work over encrypted connections as over open ones: each lets in
 * whom it should, and certificates and authorities are replaced while all goes on.
 * Method: three processes of control and a real etcd, certificates by openssl, the credentials of the programs.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type ChannelCredentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { runCli } from '../../../../control/cli/run.ts';
import { loadConfig } from '../../../../core/config/index.ts';
import { createLogger } from '../../../../core/telemetry/index.ts';
import { channelCredentials } from '../../../../core/tls/credentials.ts';
import { AuditServiceClient } from '../../../../proto/gen/miroir/admin/v1/audit.ts';
import { ReplicationServiceClient } from '../../../../proto/gen/miroir/replication/v1/replication.ts';
import { WriteServiceClient } from '../../../../proto/gen/miroir/write/v1/write.ts';
import { Cluster } from '../../../../sidecar/cluster/index.ts';
import { Authority, type IssuedFiles, opensslMissing } from '../../../kit/certificates.ts';
import { suite } from '../../../kit/suite.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { until as untilSoon } from '../control-cluster.ts';
import { ADMIN_TOKEN, unary } from '../control-kit.ts';
import { type ReplicaProcess, ReplicaProcesses, readinessOf } from './replica-processes.ts';

const MINUTE = 60_000;
const CALL_MS = 5_000;
/** Programs look at their certificates once a second. */
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

const { testUnless, run, before, after } = suite('control replicas over TLS');
const folder = mkdtempSync(join(tmpdir(), 'miroir-tls-'));
let ours: Authority;
let theirs: Authority;
let cluster: ReplicaProcesses;
let leader: ReplicaProcess;
const written: number[] = [];

before(async () => {
  if (opensslMissing !== undefined) return;
  ours = new Authority(folder, 'ours');
  theirs = new Authority(folder, 'theirs');
  const sidecar = credentialsOf(ours, 'sidecar');
  cluster = new ReplicaProcesses({ tls: { filesOf, sidecar } });
  // Each replica reads files of its own, which are replaced under it.
  await cluster.start(3);
  leader = await cluster.leader();
  await until(async () => (await cluster.inSync()) === 3);
}, 3 * MINUTE);

after(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 3 * MINUTE);

/** Where a replica's certificate lies; made when it is asked for first. */
function filesOf(one: ReplicaProcess): IssuedFiles {
  const place = join(folder, basename(one.folder.path));
  const files = {
    ca_file: join(place, 'ca.crt'),
    cert_file: join(place, 'tls.crt'),
    key_file: join(place, 'tls.key'),
  };
  if (mkdirSync(place, { recursive: true }) !== undefined) putFiles(files, ours);
  return files;
}

/** Replaces the files of a replica, one after the other. */
function putFiles(files: IssuedFiles, authority: Authority, trusted = [authority]): void {
  const made = authority.issue('control', { uri: 'miroir://shop/control' });
  putTrusted(files, trusted);
  copyFileSync(made.cert_file, files.cert_file);
  copyFileSync(made.key_file, files.key_file);
}

function putTrusted(files: IssuedFiles, trusted: readonly Authority[]): void {
  writeFileSync(files.ca_file, Buffer.concat(trusted.map(({ caFile }) => readFileSync(caFile))));
}

function credentialsOf(authority: Authority, role: string, shop = 'shop'): ChannelCredentials {
  return channelCredentials(authority.issue(role, { uri: `miroir://${shop}/${role}` }));
}

/** Code and words with which a call ends; OK if it is answered. */
async function ended(
  call: (answer: (error: Error | null, response: unknown) => void) => unknown,
): Promise<{ readonly code: number; readonly words: string }> {
  try {
    await unary(call);
    return { code: status.OK, words: '' };
  } catch (error) {
    const { code = -1, details = '' } = error as Partial<ServiceError>;
    return { code, words: details };
  }
}

const deadline = () => ({ deadline: Date.now() + CALL_MS });

/** Asks for the audit, with the admin token if wanted. */
async function readAudit(own: ChannelCredentials, token?: string) {
  const client = new AuditServiceClient(leader.address, own);
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  try {
    return await ended((answer) =>
      client.listAuditEntries({} as never, metadata, deadline(), answer as never),
    );
  } finally {
    client.close();
  }
}

async function renewLease(own: ChannelCredentials) {
  const client = new WriteServiceClient(leader.address, own);
  try {
    const request = { sidecarId: 'a', seqs: [] };
    return await ended((answer) =>
      client.renew(request, new Metadata(), deadline(), answer as never),
    );
  } finally {
    client.close();
  }
}

/** How a stream of replication ends for this caller. */
async function replicate(own: ChannelCredentials): Promise<number> {
  const client = new ReplicationServiceClient(leader.address, own);
  try {
    return await new Promise((resolve) => {
      const stream = client.exchange(deadline());
      stream.on('error', (error: ServiceError) => resolve(error.code));
      stream.on('data', () => resolve(status.OK));
      stream.on('end', () => resolve(status.OK));
    });
  } finally {
    client.close();
  }
}

async function miroirctl(line: string, files: IssuedFiles) {
  const io = fakeIo({ isRealTime: true });
  const tls = ['--ca', files.ca_file, '--cert', files.cert_file, '--key', files.key_file];
  const addresses = cluster.replicas.map(({ address }) => address).join(',');
  const code = await runCli([...line.split(' '), '--control', addresses, ...tls], io);
  return { code, words: io.out() + io.err() };
}

async function write(): Promise<void> {
  leader = await cluster.leader();
  const sidecar = cluster.sidecar(leader);
  written.push(await sidecar.write('cars', [{ id: written.length }]));
  for (const uid of written) assert.is((await sidecar.finished(uid)).status, 'succeeded');
}

testUnless(
  opensslMissing,
  'replicas agree, a sidecar writes and follows, miroirctl sees all',
  async () => {
    await write();
    const files = ours.issue('sidecar', { uri: 'miroir://shop/sidecar' });
    const file = join(folder, 'sidecar.yaml');
    const addresses = cluster.replicas.map(({ address }) => address);
    const nodes = Object.entries(cluster.nodeUrls()).map(([id, url]) => ({ id, url }));
    const listen = { socket_dir: mkdtempSync(join(folder, 's')) };
    const control = { address: addresses[0], addresses, tls: files };
    writeFileSync(file, JSON.stringify({ listen, nodes, control }));
    const sidecar = await Cluster.start(loadConfig({ file }), 0, createLogger('test', 'silent'));
    try {
      await until(() => sidecar.isFollowing && sidecar.view !== undefined);
    } finally {
      await sidecar.close();
    }
    const person = ours.issue('cli', { uri: 'miroir://shop/cli' });
    const { code, words } = await miroirctl('control', person);
    assert.is(code, 0, words);
    assert.is(words.match(/ yes /g)?.length, 3, words);
  },
  2 * MINUTE,
);

testUnless(
  opensslMissing,
  'each certificate opens what its part needs, and nothing else',
  async () => {
    leader = await cluster.leader();
    const [person, sidecar, replica] = ['cli', 'sidecar', 'control'].map((role) =>
      credentialsOf(ours, role),
    ) as [ChannelCredentials, ChannelCredentials, ChannelCredentials];
    // A person needs no token besides, a sidecar is not let in with one.
    assert.is((await readAudit(person)).code, status.OK);
    const refused = await readAudit(sidecar, ADMIN_TOKEN);
    assert.is(refused.code, status.PERMISSION_DENIED);
    assert.match(refused.words, 'that of sidecar');
    assert.is((await readAudit(replica)).code, status.UNAUTHENTICATED);
    assert.is((await readAudit(replica, ADMIN_TOKEN)).code, status.OK);
    assert.is((await renewLease(sidecar)).code, status.OK);
    assert.is((await renewLease(person)).code, status.PERMISSION_DENIED);
    for (const other of [person, sidecar]) {
      assert.is(await replicate(other), status.PERMISSION_DENIED);
    }
    // Of this authority, but of another cluster: neither end takes the other.
    assert.is((await readAudit(credentialsOf(ours, 'cli', 'other'))).code, status.UNAVAILABLE);
    // Of another authority.
    for (const role of ['cli', 'sidecar', 'control']) {
      const stranger = theirs.issue(role, { uri: `miroir://shop/${role}` });
      const own = channelCredentials({ ...stranger, ca_file: ours.caFile });
      assert.is((await readAudit(own, ADMIN_TOKEN)).code, status.UNAVAILABLE, role);
    }
  },
  2 * MINUTE,
);

testUnless(
  opensslMissing,
  'a replica with a certificate of another authority stays out, until its files are right',
  async () => {
    leader = await cluster.leader();
    const stranger = cluster.replicas.find((one) => one !== leader) as ReplicaProcess;
    await cluster.end(stranger, 'SIGTERM');
    putFiles(filesOf(stranger), theirs, [ours, theirs]);
    await cluster.begin(stranger);
    await until(async () => (await cluster.inSync()) === 2);
    await write();
    await until(async () => (await readinessOf(stranger)) === '503 it is not in-sync');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    assert.is(await cluster.inSync(), 2);
    putFiles(filesOf(stranger), ours);
    await until(async () => (await cluster.inSync()) === 3);
    await until(async () => (await readinessOf(stranger)) === '200 ok');
    await write();
  },
  2 * MINUTE,
);

testUnless(
  opensslMissing,
  'the authority is changed under running replicas: links made anew use what is new',
  async () => {
    leader = await cluster.leader();
    for (const one of cluster.replicas) putTrusted(filesOf(one), [ours, theirs]);
    await settled();
    for (const one of cluster.replicas) putFiles(filesOf(one), theirs, [ours, theirs]);
    await settled();
    // One that trusts the new authority alone begins: the others show it what they were given meanwhile.
    const anew = cluster.replicas.find((one) => one !== leader) as ReplicaProcess;
    await cluster.end(anew, 'SIGTERM');
    putTrusted(filesOf(anew), [theirs]);
    await until(async () => (await cluster.inSync()) === 2);
    await cluster.begin(anew);
    await until(async () => (await cluster.inSync()) === 3);
    await until(async () => (await readinessOf(anew)) === '200 ok');
    // Sidecars of the old authority are served by those that still trust it.
    await write();
  },
  2 * MINUTE,
);

/** Every replica has looked at its files since. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.is(await cluster.inSync(), 3);
}

run();
