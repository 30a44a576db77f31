/** Short commands: found on PATH, run with a time limit, their output kept. */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const OUTPUT_MAX_BYTES = 1024 * 1024;

/** Environment as programs get it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How a short command ended. */
export type CommandEnd =
  | { readonly kind: 'ok'; readonly output: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** Runs a command to its end; output is stdout and stderr together, at most 1 MiB. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly env?: Environment },
): Promise<CommandEnd> {
  return new Promise((resolve) => {
    const { timeoutMs: timeout, env } = options;
    execFile(
      command,
      args,
      { timeout, maxBuffer: OUTPUT_MAX_BYTES, ...(env && { env: { ...env } }) },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ kind: 'ok', output: `${stdout}${stderr}` });
        const lastLine = stderr.trim().split('\n').at(-1);
        const reason =
          error.killed === true ? `took over ${timeout} ms` : lastLine || error.message;
        resolve({ kind: 'failed', reason });
      },
    );
  });
}

/** Full path of an executable on PATH, or undefined. */
export function findOnPath(name: string, env: Environment): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** Whether `path` is a file this user may execute. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The first `major.minor.patch` of a text, or undefined. */
export function versionIn(text: string): string | undefined {
  return /(?:^|[^0-9.])([0-9]+\.[0-9]+\.[0-9]+)(?:[^0-9.]|$)/.exec(text)?.[1];
}

/** Whether `version` is not below `floor`; both are `major.minor.patch`. */
export function isAtLeast(version: string, floor: string): boolean {
  const given = version.split('.').map(Number);
  const wanted = floor.split('.').map(Number);
  for (const [place, least] of wanted.entries()) {
    const part = given[place] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
