/**
 * Goal: a connection to control comes to be between parts of one cluster only, each in its role, and renewed
 * certificates are used without a restart.
 * Method: a gRPC server and clients of this process over TCP, certificates made by openssl: right ones, of another
 * authority, of another cluster, of another role, expired, without a name, and none at all.
 */
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import {
  type ChannelCredentials,
  Client,
  credentials as plain,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { ConfigError, loadConfig } from '../../../../core/config/index.ts';
import { channelCredentials, serverCredentials } from '../../../../core/tls/credentials.ts';
import {
  Authority,
  type IssuedFiles,
  opensslMissing,
  type Subject,
} from '../../../kit/certificates.ts';
import { suite } from '../../../kit/suite.ts';

const { testUnless, before, after, run } = suite('tls credentials');
const testTls = (name: string, body: () => void | Promise<void>): void =>
  testUnless(opensslMissing, name, body);

const LOOK_MS = 25;
const METHODS = {
  write: '/miroir.write.v1.WriteService/Begin',
  watch: '/miroir.cluster.v1.ClusterService/Watch',
  replicate: '/miroir.replication.v1.ReplicationService/Follow',
  admin: '/miroir.admin.v1.NodeService/AddNode',
} as const;

let folder = '';
let authority: Authority;
let stranger: Authority;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'miroir-tls-'));
  if (opensslMissing !== undefined) return;
  authority = new Authority(folder, 'ours');
  stranger = new Authority(folder, 'theirs');
});
after(() => rmSync(folder, { recursive: true, force: true }));

type Tls = ReturnType<typeof tlsOf>;

function tlsOf(files: IssuedFiles) {
  return { ...loadConfig({}).control.tls, ...files };
}

const issue = (role: string, more: Subject = {}, from = authority) =>
  tlsOf(from.issue(role, { uri: `miroir://shop/${role}`, ...more }));

const pass = (bytes: Buffer) => bytes;

function definition(path: string): ServiceDefinition {
  const name = path.split('/').at(-1) ?? '';
  const codec = {
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };
  return { [name]: { path, requestStream: false, responseStream: false, ...codec } };
}

/** Credentials that ask nothing of the own certificate. */
function plainServer(tls: Tls): ServerCredentials {
  const pair = { cert_chain: readFileSync(tls.cert_file), private_key: readFileSync(tls.key_file) };
  return ServerCredentials.createSsl(readFileSync(tls.ca_file), [pair], true);
}

/** A server that answers every method. */
async function listen(tls: Tls, given?: ServerCredentials, onProblem = (_: string) => {}) {
  const server = new Server();
  for (const path of Object.values(METHODS)) {
    const service = definition(path);
    const handler = (_: unknown, answer: (error: null, bytes: Buffer) => void): void =>
      answer(null, Buffer.from('served'));
    server.addService(service, Object.fromEntries(Object.keys(service).map((n) => [n, handler])));
  }
  const credentials = given ?? serverCredentials(tls, { onProblem, lookAgainMs: LOOK_MS });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, taken) =>
      error === null ? resolve(taken) : reject(error),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}

/** `served`, or the name of the status. */
function ask(client: Client, path: string = METHODS.watch): Promise<string> {
  const deadline = new Date(Date.now() + 5_000);
  return new Promise((resolve) =>
    client.makeUnaryRequest(path, pass, pass, Buffer.alloc(0), { deadline }, (error, bytes) =>
      resolve(error === null ? String(bytes) : (status[error.code] ?? '')),
    ),
  );
}

/** One call over a connection of its own. */
async function call(port: number, from: Tls | ChannelCredentials, path?: string): Promise<string> {
  const credentials =
    'cert_file' in from ? channelCredentials(from, { lookAgainMs: LOOK_MS }) : from;
  const client = newClient(port, credentials);
  try {
    return await ask(client, path);
  } finally {
    client.close();
  }
}

function newClient(port: number, credentials: ChannelCredentials): Client {
  return new Client(`127.0.0.1:${port}`, credentials, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 50,
  });
}

async function withServer(tls: Tls, body: (port: number) => Promise<void>): Promise<void> {
  const server = await listen(tls);
  try {
    await body(server.port);
  } finally {
    server.close();
  }
}

testTls('each role may call what is meant for it', async () => {
  await withServer(issue('control'), async (port) => {
    const [control, sidecar, cli] = [issue('control'), issue('sidecar'), issue('cli')];
    const table: [Tls, Record<keyof typeof METHODS, string>][] = [
      [sidecar, { write: 'served', watch: 'served', replicate: 'no', admin: 'no' }],
      [cli, { write: 'no', watch: 'served', replicate: 'no', admin: 'served' }],
      [control, { write: 'served', watch: 'served', replicate: 'served', admin: 'served' }],
    ];
    for (const [tls, expected] of table) {
      for (const [name, path] of Object.entries(METHODS)) {
        const wanted = expected[name as keyof typeof METHODS];
        const word = wanted === 'no' ? 'PERMISSION_DENIED' : wanted;
        assert.is(await call(port, tls, path), word, `${tls.cert_file} ${name}`);
      }
    }
  });
});

testTls('callers of another cluster, without a name or a role get nothing', async () => {
  await withServer(issue('control'), async (port) => {
    const other = tlsOf(authority.issue('x', { uri: 'miroir://other/sidecar' }));
    assert.is(await call(port, other), 'UNAVAILABLE');
    const king = issue('king');
    const nameless = tlsOf(authority.issue('x', {}));
    const host = tlsOf(authority.issue('sidecar', { dns: 'sidecar.shop' }));
    for (const tls of [other, king, nameless, host]) {
      const [ca, key, cert] = [tls.ca_file, tls.key_file, tls.cert_file].map((f) =>
        readFileSync(f),
      );
      const careless = { checkServerIdentity: () => undefined };
      for (const path of Object.values(METHODS)) {
        const credentials = plain.createSsl(ca, key, cert, careless);
        assert.is(await call(port, credentials, path), 'PERMISSION_DENIED', tls.cert_file);
      }
    }
  });
});

testTls(
  'callers with an expired certificate, another authority, none, or no TLS get no connection',
  async () => {
    await withServer(issue('control'), async (port) => {
      assert.is(await call(port, issue('sidecar', { isExpired: true })), 'UNAVAILABLE');
      const foreign = { ...issue('sidecar', {}, stranger), ca_file: authority.caFile };
      assert.is(await call(port, foreign), 'UNAVAILABLE');
      const ca = readFileSync(authority.caFile);
      const trusting = { checkServerIdentity: () => undefined };
      assert.is(await call(port, plain.createSsl(ca, null, null, trusting)), 'UNAVAILABLE');
      assert.is(await call(port, plain.createInsecure()), 'UNAVAILABLE');
      assert.is(await call(port, issue('sidecar')), 'served');
    });
  },
);

testTls('a server of the wrong kind is not talked to', async () => {
  const servers: [string, Tls][] = [
    ['sidecar', issue('sidecar')],
    ['other cluster', tlsOf(authority.issue('x', { uri: 'miroir://other/control' }))],
    ['expired', issue('control', { isExpired: true })],
    ['other authority', { ...issue('control', {}, stranger), ca_file: authority.caFile }],
    ['named by host only', tlsOf(authority.issue('x', { ip: '127.0.0.1' }))],
    ['right', issue('control')],
  ];
  for (const [name, tls] of servers) {
    const server = await listen(tls, plainServer(tls));
    const expected = name === 'right' ? 'served' : 'UNAVAILABLE';
    assert.is(await call(server.port, issue('sidecar')), expected, name);
    server.close();
  }
  const open = await listen({ ...loadConfig({}).control.tls });
  assert.is(await call(open.port, issue('sidecar')), 'UNAVAILABLE');
  assert.is(await call(open.port, plain.createInsecure()), 'served');
  open.close();
});

/** Puts the files of one certificate in the place of another's. */
function replace(place: Tls, files: IssuedFiles): void {
  for (const name of ['ca_file', 'cert_file', 'key_file'] as const) put(files[name], place[name]);
}

/** Puts a file in the place of another, at once. */
function put(from: string, to: string): void {
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to);
}

/** Files of their own that may be replaced. */
function placeOf(name: string, files: IssuedFiles): Tls {
  const at = (end: string) => join(folder, `${name}.${end}`);
  const place = tlsOf({ ca_file: at('ca'), cert_file: at('crt'), key_file: at('key') });
  for (const part of ['ca_file', 'cert_file', 'key_file'] as const)
    copyFileSync(files[part], place[part]);
  return place;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const giveUpMs = performance.now() + 25_000;
  while (!(await condition())) {
    if (performance.now() > giveUpMs) throw new Error('it never came to be');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Serial number of the certificate that a server shows. */
function serialOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

testTls('a renewed certificate of the server is shown; open connections go on', async () => {
  const place = placeOf('server', issue('control'));
  await withServer(place, async (port) => {
    const client = newClient(port, channelCredentials(issue('sidecar')));
    assert.is(await ask(client), 'served');
    const before = await serialOf(port);
    replace(place, issue('control'));
    await until(async () => (await serialOf(port)) !== before);
    assert.is(await ask(client), 'served');
    client.close();
    assert.is(await call(port, issue('sidecar')), 'served');
  });
});

testTls('both ends move to another authority while they run', async () => {
  const server = placeOf('moving-server', issue('control'));
  const caller = placeOf('moving-caller', issue('sidecar'));
  await withServer(server, async (port) => {
    const credentials = channelCredentials(caller, { lookAgainMs: LOOK_MS });
    const first = newClient(port, credentials);
    assert.is(await ask(first), 'served');
    replace(server, issue('control', {}, stranger));
    // The old authority is no more: whoever still has its certificate is refused.
    await until(async () => (await call(port, credentials)) === 'UNAVAILABLE');
    replace(caller, issue('sidecar', {}, stranger));
    await until(async () => (await call(port, credentials)) === 'served');
    assert.is(await call(port, issue('sidecar')), 'UNAVAILABLE');
    assert.is(await ask(first), 'served');
    first.close();
  });
});

testTls('files that do not fit are told about once, and the last good ones serve', async () => {
  const place = placeOf('broken', issue('control'));
  const problems: string[] = [];
  const server = await listen(place, undefined, (words) => problems.push(words));
  const other = issue('control');
  put(other.key_file, place.key_file);
  await until(async () => problems.length > 0);
  assert.match(problems[0] ?? '', /^control\.tls: these files cannot be used together/);
  assert.not.match(problems[0] ?? '', /BEGIN/);
  assert.is(await call(server.port, issue('sidecar')), 'served');
  rmSync(place.cert_file);
  await until(async () => problems.length > 1);
  assert.match(problems[1] ?? '', /control\.tls\.cert_file: cannot be read/);
  assert.is(await call(server.port, issue('sidecar')), 'served');
  const serial = await serialOf(server.port);
  put(other.cert_file, place.cert_file);
  await until(async () => (await serialOf(server.port)) !== serial);
  assert.is(problems.length, 2);
  server.close();
});

testTls('files that cannot be used stop the start, in one line', () => {
  const good = issue('control');
  const garbage = join(folder, 'garbage');
  writeFileSync(garbage, 'hello');
  const refusedAsServer = { ...good, ...issue('sidecar') };
  assert.throws(
    () => serverCredentials(refusedAsServer),
    /control\.tls\.cert_file: .* that of sidecar, not of control/,
  );
  const nameless = authority.issue('x', { dns: 'control.shop' });
  for (const [changes, words] of [
    [nameless, /^control\.tls\.cert_file: the certificate names no part of Miroir/],
    [{ cert_file: join(folder, 'absent') }, /^control\.tls\.cert_file: cannot be read: /],
    [{ key_file: garbage }, /^control\.tls: these files cannot be used together/],
    [{ key_file: issue('control').key_file }, /^control\.tls: these files cannot be used together/],
  ] as const) {
    for (const make of [serverCredentials, channelCredentials]) {
      try {
        make({ ...good, ...changes });
        assert.unreachable();
      } catch (error) {
        assert.instance(error, ConfigError);
        assert.match((error as Error).message, words);
        assert.not.match((error as Error).message, /\n/);
      }
    }
  }
});

run();
