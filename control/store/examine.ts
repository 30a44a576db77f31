/**
 * Looks at a data file in a process of its own before this one opens it: a truncated or zeroed file kills
 * the process that reads it (SIGBUS, SIGSEGV; tried). After a clean stop a small note beside the file says
 * its size and time, and the look is spared.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DATA_NAME, environmentFolder } from './environment.ts';
import { UnusableStore } from './errors.ts';

const CLEAN_NAME = 'clean';
const EXAMINE_LIMIT_MS = 120_000;

/**
 * Throws UnusableStore if the data folder's file cannot be trusted. Removes the note of a clean stop. Of keys
 * that begin with a `skimmed` prefix, which are many, only the pages they lie on are looked at: their values
 * are checked when they are read, as all are.
 */
export async function examineFolder(
  folder: string,
  skimmed: readonly string[] = [],
): Promise<void> {
  const environment = environmentFolder(folder);
  const file = join(environment, DATA_NAME);
  const note = join(environment, CLEAN_NAME);
  const isClean = existsSync(note) && readFileSync(note, 'utf8') === describe(file);
  rmSync(note, { force: true });
  if (isClean || !existsSync(file)) return;
  const fault = await examineApart(environment, skimmed);
  if (fault !== undefined) {
    throw new UnusableStore(
      `data folder ${folder} is damaged (${fault}); restore it from a backup`,
    );
  }
}

/** Notes that the store was closed as it should be. */
export function noteCleanStop(folder: string): void {
  const environment = environmentFolder(folder);
  writeFileSync(join(environment, CLEAN_NAME), describe(join(environment, DATA_NAME)));
}

function describe(file: string): string {
  if (!existsSync(file)) return '';
  const { size, mtimeMs, ino } = statSync(file);
  return `${size} ${mtimeMs} ${ino}`;
}

function examineApart(
  environment: string,
  skimmed: readonly string[],
): Promise<string | undefined> {
  const program = fileURLToPath(new URL('./examine-main.js', import.meta.url));
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, environment, ...skimmed], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: EXAMINE_LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (words.length < 4_096) words += chunk.toString('utf8');
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(signal === null ? lastLine(words) : `reading it ended with ${signal}`);
    });
  });
}

function lastLine(words: string): string {
  return words.trim().split('\n').at(-1) ?? 'it cannot be read';
}
