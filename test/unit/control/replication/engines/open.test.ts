/**
 * Goal: the configuration gives the engine it names, and says in one line what is missing for it.
 * Method: configurations and folders as a pod has them; certificates made by openssl.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { EtcdEngine } from '../../../../../control/replication/engines/etcd.ts';
import { type EngineParts, openEngine } from '../../../../../control/replication/engines/index.ts';
import { LocalEngine } from '../../../../../control/replication/engines/local.ts';
import { ConfigError, loadConfig } from '../../../../../core/config/index.ts';
import { Authority, opensslMissing } from '../../../../kit/certificates.ts';
import { LeaseServer } from '../../../../kit/lease-server.ts';
import { suite } from '../../../../kit/suite.ts';
import { never, nonceOf, recordOf } from './contract.ts';

const { test, testUnless, before, after, run } = suite('engine: by its name');

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'miroir-account-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const control = (env: Record<string, string>) => loadConfig({ env }).control;

function parts(changes: Partial<EngineParts> = {}): EngineParts {
  let bytes: Uint8Array | undefined;
  return {
    place: {
      get: () => bytes,
      put: async (given) => {
        bytes = given;
      },
    },
    callTimeoutMs: 2_000,
    expiryMs: 6_000,
    env: {},
    wallMs: () => 0,
    onProblem: () => {},
    ...changes,
  };
}

function refusal(env: Record<string, string>, changes: Partial<EngineParts> = {}): string {
  try {
    openEngine(control(env), parts(changes));
  } catch (error) {
    assert.instance(error, ConfigError);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

test('local is the default', async () => {
  const engine = openEngine(control({}), parts());
  assert.instance(engine, LocalEngine);
  await engine.cas(null, recordOf('n1'), never);
  assert.is(await nonceOf(engine), 'n1');
});

test('etcd', async () => {
  const env = {
    MIROIR_CONTROL_ENGINE: 'etcd',
    MIROIR_CONTROL_ETCD_ENDPOINTS: 'http://127.0.0.1:9',
  };
  const engine = openEngine(control(env), parts());
  assert.instance(engine, EtcdEngine);
  const read = await engine.read(never);
  assert.ok(read.kind === 'failed');
  assert.match(read.reason, /ECONNREFUSED/);
  await engine.close();
  const secure = {
    MIROIR_CONTROL_ENGINE: 'etcd',
    MIROIR_CONTROL_ETCD_ENDPOINTS: 'https://127.0.0.1:9',
    MIROIR_CONTROL_ETCD_CA_FILE: join(folder, 'absent.crt'),
  };
  assert.match(refusal(secure), /^control\.etcd\.ca_file: cannot be read/);
  const login = {
    ...env,
    MIROIR_CONTROL_ETCD_USERNAME: 'miroir',
    MIROIR_CONTROL_ETCD_PASSWORD_FILE: join(folder, 'absent'),
  };
  const unable = openEngine(control(login), parts());
  const end = await unable.cas(null, recordOf('n1'), never);
  assert.ok(end.kind === 'unknown');
  assert.match(end.reason, /control\.etcd\.password_file/);
  await unable.close();
});

test('kubernetes outside of a pod', () => {
  const env = { MIROIR_CONTROL_ENGINE: 'kubernetes' };
  assert.match(refusal(env), /control\.kubernetes: this is not a pod/);
  const inPod = { KUBERNETES_SERVICE_HOST: '127.0.0.1' };
  const message = refusal(env, { env: inPod, accountFolder: join(folder, 'absent') });
  assert.match(message, /control\.kubernetes: .*token/);
});

testUnless(opensslMissing, 'kubernetes inside of a pod, over TLS, with renewed token', async () => {
  const authority = new Authority(folder, 'cluster');
  const files = authority.issue('api', { ip: '127.0.0.1' });
  const certificate = { cert: readFileSync(files.cert_file), key: readFileSync(files.key_file) };
  const stub = await LeaseServer.start(certificate);
  writeFileSync(join(folder, 'token'), 'token-1\n');
  writeFileSync(join(folder, 'namespace'), 'search');
  writeFileSync(join(folder, 'ca.crt'), readFileSync(authority.caFile));
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(stub.port) };
  const engine = openEngine(
    control({ MIROIR_CONTROL_ENGINE: 'kubernetes' }),
    parts({ env, accountFolder: folder }),
  );
  try {
    assert.is((await engine.cas(null, recordOf('n1'), never)).kind, 'ok');
    assert.is(stub.leases.get('miroir-control')?.metadata.namespace, 'search');
    stub.tokens = new Set(['token-2']);
    assert.is((await engine.read(never)).kind, 'failed');
    writeFileSync(join(folder, 'token'), 'token-2');
    assert.is(await nonceOf(engine), 'n1');
  } finally {
    await engine.close();
    await stub.close();
  }
});

run();
