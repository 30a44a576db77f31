/**
 * From flags, file and environment to what is started: the nodes, and the configuration that control
 * and sidecar are given. Everything but the port is put on free ports of the loopback address.
 */
import { resolve } from 'node:path';
import { loadConfig, type MiroirConfig } from '../../core/config/index.ts';
import type { Environment } from './command.ts';
import type { DataFolder } from './data-folder.ts';
import { StartError } from './error.ts';
import type { StartOptions } from './options.ts';
import { checkPort, freePort } from './ports.ts';

const NODE_COUNT = 3;

/** Loads the user's configuration with the flags on top. Throws ConfigError. */
export function userConfig(
  options: StartOptions,
  env: Environment,
  nodes?: MiroirConfig['nodes'],
): MiroirConfig {
  return loadConfig({
    env,
    ...(options.config !== undefined && { file: options.config }),
    flags: {
      'listen.port': options.port,
      'sharding.spread': options.spread,
      'replication.factor': options.rf,
      'replication.groups': options.groups,
      nodes,
    },
  });
}

/** The nodes to start here, on free ports, spread evenly over the groups. */
export async function ownNodes(
  config: MiroirConfig,
  wantedCount: number | undefined,
): Promise<MiroirConfig['nodes']> {
  const { factor, groups } = config.replication;
  const count = wantedCount ?? Math.max(NODE_COUNT, factor * groups);
  const nodes = [];
  const ports = new Set<number>();
  for (let position = 0; position < count; position += 1) {
    const port = await freePortExcept(ports);
    ports.add(port);
    nodes.push({
      id: `node-${position}`,
      url: `http://127.0.0.1:${port}`,
      group: position % groups,
      weight: 1,
    });
  }
  return nodes;
}

async function freePortExcept(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const port = await freePort();
    if (!taken.has(port)) return port;
  }
  throw new StartError('no free port on the loopback address');
}

/** What is asked of the parts besides the configuration. */
export interface PartsWish {
  /** Replicas of control. */
  readonly control: number;
  /** Their addresses at an earlier start: data of several is tied to them. */
  readonly controlAddresses?: readonly string[] | undefined;
}

/** The configuration of the parts: the user's, on the data folder and on free ports. */
export async function partsConfig(
  config: MiroirConfig,
  folder: DataFolder,
  wish: PartsWish = { control: 1 },
): Promise<MiroirConfig> {
  const taken = new Set(config.nodes.map((node) => Number(new URL(node.url).port)));
  const addresses = await controlAddresses(wish, taken);
  const [address = ''] = addresses;
  return {
    ...config,
    listen: { ...config.listen, socket_dir: folder.socketDir },
    writes: { ...config.writes, spool_dir: resolve(config.writes.spool_dir) },
    control: {
      ...config.control,
      // Each of several is told its own by environment.
      data_dir: folder.partDir(addresses.length === 1 ? 'control' : 'control-0'),
      listen: address,
      address,
      addresses,
      insecure: false,
      ...(needsEtcd(config, wish.control) && {
        engine: 'etcd' as const,
        etcd: {
          ...config.control.etcd,
          endpoints: [`http://127.0.0.1:${await freePortExcept(taken)}`],
        },
      }),
    },
    // The starter has read the secrets; the parts get them by environment, each only what it needs.
    auth: {
      master_key_file: '',
      master_key_env: 'MIROIR_MASTER_KEY',
      admin_token_file: '',
      admin_token_env: 'MIROIR_ADMIN_TOKEN',
    },
  };
}

/** Whether an etcd is to be started: several replicas have to agree, and the configuration names nothing. */
export function needsEtcd(config: MiroirConfig, control: number): boolean {
  return control > 1 && config.control.engine === 'local';
}

async function controlAddresses(wish: PartsWish, taken: Set<number>): Promise<string[]> {
  const earlier = wish.controlAddresses ?? [];
  if (wish.control > 1 && earlier.length === wish.control) {
    for (const address of earlier) await checkPort('127.0.0.1', Number(address.split(':')[1]));
    return [...earlier];
  }
  const addresses: string[] = [];
  while (addresses.length < wish.control) {
    const port = await freePortExcept(taken);
    taken.add(port);
    addresses.push(`127.0.0.1:${port}`);
  }
  return addresses;
}
