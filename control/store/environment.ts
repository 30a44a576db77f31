/**
 * The data folder and the LMDB environment in it. The only importer of lmdb.
 *
 *   CURRENT       names the folder that counts; absent: the data folder itself (data made at first start)
 *   env-<id>/     an environment that came from a snapshot or a backup
 *   lock.sock     data-dir.ts
 *
 * A refill never touches the environment that counts: it fills a new one, flushes it and renames CURRENT.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { UnusableStore } from './errors.ts';

const CURRENT_NAME = 'CURRENT';
const ENVIRONMENT_PREFIX = 'env-';
const ENVIRONMENT_NAME = /^env-[0-9a-f]{1,64}$/;
const MAP_BYTES = 64 * 1024 ** 3;

/** Name of LMDB's file. */
export const DATA_NAME = 'data.mdb';

/** The open environment: a few words about itself, the state's keys, the log of changes. */
export interface Environment {
  readonly root: RootDatabase<Buffer, string>;
  readonly state: Database<Buffer, string>;
  readonly log: Database<Buffer, number>;
}

/** A read transaction that stays until it is given back. */
export type ReadTransaction = ReturnType<RootDatabase['useReadTransaction']>;

/** Folder of the environment that counts. Throws UnusableStore. */
export function environmentFolder(folder: string): string {
  const pointer = join(folder, CURRENT_NAME);
  if (!existsSync(pointer)) return folder;
  const name = readFileSync(pointer, 'utf8').trim();
  if (!ENVIRONMENT_NAME.test(name) || !existsSync(join(folder, name, DATA_NAME))) {
    throw new UnusableStore(`data folder ${folder}: its file ${CURRENT_NAME} leads nowhere`);
  }
  return join(folder, name);
}

/**
 * Opens or creates the environment in exactly this folder, with the guards that were found necessary: no
 * overlapping sync, no write map, no cache, a fixed map size, values as bytes. One that is only read is not
 * completed: `state` and `log` are undefined if they are not there.
 */
export function openEnvironment(
  path: string,
  options: { readonly isReadOnly?: boolean } = {},
): Environment {
  const root = open<Buffer, string>({
    path,
    readOnly: options.isReadOnly ?? false,
    noSubdir: false,
    encoding: 'binary',
    mapSize: MAP_BYTES,
    overlappingSync: false,
    maxDbs: 8,
  });
  return {
    root,
    state: root.openDB<Buffer, string>('state', { encoding: 'binary' }),
    log: root.openDB<Buffer, number>('log', { encoding: 'binary' }),
  };
}

/** Folder for a new environment inside the data folder; `id` is lowercase hex. */
export function newEnvironmentFolder(folder: string, id: string): string {
  return join(folder, ENVIRONMENT_PREFIX + id);
}

/** Makes an environment, which was flushed, the one that counts. */
export function switchEnvironment(folder: string, id: string): void {
  const next = join(folder, `${CURRENT_NAME}.next`);
  writeFileSync(next, `${ENVIRONMENT_PREFIX}${id}\n`);
  flush(next);
  flush(newEnvironmentFolder(folder, id));
  renameSync(next, join(folder, CURRENT_NAME));
  flush(folder);
}

/** Removes environments that do not count: left by a refill that did not end, or replaced by one. */
export function removeOtherEnvironments(folder: string): void {
  if (!existsSync(folder)) return;
  const current = environmentFolder(folder);
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (ENVIRONMENT_NAME.test(name) && path !== current) rmSync(path, { recursive: true });
  }
  if (current === folder) return;
  for (const name of [DATA_NAME, 'lock.mdb', 'clean']) rmSync(join(folder, name), { force: true });
}

/** The first text after all that begin with `prefix`. */
export function endOf(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

function flush(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
