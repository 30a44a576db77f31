/**
 * Goal: a backup made while commits go on is put back into an empty folder and is the state of one moment;
 * nothing else is touched, and what cannot be used is refused in one line.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  encodeEntry,
  holdDataDir,
  restoreBackup,
  verifyBackup,
  writeBackup,
} from '../../../../control/store/index.ts';
import { suite } from '../../../kit/suite.ts';
import { change, contents, freshId, openStore, StoreFolders } from './store-kit.ts';

const { test, after, run } = suite('backup');
const folders = new StoreFolders();
after(() => folders.remove());

/** A folder with a backup that was made amid commits; each commit writes the same number twice. */
async function backedUp(): Promise<{ readonly file: string; readonly index: bigint }> {
  const folder = folders.fresh();
  const store = openStore(folder);
  for (let at = 0; at < 40; at += 1) await store.commit([change(`a/${at}`, 'x'.repeat(50_000))]);
  const file = join(folder, 'backup');
  let isDone = false;
  const written = writeBackup(store, { file, clusterId: 'c0ffee' }).finally(() => {
    isDone = true;
  });
  for (let at = 0; !isDone; at += 1) {
    await store.commit([change('first', String(at)), change('z/last', String(at))]);
  }
  const { header, bytesCount } = await written;
  assert.ok(bytesCount > 2_000_000);
  await store.close();
  return { file, index: BigInt(header.index) };
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was not refused');
}

test('what was backed up is there again, as of one commit, and goes on', async () => {
  const { file, index } = await backedUp();
  assert.is((await verifyBackup(file)).clusterId, 'c0ffee');
  const folder = folders.fresh();
  await restoreBackup({ file, folder, freshId, clusterId: 'c0ffee' });
  const store = openStore(folder);
  assert.is(store.position.index, index);
  assert.is(store.get('first')?.toString(), store.get('z/last')?.toString());
  assert.is([...store.range('a/')].length, 40);
  await store.commit([change('first', 'goes on')]);
  await store.close();
  const again = openStore(folder);
  assert.is(again.get('first')?.toString(), 'goes on');
  assert.is(again.position.index, index + 1n);
  await again.close();
});

test('two restores of one backup are two copies of the data', async () => {
  const { file } = await backedUp();
  const ids = new Set<string>();
  for (let at = 0; at < 2; at += 1) {
    const folder = folders.fresh();
    await restoreBackup({ file, folder, freshId });
    const store = openStore(folder);
    ids.add(store.storeId);
    await store.close();
  }
  assert.is(ids.size, 2);
});

test('a file that cannot be used is refused in one line and leaves the folder empty', async () => {
  const { file } = await backedUp();
  const folder = folders.fresh();
  const whole = readFileSync(file);
  const other = join(folders.fresh(), '..', 'other-backup');
  const attempt = async (bytes: Uint8Array, words: RegExp, clusterId?: string) => {
    writeFileSync(other, bytes);
    const of = clusterId === undefined ? {} : { clusterId };
    const line = await refusal(restoreBackup({ file: other, folder, freshId, ...of }));
    assert.match(line, words);
    assert.not.match(line, '\n');
    assert.equal(readdirSync(folder), []);
  };
  const flipped = Buffer.from(whole);
  flipped[1_000_000] = (flipped[1_000_000] ?? 0) ^ 1;
  await attempt(flipped, /damaged/);
  await attempt(whole.subarray(0, 1_000_000), /cut off/);
  await attempt(Buffer.alloc(0), /cut off/);
  await attempt(Buffer.from('# not a backup\n'.repeat(10)), /no snapshot of Miroir/);
  await attempt(whole, /another cluster/, 'beef');
  const newer = Buffer.from(whole.toString('latin1').replace('"schema":2', '"schema":9'), 'latin1');
  const { crc32 } = await import('node:zlib');
  newer.writeUInt32LE(crc32(newer.subarray(8, 8 + newer.readUInt32LE(0))), 4);
  await attempt(newer, /written by a newer Miroir/);
  assert.match(
    await refusal(restoreBackup({ file: '/nowhere', folder, freshId })),
    /no file that can be read/,
  );
});

test('a folder that is not empty, or in use, is left alone', async () => {
  const { file } = await backedUp();
  const folder = folders.fresh();
  const store = openStore(folder);
  await store.commit([change('old', 'state')]);
  await store.close();
  assert.match(await refusal(restoreBackup({ file, folder, freshId })), /is not empty/);
  const again = openStore(folder);
  assert.equal(contents(again), [['old', 'state']]);
  await again.close();
  const used = folders.fresh();
  mkdirSync(used);
  const held = await holdDataDir(used);
  assert.match(await refusal(restoreBackup({ file, folder: used, freshId })), /in use/);
  await held.release();
});

test('a backup never replaces a file, and leaves none that is not whole', async () => {
  const folder = folders.fresh();
  const store = openStore(folder);
  await store.commit([change('a', '1')]);
  const file = join(folder, 'backup');
  writeFileSync(file, 'mine');
  assert.match(await refusal(writeBackup(store, { file, clusterId: 'c' })), /already there/);
  assert.is(readFileSync(file, 'utf8'), 'mine');
  const broken = {
    async *snapshot() {
      yield* [Buffer.from('half')];
      throw new Error('the disk is gone');
    },
  };
  const next = join(folder, 'next');
  assert.match(await refusal(writeBackup(broken, { file: next, clusterId: 'c' })), /disk is gone/);
  assert.ok(!existsSync(next) && !existsSync(`${next}.part`));
  await store.close();
});

test('what is not applied yet is in no backup', async () => {
  const folder = folders.fresh();
  const store = openStore(folder);
  await store.commit([change('a', '1')]);
  const { bytes } = encodeEntry(store.epoch, store.chain, [change('a', '2')]);
  await store.write({ fence: store.epoch, entries: [bytes], commitIndex: 0n });
  const file = join(folder, 'backup');
  const { header } = await writeBackup(store, { file, clusterId: 'c' });
  assert.is(header.index, '1');
  truncateSync(file, 0);
  assert.match(await refusal(verifyBackup(file)), /cut off/);
  await store.close();
});

run();
