/**
 * One starter per data folder: two would run two sets of nodes on the same files. The lock names the
 * starter and its guard; after a starter was killed, its guard is given time to end the parts.
 */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from './error.ts';

const GUARD_LIMIT_MS = 15_000;
const LOOK_MS = 100;

/** A lock that is held. */
export interface Lock {
  /** Notes the guard that outlives a killed starter. */
  noteGuard(pid: number | undefined): void;
  release(): void;
}

/** Takes the lock of a data folder. Throws StartError if another start holds it. */
export async function takeLock(folder: string): Promise<Lock> {
  const file = join(folder, 'start.lock');
  const giveUpAtMs = Date.now() + GUARD_LIMIT_MS;
  while (!tryCreate(file)) {
    const [starter, guard] = holders(file);
    if (starter !== undefined && isStarter(starter))
      throw new StartError(`the data folder ${folder} is in use by process ${starter}`);
    if (guard !== undefined && isAlive(guard)) {
      if (Date.now() > giveUpAtMs)
        throw new StartError(`parts of a former start still run in ${folder} (guard ${guard})`);
      await sleep(LOOK_MS);
      continue;
    }
    rmSync(file, { force: true });
  }
  return {
    noteGuard: (pid) => writeFileSync(file, `${process.pid} ${pid ?? ''}\n`),
    release: () => rmSync(file, { force: true }),
  };
}

function tryCreate(file: string): boolean {
  try {
    const descriptor = openSync(file, 'wx', 0o600);
    writeFileSync(descriptor, `${process.pid}\n`);
    closeSync(descriptor);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new StartError(`${file} cannot be written: ${message}`);
  }
}

function holders(file: string): (number | undefined)[] {
  try {
    const words = readFileSync(file, 'utf8').trim().split(/\s+/);
    return words.map((word) => (/^[0-9]+$/.test(word) ? Number(word) : undefined));
  } catch {
    // released in between; the next try will take it
    return [];
  }
}

/** Whether a pid is alive and really a starter: after a reboot another program may have its number. */
function isStarter(pid: number): boolean {
  if (pid === process.pid || !isAlive(pid)) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('start/main.js');
  } catch {
    // no /proc here: believe the lock
    return true;
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
