/**
 * Fills a new environment from a snapshot, and makes it the one that counts once all of it was right and is
 * on disk. The old one is not touched, may still be open, and goes away when a store is next opened.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { assert } from '../../core/assert.ts';
import { sealValue } from './codec.ts';
import {
  type Environment,
  newEnvironmentFolder,
  openEnvironment,
  switchEnvironment,
} from './environment.ts';
import { UnusableSnapshot } from './errors.ts';
import { emptyMeta, META_KEY, sealMeta } from './meta.ts';
import { readSnapshot } from './read-snapshot.ts';
import type { SnapshotHeader } from './snapshot.ts';

const BATCH_BYTES = 4 * 1024 * 1024;

/** How a snapshot is put in place. */
export interface InstallOptions {
  /** The data folder, which the caller holds (data-dir.ts). */
  readonly folder: string;
  /** A random id in lowercase hex. */
  readonly freshId: () => string;
  /** Cluster it must be of; absent: any. */
  readonly clusterId?: string;
  /** The replica's own fence, which must not be forgotten. */
  readonly fence?: bigint;
  /** Called when all of it is on disk, right before it counts; if this throws, it does not. */
  readonly beforeSwitch?: () => void;
  /** A key whose value is not taken over. */
  readonly leftOutKey?: string;
}

/** Puts a snapshot in place under a new store id. Throws UnusableSnapshot, and then nothing has changed. */
export async function installSnapshot(
  pieces: AsyncIterable<Uint8Array>,
  options: InstallOptions,
): Promise<SnapshotHeader> {
  const id = options.freshId();
  const path = newEnvironmentFolder(options.folder, id);
  mkdirSync(path, { mode: 0o700 });
  let isWhole = false;
  try {
    const environment = openEnvironment(path);
    let header: SnapshotHeader;
    try {
      header = await fill(environment, pieces, options);
    } finally {
      await environment.root.close();
    }
    options.beforeSwitch?.();
    switchEnvironment(options.folder, id);
    isWhole = true;
    return header;
  } finally {
    if (!isWhole) rmSync(path, { recursive: true, force: true });
  }
}

/** Makes an environment that holds nothing the one that counts: what is here is not to be used any more. */
export async function emptyFolder(
  folder: string,
  freshId: () => string,
  fence: bigint,
): Promise<void> {
  const id = freshId();
  const path = newEnvironmentFolder(folder, id);
  mkdirSync(path, { mode: 0o700 });
  const environment = openEnvironment(path);
  await environment.root.put(META_KEY, sealMeta({ ...emptyMeta(freshId()), fence }));
  await environment.root.flushed;
  await environment.root.close();
  switchEnvironment(folder, id);
}

async function fill(
  environment: Environment,
  pieces: AsyncIterable<Uint8Array>,
  options: InstallOptions,
): Promise<SnapshotHeader> {
  let header: SnapshotHeader | undefined;
  let batch: { key: string; value: Buffer }[] = [];
  let batchBytes = 0;
  for await (const part of readSnapshot(pieces)) {
    if (part.kind === 'header') {
      ({ header } = part);
      refuseForeign(header, options.clusterId);
    } else if (part.kind === 'value') {
      if (part.key === options.leftOutKey) continue;
      batch.push(part);
      batchBytes += part.value.length;
      if (batchBytes < BATCH_BYTES) continue;
      await writeBatch(environment, batch);
      batch = [];
      batchBytes = 0;
    }
  }
  assert(header !== undefined, 'a whole snapshot has a header');
  await writeBatch(environment, batch);
  const place = {
    epoch: BigInt(header.epoch),
    index: BigInt(header.index),
    chain: Buffer.from(header.chain, 'hex'),
  };
  const fence = options.fence ?? 0n;
  await environment.root.put(
    META_KEY,
    sealMeta({
      ...emptyMeta(options.freshId()),
      fence: fence > place.epoch ? fence : place.epoch,
      last: place,
      base: place,
      appliedIndex: place.index,
    }),
  );
  await environment.root.flushed;
  return header;
}

function refuseForeign(header: SnapshotHeader, clusterId: string | undefined): void {
  if (clusterId === undefined || clusterId === header.clusterId) return;
  throw new UnusableSnapshot(
    `the snapshot is of another cluster (${header.clusterId}, not ${clusterId})`,
  );
}

async function writeBatch(
  { root, state }: Environment,
  batch: readonly { readonly key: string; readonly value: Buffer }[],
): Promise<void> {
  if (batch.length === 0) return;
  await root.batch(() => {
    for (const { key, value } of batch) void state.put(key, sealValue(key, value));
  });
  await root.flushed;
}
