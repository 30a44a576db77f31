/**
 * Goal: a snapshot is the state of one moment, and puts exactly that in place elsewhere under a new name; what
 * is cut off, changed, newer or foreign is refused and changes nothing.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  encodeEntry,
  examineFolder,
  installSnapshot,
  noteCleanStop,
  type Store,
  UnusableSnapshot,
} from '../../../../control/store/index.ts';
import { suite } from '../../../kit/suite.ts';
import { change, contents, freshId, openStore, StoreFolders } from './store-kit.ts';

const { test, after, run } = suite('store snapshot');
const folders = new StoreFolders();
after(() => folders.remove());

const CLUSTER = 'c0ffee';

async function chunksOf(store: Store): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of store.snapshot({ clusterId: CLUSTER })) chunks.push(Buffer.from(chunk));
  return chunks;
}

async function* stream(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

function install(folder: string, pieces: readonly Uint8Array[], fence?: bigint) {
  mkdirSync(folder, { recursive: true });
  return installSnapshot(stream(pieces), {
    folder,
    freshId,
    clusterId: CLUSTER,
    ...(fence === undefined ? {} : { fence }),
  });
}

/** Values of all sizes: none, small ones, one larger than a chunk and one larger than several. */
async function filled(): Promise<Store> {
  const store = openStore(folders.fresh());
  const small = Array.from({ length: 300 }, (_, at) =>
    change(`k/${String(at).padStart(4, '0')}`, 'v'.repeat(at * 13)),
  );
  await store.commit(small);
  await store.commit([
    change('large', 'x'.repeat(300_000)),
    change('very large', 'y'.repeat(3_000_000)),
  ]);
  await store.commit([change('none', '')]);
  return store;
}

test('it is put in place whole, at the same position, under another name', async () => {
  const source = await filled();
  const chunks = await chunksOf(source);
  assert.ok(chunks.every((chunk) => chunk.length <= 256 * 1024));
  const folder = folders.fresh();
  const header = await install(folder, chunks, source.fence + 5n);
  assert.is(header.index, String(source.position.index));
  const copy = openStore(folder);
  assert.equal(contents(copy), contents(source));
  assert.equal(copy.position, source.position);
  assert.equal(Buffer.from(copy.chain), Buffer.from(source.chain));
  assert.is(copy.appliedIndex, source.position.index);
  assert.is(copy.fence, source.fence + 5n, 'its own fence is not forgotten');
  assert.is.not(copy.storeId, source.storeId);
  assert.is(copy.entriesFrom(1n, 1), 'trimmed');
  // The log goes on from there.
  const { bytes } = encodeEntry(copy.fence, source.chain, [change('next', '1')]);
  await copy.write({ entries: [bytes], commitIndex: copy.position.index + 1n });
  assert.is(copy.get('next')?.toString(), '1');
  await copy.close();
  await examineFolder(folder);
  await source.close();
});

test('it is the state of one moment, without what is not applied', async () => {
  const store = await filled();
  const before = contents(store);
  const chunks: Buffer[] = [];
  for await (const chunk of store.snapshot({ clusterId: CLUSTER })) {
    if (chunks.length === 0) await store.commit([change('k/0299', 'later'), change('zz', 'later')]);
    chunks.push(chunk);
  }
  const { bytes } = encodeEntry(store.epoch, store.chain, [change('zz', 'not applied')]);
  await store.write({ fence: store.epoch, entries: [bytes], commitIndex: 0n });
  const folder = folders.fresh();
  await install(folder, chunks);
  const copy = openStore(folder);
  assert.equal(contents(copy), before);
  await copy.close();
  const other = folders.fresh();
  await install(other, await chunksOf(store));
  const later = openStore(other);
  assert.is(later.get('zz')?.toString(), 'later');
  assert.is(later.position.index, store.position.index - 1n);
  await later.close();
  await store.close();
});

test('pieces of any size are read', async () => {
  const store = await filled();
  const whole = Buffer.concat(await chunksOf(store));
  for (const size of [1_000, 256 * 1024 + 1, whole.length]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
    const folder = folders.fresh();
    await install(folder, pieces);
    const copy = openStore(folder);
    assert.equal(contents(copy), contents(store));
    await copy.close();
  }
  await store.close();
});

test('what is damaged, cut off, foreign or newer is refused, and the old state stays', async () => {
  const source = await filled();
  const chunks = await chunksOf(source);
  const whole = Buffer.concat(chunks);
  const folder = folders.fresh();
  const old = openStore(folder);
  await old.commit([change('old', 'state')]);
  const refused = async (bytes: Uint8Array, words: RegExp, clusterId = CLUSTER) => {
    try {
      await installSnapshot(stream([bytes]), { folder, freshId, clusterId });
    } catch (error) {
      assert.instance(error, UnusableSnapshot);
      assert.match((error as Error).message, words);
      assert.is((error as Error).message.includes('\n'), false);
      return;
    }
    throw new Error(`taken though ${words}`);
  };
  for (const at of [9, 200, 300_000, whole.length - 1]) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    await refused(flipped, /damaged/);
  }
  await refused(whole.subarray(0, whole.length - 1), /cut off/);
  await refused(Buffer.concat(chunks.slice(0, -1)), /cut off/);
  await refused(Buffer.concat(chunks.toSpliced(2, 1)), /damaged|no snapshot/);
  await refused(Buffer.concat([whole, chunks[0] as Buffer]), /after its end|no snapshot/);
  await refused(Buffer.from('{"a":"file of something else"}'), /no snapshot/);
  await refused(whole, /another cluster \(c0ffee, not beef\)/, 'beef');
  await old.close();
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith('env-')),
    [],
  );
  const again = openStore(folder);
  assert.equal(contents(again), [['old', 'state']]);
  await again.close();
  await source.close();
});

test('one that is read too slowly ends, and holds no old pages after that', async () => {
  const store = await filled();
  const slow = store.snapshot({ clusterId: CLUSTER, ageMaxMs: 50 });
  assert.is((await slow.next()).done, false);
  await new Promise((resolve) => setTimeout(resolve, 100));
  let refusal: unknown;
  try {
    // What was already read may still come.
    for await (const chunk of slow) assert.ok(chunk.length > 0);
  } catch (error) {
    refusal = error;
  }
  assert.instance(refusal, UnusableSnapshot);
  assert.match((refusal as Error).message, 'took too long');
  await store.commit([change('k/0000', 'goes on')]);
  const folder = folders.fresh();
  await install(folder, await chunksOf(store));
  const copy = openStore(folder);
  assert.is(copy.get('k/0000')?.toString(), 'goes on');
  await copy.close();
  await store.close();
});

test('one that is given up in the middle lets go of its transaction', async () => {
  const store = await filled();
  for (let at = 0; at < 140; at += 1) {
    for await (const chunk of store.snapshot({ clusterId: CLUSTER })) {
      assert.ok(chunk.length > 0);
      break;
    }
  }
  assert.ok(
    (await chunksOf(store)).length > 1,
    'readers that were not let go of would be too many',
  );
  await store.close();
});

test('a replaced environment, and one that was not finished, go away', async () => {
  const source = await filled();
  const folder = folders.fresh();
  const old = openStore(folder);
  await old.commit([change('old', 'state')]);
  await install(folder, await chunksOf(source));
  assert.equal(contents(old), [['old', 'state']], 'the open one is not disturbed');
  await old.close();
  mkdirSync(join(folder, 'env-00'));
  writeFileSync(join(folder, 'env-00', 'data.mdb'), 'half');
  const store = openStore(folder);
  assert.equal(contents(store), contents(source));
  await store.close();
  noteCleanStop(folder);
  await examineFolder(folder);
  const names = readdirSync(folder).sort();
  assert.is(names.length, 2, names.join(' '));
  assert.is(names[1], readFileSync(join(folder, 'CURRENT'), 'utf8').trim());
  assert.ok(!existsSync(join(folder, 'data.mdb')));
  await source.close();
});

run();
