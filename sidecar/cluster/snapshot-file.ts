/**
 * The newest view in a file, so that a worker that starts while control is dead can serve searches.
 * The file holds the internal key and the hashes of all keys: only its owner may read it. It is written
 * whole into a neighbour and renamed, so a reader finds the old or the new one, never half of it.
 */
import { chmod, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WatchResponse } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import { fromView, type HeldView } from './view.ts';

const OWNER_ONLY = 0o600;

/** Reads the file; undefined if there is none or it does not decode (it is then as good as absent). */
export async function loadSnapshot(path: string): Promise<HeldView | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const message = WatchResponse.decode(bytes);
    if (message.event?.$case !== 'view' || message.position === undefined) return undefined;
    return fromView(message.position, message.event.value);
  } catch {
    return undefined;
  }
}

/** Replaces the file by what is held. */
export async function saveSnapshot(path: string, held: HeldView): Promise<void> {
  const message = WatchResponse.fromPartial({
    position: held.view.position,
    event: {
      $case: 'view',
      value: { cluster: held.cluster, indexes: [...held.indexes.values()] },
    },
  });
  const draft = `${path}.new`;
  await mkdir(dirname(path), { recursive: true });
  await unlink(draft).catch(() => {});
  await writeFile(draft, WatchResponse.encode(message).finish(), { mode: OWNER_ONLY });
  await chmod(draft, OWNER_ONLY);
  await rename(draft, path);
}
