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
import { freePort } from './ports.ts';

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

/** The configuration of the parts: the user's, on the data folder and on free ports. */
export async function partsConfig(config: MiroirConfig, folder: DataFolder): Promise<MiroirConfig> {
  const taken = new Set(config.nodes.map((node) => Number(new URL(node.url).port)));
  const address = `127.0.0.1:${await freePortExcept(taken)}`;
  return {
    ...config,
    listen: { ...config.listen, socket_dir: folder.socketDir },
    writes: { ...config.writes, spool_dir: resolve(config.writes.spool_dir) },
    control: {
      ...config.control,
      data_dir: folder.partDir('control'),
      listen: address,
      address,
      addresses: [address],
      insecure: false,
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
