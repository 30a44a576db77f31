/**
 * Finds what the nodes are run from: MEILISEARCH_BIN, else `meilisearch` on PATH, else Docker when an
 * engine answers, else the built-in stand-in, which is not Meilisearch.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Environment,
  findOnPath,
  isAtLeast,
  isExecutable,
  runCommand,
  versionIn,
} from './command.ts';
import { containerArgs, findDocker, pullImage } from './docker.ts';
import { StartError } from './error.ts';

/** Oldest Meilisearch whose answers the gateway knows. */
const MEILISEARCH_FLOOR = '1.50.0';
const DOCKER_IMAGE = 'getmeili/meilisearch:v1.50.0';
const STAND_IN = fileURLToPath(new URL('../../test/engine/main.js', import.meta.url));
const VERSION_TIMEOUT_MS = 20_000;

/** What nodes are made of; data of one kind cannot be read by another. */
export type NodeKind = 'meilisearch' | 'stand-in';

/** A program that runs one node. */
export interface FoundNode {
  readonly kind: NodeKind;
  readonly version: string;
  /** Where it came from, for people. */
  readonly origin: string;
  readonly command: string;
  /** Arguments before the node's own; `folder` holds its data. */
  prefix(folder: string): string[];
}

/** Finds one; throws StartError if what was named cannot be used. */
export async function findNode(
  env: Environment,
  onProgress: (line: string) => void,
): Promise<FoundNode> {
  const named = env['MEILISEARCH_BIN'];
  if (named) {
    const found = await binary(named, 'MEILISEARCH_BIN');
    if (typeof found === 'string') throw new StartError(`MEILISEARCH_BIN: ${found}`);
    return found;
  }
  const onPath = findOnPath('meilisearch', env);
  if (onPath !== undefined) {
    const found = await binary(onPath, 'PATH');
    if (typeof found !== 'string') return found;
    onProgress(`${found}: not used`);
  }
  const docker = await findDocker(env);
  if (docker !== undefined) {
    onProgress(`getting the image ${DOCKER_IMAGE}`);
    const problem = await pullImage(docker, DOCKER_IMAGE, env);
    if (problem === undefined) return container(docker);
    onProgress(`${DOCKER_IMAGE}: ${problem}: not used`);
  }
  return standIn();
}

async function binary(path: string, from: string): Promise<FoundNode | string> {
  if (!isExecutable(path)) return `${path} is not an executable file`;
  const end = await runCommand(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  const version = end.kind === 'ok' ? versionIn(end.output) : undefined;
  if (version === undefined) return `${path} does not tell a version`;
  if (!isAtLeast(version, MEILISEARCH_FLOOR))
    return `${path} is ${version}, but ${MEILISEARCH_FLOOR} is needed`;
  return {
    kind: 'meilisearch',
    version,
    origin: `Meilisearch ${version} from ${from} (${path})`,
    command: path,
    prefix: () => [],
  };
}

function container(docker: string): FoundNode {
  return {
    kind: 'meilisearch',
    version: MEILISEARCH_FLOOR,
    origin: `Docker ${DOCKER_IMAGE}`,
    command: docker,
    prefix: (folder) => [
      ...containerArgs({ image: DOCKER_IMAGE, folders: [folder], variables: ['MEILI_MASTER_KEY'] }),
      'meilisearch',
    ],
  };
}

function standIn(): FoundNode {
  if (!existsSync(STAND_IN))
    throw new StartError('no Meilisearch: set MEILISEARCH_BIN, or give nodes in the configuration');
  return {
    kind: 'stand-in',
    version: MEILISEARCH_FLOOR,
    origin: 'built-in stand-in (NOT Meilisearch)',
    command: process.execPath,
    prefix: () => ['--enable-source-maps', STAND_IN],
  };
}

/** Arguments of one node, to follow the prefix. */
export function nodeArgs(
  node: FoundNode,
  options: {
    readonly port: number;
    readonly dataDir: string;
    readonly masterKey: string;
    readonly indexingThreads: number;
    readonly indexingMebibytesMax: number;
  },
): string[] {
  const common = [
    '--http-addr',
    `127.0.0.1:${options.port}`,
    '--db-path',
    join(options.dataDir, 'data'),
    '--no-analytics',
  ];
  if (node.kind === 'stand-in') return common;
  // A node in production refuses a master key below 16 bytes; the key is judged alike in both.
  const environment = Buffer.byteLength(options.masterKey) < 16 ? 'development' : 'production';
  // biome-ignore format: flag and value belong on one line
  return [
    ...common,
    '--env', environment,
    '--dump-dir', join(options.dataDir, 'dumps'),
    '--snapshot-dir', join(options.dataDir, 'snapshots'),
    '--max-indexing-threads', String(options.indexingThreads),
    '--max-indexing-memory', `${options.indexingMebibytesMax}MiB`,
    '--log-level', 'WARN',
  ];
}
