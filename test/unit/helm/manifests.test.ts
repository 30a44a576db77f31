/**
 * Goal: the objects of the chart fit together and to the programs: every variable is one that they know, every
 * file that they read is mounted, and rights, probes and budgets are those that several replicas need.
 * Method: the committed objects that helm made of samples of values, and the loader of the programs.
 */
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { clusterIn, rolesIn } from '../../../core/tls/roles.ts';
import { HELM_SAMPLES, helmGolden } from '../../generators/helm.ts';
import { suite } from '../../kit/suite.ts';
import {
  type Container,
  envOf,
  loadYaml,
  type Manifest,
  manifestsOf,
  type PodSpec,
  the,
} from './manifests.ts';

const { test, run } = suite('objects of the helm chart');
const NAME = 'search-miroir-control';

const podOf = (object: Manifest): PodSpec => object['spec'].template.spec;
const control = (objects: readonly Manifest[]) => {
  const set = the(objects, 'StatefulSet');
  const pod = podOf(set);
  return { set, pod, container: pod.containers[0] as Container };
};

for (const sample of HELM_SAMPLES) {
  const objects = manifestsOf(sample);
  const golden = parse(helmGolden(sample));

  test(`${sample}: every replica of control is found where it says it is`, () => {
    const { set, container } = control(objects);
    const count = set['spec'].replicas;
    const addresses = [];
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      const env = envOf(container, `${NAME}-${ordinal}`);
      const config = loadYaml(golden, env);
      assert.ok(config.control.addresses.includes(config.control.address), config.control.address);
      addresses.push(config.control.address);
    }
    assert.equal(addresses, golden.control.addresses);
    const peers = the(objects, 'Service', set['spec'].serviceName);
    assert.is(peers['spec'].clusterIP, 'None');
    assert.ok(peers['spec'].publishNotReadyAddresses);
    for (const address of addresses) {
      const [host = '', port] = address.split(':');
      assert.is(host.split('.').slice(1).join('.'), `${peers.metadata.name}.default.svc`);
      assert.is(Number(port), peers['spec'].ports[0].port);
    }
  });

  test(`${sample}: services select pods and name their ports`, () => {
    const sets = [the(objects, 'StatefulSet'), the(objects, 'Deployment')];
    for (const service of objects.filter(({ kind }) => kind === 'Service')) {
      const { selector, ports } = service['spec'];
      const [chosen] = sets.filter((set) => {
        const { labels } = set['spec'].template.metadata;
        return Object.entries(selector).every(([key, value]) => labels[key] === value);
      });
      assert.ok(chosen, service.metadata.name);
      const names = podOf(chosen as Manifest).containers.flatMap(({ ports = [] }) => ports);
      const { port, targetPort = port } = ports[0];
      const known = names.some(
        ({ name, containerPort }) => name === targetPort || containerPort === targetPort,
      );
      assert.ok(known, `${service.metadata.name} to ${targetPort}`);
    }
  });

  test(`${sample}: what is mounted is there, and every file of the configuration is mounted`, () => {
    for (const set of [the(objects, 'StatefulSet'), the(objects, 'Deployment')]) {
      const pod = podOf(set);
      const claims = (set['spec'].volumeClaimTemplates ?? []) as Manifest[];
      const volumes = [...pod.volumes, ...claims.map(({ metadata }) => metadata)];
      const names = volumes.map(({ name }) => name);
      for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
        const paths = container.volumeMounts.map(({ mountPath }) => mountPath);
        assert.is(new Set(paths).size, paths.length);
        for (const { name } of container.volumeMounts) assert.ok(names.includes(name), name);
      }
      const program = pod.containers.find(({ args }) =>
        /main\.js$/.test(args[0] ?? ''),
      ) as Container;
      const config = loadYaml(golden, envOf(program, `${NAME}-0`));
      const { tls, etcd, data_dir } = config.control;
      const isControl = program.name === 'control';
      const files = [
        ...Object.values(tls),
        ...Object.values(config.node_tls),
        ...(isControl
          ? [data_dir, etcd.password_file, etcd.ca_file, etcd.cert_file, etcd.key_file]
          : []),
        ...(isControl ? [] : [`${config.listen.socket_dir}/x`]),
        config.writes.spool_dir,
      ].filter((file) => file !== '');
      for (const file of files) {
        const isMounted = program.volumeMounts.some(({ mountPath }) =>
          `${file}/`.startsWith(`${mountPath}/`),
        );
        assert.ok(isMounted, `${program.name} reads ${file}`);
      }
      for (const { secret } of pod.volumes) {
        // 0440: for the group of the pod alone.
        if (secret !== undefined) assert.is(secret.defaultMode, 0o440);
      }
    }
  });

  test(`${sample}: nothing runs as root or writes to its image`, () => {
    for (const set of [the(objects, 'StatefulSet'), the(objects, 'Deployment')]) {
      const pod = podOf(set);
      assert.ok(pod.securityContext.runAsNonRoot);
      for (const { securityContext } of [...(pod.initContainers ?? []), ...pod.containers]) {
        assert.ok(securityContext.readOnlyRootFilesystem);
        assert.not.ok(securityContext.allowPrivilegeEscalation);
        assert.equal(securityContext.capabilities.drop, ['ALL']);
      }
    }
    assert.not.ok(podOf(the(objects, 'Deployment')).automountServiceAccountToken);
  });

  test(`${sample}: probes ask a port that there is for what control offers`, () => {
    const { pod, container } = control(objects);
    const ports = (container.ports ?? []).map(({ name }) => name);
    for (const probe of [container.livenessProbe, container.readinessProbe]) {
      assert.ok(ports.includes(probe?.httpGet?.port ?? ''));
    }
    assert.is(container.livenessProbe?.httpGet?.path, '/livez');
    assert.is(container.readinessProbe?.httpGet?.path, '/readyz');
    const metrics = container.ports?.find(({ name }) => name === 'metrics');
    assert.is(metrics?.containerPort, golden.telemetry.metrics_port);
    // Control ends itself after 10 s at the latest.
    assert.ok((pod.terminationGracePeriodSeconds ?? 0) >= 15);
  });

  test(`${sample}: several replicas are spread, and evicted one at a time`, () => {
    const { set, pod } = control(objects);
    const { replicas } = set['spec'];
    assert.is(set['spec'].podManagementPolicy, 'Parallel');
    const budgets = objects.filter(({ kind }) => kind === 'PodDisruptionBudget');
    assert.is(budgets.length, replicas > 1 ? 1 : 0);
    assert.is(pod.affinity !== undefined, replicas > 1);
    for (const budget of budgets) {
      assert.is(budget['spec'].maxUnavailable, 1);
      assert.equal(budget['spec'].selector, set['spec'].selector);
    }
    const [claim] = set['spec'].volumeClaimTemplates;
    assert.equal(claim.spec.accessModes, ['ReadWriteOnce']);
  });

  test(`${sample}: miroirctl in a pod of control finds the cluster`, () => {
    const contexts = parse(the(objects, 'ConfigMap')['data']['contexts.yaml']);
    const { control: addresses, ...files } = contexts.contexts[contexts.current];
    assert.equal(addresses, golden.control.addresses);
    const wanted = golden.control.tls?.ca_file === undefined ? {} : golden.control.tls;
    assert.equal(files, wanted.ca_file === '' ? {} : wanted);
    const { pod, container } = control(objects);
    const home = envOf(container, `${NAME}-0`)['XDG_CONFIG_HOME'];
    const mount = container.volumeMounts.find(({ mountPath }) => mountPath === home);
    assert.ok(mount);
    const volume = pod.volumes.find(({ name }) => name === mount?.name) as unknown as {
      configMap: { items: { key: string; path: string }[] };
    };
    const item = volume.configMap.items.find(({ key }) => key === 'contexts.yaml');
    assert.is(item?.path, 'miroir/contexts.yaml');
  });
}

test('rights are those of the one Lease, and only where there is one', () => {
  const objects = manifestsOf('kubernetes-lease');
  const { pod } = control(objects);
  const role = the(objects, 'Role');
  const { kubernetes } = parse(helmGolden('kubernetes-lease')).control;
  const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'] };
  assert.equal(role['rules'], [
    { ...leases, resourceNames: [kubernetes.lease], verbs: ['get', 'update', 'watch'] },
    { ...leases, verbs: ['create'] },
  ]);
  const binding = the(objects, 'RoleBinding');
  assert.is(binding['roleRef'].name, role.metadata.name);
  const account = the(objects, 'ServiceAccount').metadata.name;
  assert.is(binding['subjects'][0].name, account);
  assert.is(pod.serviceAccountName, account);
  assert.ok(pod.automountServiceAccountToken);
  for (const other of ['external-nodes', 'etcd-secrets'] as const) {
    const without = manifestsOf(other);
    const kinds = without.map(({ kind }) => kind);
    for (const kind of ['Role', 'RoleBinding', 'ServiceAccount'])
      assert.not.ok(kinds.includes(kind));
    assert.not.ok(control(without).pod.automountServiceAccountToken);
  }
});

test('certificates name the part whose pod mounts them', () => {
  const objects = manifestsOf('kubernetes-lease');
  const secretIn = (kind: string) =>
    podOf(the(objects, kind)).volumes.find(({ name }) => name === 'tls')?.secret?.secretName;
  const mounted = { control: secretIn('StatefulSet'), sidecar: secretIn('Deployment') };
  for (const role of ['control', 'sidecar', 'cli'] as const) {
    const { spec } = the(objects, 'Certificate', `search-miroir-${role}`) as Manifest;
    const names = spec.uris.map((uri: string) => `URI:${uri}`).join(', ');
    assert.is(clusterIn(names), 'shop');
    assert.equal(rolesIn(names, 'shop'), [role]);
    assert.ok(spec.usages.includes('server auth') && spec.usages.includes('client auth'));
    if (role !== 'cli') assert.is(spec.secretName, mounted[role]);
  }
});

test('what opens etcd is given to control alone', () => {
  const objects = manifestsOf('etcd-secrets');
  const { container } = control(objects);
  const golden = parse(helmGolden('etcd-secrets'));
  const { etcd } = loadYaml(golden, envOf(container, `${NAME}-0`)).control;
  assert.equal(
    [etcd.username, etcd.password_file, etcd.ca_file],
    ['secret', '/etc/miroir-etcd/password', '/etc/miroir-etcd-tls/ca.crt'],
  );
  assert.not.match(JSON.stringify(the(objects, 'Deployment')), /etcd/);
  assert.is(golden.control.etcd.username, undefined);
});

run();
