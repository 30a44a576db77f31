/**
 * Backups of the state: a snapshot (snapshot.ts) in a file. Made while everything goes on; put back offline,
 * into an empty data folder, where it becomes another copy of the data with a name of its own.
 */
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { holdDataDir, LOCK_NAME } from './data-dir.ts';
import { UnusableSnapshot, UnusableStore } from './errors.ts';
import { installSnapshot } from './install.ts';
import { readSnapshot } from './read-snapshot.ts';
import type { SnapshotHeader } from './snapshot.ts';
import type { Store } from './store.ts';

/** A backup that was written. */
export interface WrittenBackup {
  readonly header: SnapshotHeader;
  readonly bytesCount: number;
}

/**
 * Writes the state into a file, which takes its name only when it is whole and on disk. The file must not be
 * there yet. Rejects with UnusableSnapshot if it takes longer than a minute, and with errors of the disk.
 */
export async function writeBackup(
  store: Pick<Store, 'snapshot'>,
  options: { readonly file: string; readonly clusterId: string },
): Promise<WrittenBackup> {
  const { file, clusterId } = options;
  const part = `${file}.part`;
  const handle = await open(part, 'w', 0o600);
  let isWhole = false;
  try {
    for await (const chunk of store.snapshot({ clusterId })) await handle.writeFile(chunk);
    await handle.sync();
    const { size } = await handle.stat();
    // What a person will rely on is read once more, from the file.
    const header = await verifyBackup(part);
    if (existsSync(file)) throw new UnusableSnapshot(`${file} is already there`);
    await rename(part, file);
    await syncFolder(dirname(file));
    isWhole = true;
    return { header, bytesCount: size };
  } finally {
    await handle.close();
    if (!isWhole) await rm(part, { force: true });
  }
}

/**
 * Key under which replicas note since when this life of the cluster counts what callers have seen. What is
 * restored begins another.
 */
export const LIFE_KEY = 'r';

/** Reads a backup to its end and says what it is. Throws UnusableSnapshot. */
export async function verifyBackup(file: string): Promise<SnapshotHeader> {
  let found: SnapshotHeader | undefined;
  for await (const part of readSnapshot(piecesOf(file))) {
    if (part.kind === 'header') found = part.header;
  }
  if (found === undefined) throw new UnusableSnapshot(`${file} is empty`);
  return found;
}

/**
 * Puts a backup into a data folder that is empty or not there yet. All of it is checked before it counts;
 * a folder is left as it was if anything is wrong. Throws UnusableSnapshot or UnusableStore, one line each.
 */
export async function restoreBackup(options: {
  readonly file: string;
  /** The data folder. */
  readonly folder: string;
  /** A random id in lowercase hex. */
  readonly freshId: () => string;
  /** Cluster the backup must be of; absent: any. */
  readonly clusterId?: string;
}): Promise<SnapshotHeader> {
  const { file, folder, ...rest } = options;
  const isFile = await stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isFile) throw new UnusableSnapshot(`${file} is no file that can be read`);
  const held = await holdDataDir(folder);
  try {
    if (readdirSync(folder).some((name) => name !== LOCK_NAME)) {
      throw new UnusableStore(`data folder ${folder} is not empty`);
    }
    return await installSnapshot(piecesOf(file), { folder, leftOutKey: LIFE_KEY, ...rest });
  } catch (error) {
    if (!(error instanceof UnusableSnapshot)) throw error;
    throw new UnusableSnapshot(`${basename(file)}: ${error.message}`, { cause: error });
  } finally {
    await held.release();
    await rm(join(folder, LOCK_NAME), { force: true });
  }
}

function piecesOf(file: string): AsyncIterable<Buffer> {
  return createReadStream(file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
