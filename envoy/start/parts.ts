/** How each part of the cluster is run: command, arguments, environment, limits. */
import { rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MiroirConfig } from '../../core/config/index.ts';
import { envoyAdminSocket } from '../../core/sockets.ts';
import { bootstrap } from '../bootstrap.ts';
import type { Environment } from './command.ts';
import type { DataFolder } from './data-folder.ts';
import type { FoundEnvoy } from './find-envoy.ts';

import { type FoundNode, nodeArgs } from './find-nodes.ts';
import type { FoundProgram } from './find-program.ts';
import type { PartSpec } from './part.ts';
import { waitForOk } from './wait.ts';

const NODE_START_LIMIT_MS = 120_000;
const START_LIMIT_MS = 60_000;
const NODE_STOP_LIMIT_MS = 10_000;
const STOP_LIMIT_MS = 8000;
const MEBIBYTE = 1024 ** 2;
const INDEXING_MEBIBYTES_MIN = 200;
/** A node clears a twentieth of it for every batch, and 50 MiB at least: more makes small writes slow. */
const INDEXING_MEBIBYTES_MAX = 1024;

/** What all parts are made from. */
export interface PartsInput {
  readonly config: MiroirConfig;
  readonly folder: DataFolder;
  readonly env: Environment;
  readonly masterKey: string;
  readonly adminToken: string;
}

/** A node started here; `position` is its place in `config.nodes`. */
export function nodeSpec(input: PartsInput, found: FoundNode, position: number): PartSpec {
  const node = input.config.nodes[position];
  if (node === undefined) throw new RangeError(`no node ${position}`);
  const dataDir = input.folder.partDir(node.id);
  const count = input.config.nodes.length;
  const share = Math.floor(totalmem() / MEBIBYTE / 2 / count);
  return {
    name: node.id,
    command: found.command,
    args: [
      ...found.prefix(dataDir),
      ...nodeArgs(found, {
        port: Number(new URL(node.url).port),
        dataDir,
        masterKey: input.masterKey,
        indexingThreads: Math.max(1, Math.floor(availableParallelism() / count)),
        indexingMebibytesMax: Math.min(
          INDEXING_MEBIBYTES_MAX,
          Math.max(INDEXING_MEBIBYTES_MIN, share),
        ),
      }),
    ],
    env: { ...plainEnv(input.env), NO_COLOR: '1', MEILI_MASTER_KEY: input.masterKey },
    logFile: input.folder.logFile(node.id),
    workingDir: dataDir,
    hasReadyLine: false,
    startLimitMs: NODE_START_LIMIT_MS,
    stopLimitMs: NODE_STOP_LIMIT_MS,
    probe: (signal) => waitForOk(`${node.url}/health`, signal),
  };
}

/** A replica of control; `position` is its place in `control.addresses`. */
export function controlSpec(input: PartsInput, position: number): PartSpec {
  const { addresses } = input.config.control;
  const address = addresses[position];
  if (address === undefined) throw new RangeError(`no replica ${position} of control`);
  const name = addresses.length === 1 ? 'control' : `control-${position}`;
  return {
    ...programSpec(input, name, '../../control/main.js'),
    env: {
      ...plainEnv(input.env),
      ...failpointEnv(input.env),
      MIROIR_CONTROL_LISTEN: address,
      MIROIR_CONTROL_ADDRESS: address,
      MIROIR_CONTROL_DATA_DIR: input.folder.partDir(name),
      MIROIR_MASTER_KEY: input.masterKey,
      MIROIR_ADMIN_TOKEN: input.adminToken,
      // A fixed port of the configuration is the sidecar's here.
      MIROIR_TELEMETRY_METRICS_PORT: '0',
    },
  };
}

/** The etcd in which replicas of control agree. */
export function etcdSpec(input: PartsInput, found: FoundProgram, peerPort: number): PartSpec {
  const [client = ''] = input.config.control.etcd.endpoints;
  const peer = `http://127.0.0.1:${peerPort}`;
  const dataDir = input.folder.partDir('etcd');
  return {
    name: 'etcd',
    command: found.command,
    // biome-ignore format: flag and value belong on one line
    args: [
      '--name', 'miroir',
      '--data-dir', join(dataDir, 'data'),
      '--listen-client-urls', client,
      '--advertise-client-urls', client,
      '--listen-peer-urls', peer,
      '--initial-advertise-peer-urls', peer,
      '--initial-cluster', `miroir=${peer}`,
      // The record is written every other second for as long as the cluster lives.
      '--auto-compaction-mode', 'revision',
      '--auto-compaction-retention', '1000',
      '--log-level', 'warn',
    ],
    env: plainEnv(input.env),
    logFile: input.folder.logFile('etcd'),
    workingDir: dataDir,
    hasReadyLine: false,
    startLimitMs: START_LIMIT_MS,
    stopLimitMs: STOP_LIMIT_MS,
    probe: (signal) => waitForOk(`${client}/health`, signal),
  };
}

/** The sidecar's supervisor, which forks the workers. It is never given the master key. */
export function sidecarSpec(input: PartsInput): PartSpec {
  return {
    ...programSpec(input, 'sidecar', '../../sidecar/main.js'),
    env: {
      ...plainEnv(input.env),
      ...failpointEnv(input.env),
      MIROIR_ADMIN_TOKEN: input.adminToken,
    },
  };
}

function programSpec(input: PartsInput, name: string, program: string): PartSpec {
  return {
    name,
    command: process.execPath,
    args: [
      '--enable-source-maps',
      fileURLToPath(new URL(program, import.meta.url)),
      '--config',
      input.folder.configFile,
    ],
    env: {},
    logFile: input.folder.logFile(name),
    workingDir: input.folder.path,
    hasReadyLine: true,
    startLimitMs: START_LIMIT_MS,
    stopLimitMs: STOP_LIMIT_MS,
  };
}

/** Envoy; ready once a request passes through it to a worker that can answer. */
export function envoySpec(input: PartsInput, found: FoundEnvoy): PartSpec {
  const { config, folder } = input;
  const adminSocket = envoyAdminSocket(folder.socketDir);
  const concurrency = Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
  writeFileSync(folder.envoyFile, JSON.stringify(bootstrap(config)), { mode: 0o600 });
  return {
    name: 'envoy',
    command: found.command,
    // biome-ignore format: flag and value belong on one line
    args: [
      ...found.prefix([folder.path, folder.socketDir]),
      '--config-path', folder.envoyFile,
      '--disable-hot-restart',
      '--concurrency', String(concurrency),
      '--log-level', 'warning',
    ],
    env: plainEnv(input.env),
    logFile: folder.logFile('envoy'),
    workingDir: folder.path,
    hasReadyLine: false,
    startLimitMs: START_LIMIT_MS,
    stopLimitMs: STOP_LIMIT_MS,
    prepare: () => rmSync(adminSocket, { force: true }),
    probe: (signal) => waitForOk(`${clientUrl(config)}/_miroir/readyz`, signal),
  };
}

/** Where this machine's clients find the gateway. */
export function clientUrl(config: MiroirConfig): string {
  const { host, port } = config.listen;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** The environment without our own and the nodes' variables: parts take options from their file alone. */
function plainEnv(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(MIROIR|MEILI)_/.test(name)));
}

/** Failpoints of tests; our own programs heed them only where NODE_ENV is `test`. */
function failpointEnv(env: Environment): Environment {
  const list = env['MIROIR_FAILPOINTS'];
  return list === undefined ? {} : { MIROIR_FAILPOINTS: list };
}
