/**
 * The run file of `npm start`: `.miroir/run.json` of a checkout, looked for from the current folder
 * upward. It holds where control listens and the admin token, so in a checkout nothing has to be typed.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FOLDERS_MAX = 64;

/** What the CLI takes from a run file. */
export interface LocalRun {
  /** Path of the file. */
  readonly file: string;
  /** Addresses of the control replicas, `host:port`. */
  readonly control: readonly string[];
  readonly adminToken: string;
  /** Whether the starter that wrote it still lives. */
  readonly isAlive: boolean;
}

/** The nearest run file at or above a folder; undefined if there is none that can be read. */
export function findRunFile(folder: string): LocalRun | undefined {
  let current = folder;
  for (let depth = 0; depth < FOLDERS_MAX; depth += 1) {
    const found = readRunFile(join(current, '.miroir', 'run.json'));
    if (found !== undefined) return found;
    const parent = dirname(current);
    if (parent === current) return undefined;
    current = parent;
  }
  return undefined;
}

function readRunFile(file: string): LocalRun | undefined {
  try {
    const content = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly pid: number;
      readonly admin_token: string;
      readonly parts: readonly { readonly part: string; readonly address?: string }[];
    };
    const control = content.parts.flatMap(({ part, address }) =>
      part === 'control' && address !== undefined ? [address] : [],
    );
    if (control.length === 0 || typeof content.admin_token !== 'string') return undefined;
    return { file, control, adminToken: content.admin_token, isAlive: isAlive(content.pid) };
  } catch {
    // there is none, or it is none of ours
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
