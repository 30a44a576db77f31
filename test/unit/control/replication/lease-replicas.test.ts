/**
 * Goal: replicas that agree in a Kubernetes Lease lead, commit and take over as those over etcd do: what a
 * killed leader acknowledged is there under the next one, and a planned change of leader is shown in the Lease.
 * Method: three processes of control over a stub of the API server, which is not Kubernetes
 * (test/kit/lease-server.ts); the folder that Kubernetes would mount is a patched constant of theirs.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { Authority, opensslMissing } from '../../../kit/certificates.ts';
import { LeaseServer } from '../../../kit/lease-server.ts';
import { buildRoot } from '../../../kit/paths.ts';
import { suite } from '../../../kit/suite.ts';
import { until as untilSoon } from '../control-cluster.ts';
import type { Launch } from '../control-kit.ts';
import { type ReplicaProcess, ReplicaProcesses } from './replica-processes.ts';

/** The machine may be busy. */
const until = (condition: Parameters<typeof untilSoon>[0]) => untilSoon(condition, 40);

const { testUnless, run } = suite('control replicas over a Lease, on a stub');
const LEASE = 'miroir-control';
const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

testUnless(
  opensslMissing,
  'what a killed leader acknowledged is there under the next, and so after a handover',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'miroir-lease-'));
    const stub = await startStub(folder);
    const lease = () => stub.leases.get(LEASE);
    const cluster = new ReplicaProcesses({
      other: {
        options: ['engine: kubernetes'],
        launch: launchInPod(folder, stub.port),
        recordText: () => lease()?.metadata.annotations?.['miroir/record'],
      },
    });
    try {
      await cluster.start(3);
      const first = await cluster.leader();
      await until(async () => (await cluster.inSync()) === 3);
      assert.is(lease()?.spec.holderIdentity, first.address);
      const uid = await cluster.sidecar(first).write('cars', [{ id: 1 }]);

      await cluster.end(first, 'SIGKILL');
      const second = await cluster.leader(first);
      assert.is(lease()?.spec.holderIdentity, second.address);
      assert.is((await cluster.sidecar(second).finished(uid)).status, 'succeeded');
      const next = await cluster.sidecar(second).write('cars', [{ id: 2 }]);
      assert.is(next, uid + 1);
      await cluster.begin(first);
      await until(async () => (await cluster.inSync()) === 3);

      const transitions = lease()?.spec.leaseTransitions ?? 0;
      await cluster.end(second, 'SIGTERM');
      const third = (await cluster.leader(second)) as ReplicaProcess;
      assert.is(lease()?.spec.holderIdentity, third.address);
      assert.ok((lease()?.spec.leaseTransitions ?? 0) > transitions);
      for (const done of [uid, next]) {
        assert.is((await cluster.sidecar(third).finished(done)).status, 'succeeded');
      }
    } finally {
      await cluster.stop();
      await stub.close();
      rmSync(folder, { recursive: true });
    }
  },
  180_000,
);

/** A stub with TLS, and what a pod finds in its folder. */
async function startStub(folder: string): Promise<LeaseServer> {
  const authority = new Authority(folder, 'cluster');
  const files = authority.issue('api', { ip: '127.0.0.1' });
  writeFileSync(join(folder, 'token'), 'token-1');
  writeFileSync(join(folder, 'namespace'), 'search');
  writeFileSync(join(folder, 'ca.crt'), readFileSync(authority.caFile));
  return LeaseServer.start({
    cert: readFileSync(files.cert_file),
    key: readFileSync(files.key_file),
  });
}

/** As in a pod whose account is mounted in `folder`. */
function launchInPod(folder: string, port: number): Launch {
  const patch = {
    file: 'control/replication/engines/index.js',
    find: `'${ACCOUNT_FOLDER}'`,
    replace: JSON.stringify(folder),
  };
  const hook = pathToFileURL(join(buildRoot, 'test', 'kit', 'patch-hook.js')).href;
  const preload = `import { register } from 'node:module'; register(${JSON.stringify(hook)}, { data: ${JSON.stringify([patch])} });`;
  return {
    flags: ['--import', `data:text/javascript,${encodeURIComponent(preload)}`],
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) },
  };
}

run();
