/** Puts a control world together: nodes, etcd, replicas in their places, sidecar, Envoy. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type MiroirConfig } from '../../../core/config/index.ts';
import { openDataFolder } from '../../../envoy/start/data-folder.ts';
import { findEnvoy } from '../../../envoy/start/find-envoy.ts';
import { findNode } from '../../../envoy/start/find-nodes.ts';
import { startGuard } from '../../../envoy/start/guard.ts';
import { createPart, type Part, type PartSpec } from '../../../envoy/start/part.ts';
import {
  clientUrl,
  controlSpec,
  envoySpec,
  type PartsInput,
  sidecarSpec,
} from '../../../envoy/start/parts.ts';
import { freePort } from '../../../envoy/start/ports.ts';
import { partsConfig } from '../../../envoy/start/settings.ts';
import { childrenOf } from '../../kit/cluster.ts';
import { EtcdProcess } from '../../kit/etcd.ts';
import { projectRoot } from '../../kit/paths.ts';
import { EngineProcess } from '../engine-process.ts';
import { type GatewayNode, MASTER_KEY } from '../gateway.ts';
import { NamespaceNetwork } from './namespaces.ts';
import { callerOf, type Network, type Place, ProxyNetwork, SIDECAR } from './network.ts';
import type { Replica } from './replica.ts';
import { ControlWorld, logsIn } from './world.ts';

const ADMIN_TOKEN = 'chaos-admin-token-0123456789';

/** Sizes of the cluster. */
export interface ControlWorldOptions {
  readonly replicas: number;
  readonly nodeCount: number;
  /** Copies of each shard. */
  readonly factor: number;
  /** Cuts are made by network namespaces instead of proxies. */
  readonly inNamespaces?: boolean;
  /** More options of the section `control`. */
  readonly control?: Readonly<Record<string, unknown>>;
}

/** What is to be ended again, the latest first. */
type Started = (() => Promise<unknown> | unknown)[];

/** Starts everything; resolves when the gateway answers. */
export async function startControlWorld(options: ControlWorldOptions): Promise<ControlWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'miroir-control-chaos-'));
  const started: Started = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    return await assemble(folder, options, started);
  } catch (error) {
    const said = logsIn(folder);
    for (const end of started.toReversed()) await end();
    throw new Error(`${String(error)}\n${said}`);
  }
}

async function assemble(
  folder: string,
  options: ControlWorldOptions,
  started: Started,
): Promise<ControlWorld> {
  const { nodes, isReal } = await startNodes(folder, options.nodeCount, started);
  const etcd = await EtcdProcess.start();
  started.push(() => etcd.remove());
  const guard = startGuard();
  started.push(() => guard.close());
  const network = options.inNamespaces === true ? new NamespaceNetwork() : new ProxyNetwork();
  started.push(() => network.close());
  const make = (spec: PartSpec): Part => {
    const part = createPart(spec, { guard, announce: () => {}, changed: () => {} });
    started.push(() => part.stop());
    return part;
  };
  const places: Place[] = [];
  for (let at = 0; at < options.replicas; at += 1) {
    places.push(await network.place(`control-${at}`, etcd.port));
  }
  const input = await settings(folder, { options, nodes, etcd, places, network });
  const replicas = places.map((place, position): Replica => {
    const spec = controlSpec(input, position);
    const env = {
      ...spec.env,
      MIROIR_CONTROL_LISTEN: place.listen,
      MIROIR_CONTROL_ETCD_ENDPOINTS: place.engineUrl,
    };
    return { ...place, part: make(network.run(place.name, { ...spec, env })) };
  });
  const sidecar = make(sidecarSpec(input));
  network.know([
    ...replicas.map(({ name, part }) => callerOf(name, part)),
    { name: SIDECAR, pids: () => childrenOf(sidecar.pid() ?? 0) },
  ]);
  await Promise.all(replicas.map(({ part }) => part.start()));
  await sidecar.start();
  sidecar.watch();
  const found = await findEnvoy({ env: process.env, cacheDir: join(projectRoot, '.cache') });
  const envoy = make(envoySpec(input, found));
  await envoy.start();
  const parts = { folder, nodes, isReal, etcd, replicas, sidecar, envoy, guard, network };
  return new ControlWorld({ ...parts, url: clientUrl(input.config), adminToken: ADMIN_TOKEN });
}

async function startNodes(
  folder: string,
  count: number,
  started: Started,
): Promise<{ readonly nodes: readonly GatewayNode[]; readonly isReal: boolean }> {
  const found = await findNode(process.env, () => {});
  const nodes: GatewayNode[] = [];
  for (let at = 0; at < count; at += 1) {
    const place = join(folder, 'nodes', `n${at}`);
    const port = await freePort();
    const engine = new EngineProcess({ found, port, folder: place, masterKey: MASTER_KEY });
    started.push(() => engine.kill());
    await engine.start();
    nodes.push({ id: `n${at}`, group: 0, engine });
  }
  return { nodes, isReal: found.kind === 'meilisearch' };
}

/** The configuration of all parts; replicas find each other, and sidecars find them, in their places. */
async function settings(
  folder: string,
  around: {
    readonly options: ControlWorldOptions;
    readonly nodes: readonly GatewayNode[];
    readonly etcd: EtcdProcess;
    readonly places: readonly Place[];
    readonly network: Network;
  },
): Promise<PartsInput> {
  const { options, nodes, etcd, places, network } = around;
  const data = openDataFolder(join(folder, 'miroir'));
  const urls = await Promise.all(
    nodes.map(({ engine }) => network.nodeUrl(Number(new URL(engine.url).port))),
  );
  const given = loadConfig({
    flags: {
      'listen.port': await freePort(),
      'sharding.shards': 16,
      'replication.factor': options.factor,
      nodes: nodes.map(({ id }, at) => ({ id, url: urls[at], group: 0, weight: 1 })),
    },
  });
  const own = await partsConfig(given, data);
  const control = {
    ...own.control,
    ...options.control,
    engine: 'etcd' as const,
    etcd: { ...own.control.etcd, endpoints: [etcd.url] },
    addresses: places.map(({ address }) => address),
    // Only the namespaces of this machine, if anything.
    insecure: options.inNamespaces === true,
  };
  const config: MiroirConfig = { ...own, control };
  writeFileSync(data.configFile, JSON.stringify(config), { mode: 0o600 });
  const secrets = { masterKey: MASTER_KEY, adminToken: ADMIN_TOKEN };
  return { config, folder: data, env: process.env, ...secrets };
}
