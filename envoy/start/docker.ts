/**
 * Docker as the last way to get a part: images are run in the foreground, on the host's network, so
 * that a container looks like a process of ours (a signal to the client reaches it).
 */
import { type Environment, findOnPath, runCommand } from './command.ts';

const ANSWER_TIMEOUT_MS = 5000;
const PULL_TIMEOUT_MS = 600_000;

/** Path of the docker client if an engine answers it, else undefined. */
export async function findDocker(env: Environment): Promise<string | undefined> {
  const docker = findOnPath('docker', env);
  if (docker === undefined) return undefined;
  const args = ['version', '--format', '{{.Server.Version}}'];
  const end = await runCommand(docker, args, { timeoutMs: ANSWER_TIMEOUT_MS, env });
  return end.kind === 'ok' ? docker : undefined;
}

/** Gets an image if it is not there yet; undefined on success, else the reason. */
export async function pullImage(
  docker: string,
  image: string,
  env: Environment,
): Promise<string | undefined> {
  const there = await runCommand(docker, ['image', 'inspect', image], {
    timeoutMs: ANSWER_TIMEOUT_MS,
    env,
  });
  if (there.kind === 'ok') return undefined;
  const end = await runCommand(docker, ['pull', '--quiet', image], {
    timeoutMs: PULL_TIMEOUT_MS,
    env,
  });
  return end.kind === 'ok' ? undefined : end.reason;
}

/** What a container is run with. */
export interface ContainerOptions {
  readonly image: string;
  /** Host folders, mounted under the same path. */
  readonly folders: readonly string[];
  /** Names of variables handed on from the client's environment, so that no value is in an argument. */
  readonly variables: readonly string[];
}

/** Arguments of `docker` up to the image; the container's own command follows. */
export function containerArgs(options: ContainerOptions): string[] {
  const { getuid, getgid } = process;
  const user = getuid && getgid ? ['--user', `${getuid()}:${getgid()}`] : [];
  return [
    'run',
    '--rm',
    '--init',
    '--network',
    'host',
    ...user,
    ...options.folders.flatMap((folder) => ['--volume', `${folder}:${folder}`]),
    ...options.variables.flatMap((name) => ['--env', name]),
    options.image,
  ];
}
