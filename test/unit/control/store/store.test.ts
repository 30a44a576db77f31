/**
 * Goal: what was committed is there after a reopen, whole; what is damaged or newer is refused.
 * Method: the store against a plain Map under random commits and reopens (fast-check); bytes flipped in the
 * file; a process that is killed while it commits.
 */
import { spawn } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  type Change,
  examineFolder,
  followsChain,
  holdDataDir,
  noteCleanStop,
  Store,
  UnusableStore,
} from '../../../../control/store/index.ts';
import { buildRoot } from '../../../kit/paths.ts';
import { seed, suite } from '../../../kit/suite.ts';
import { contents, freshId, openStore, StoreFolders } from './store-kit.ts';

const { test, after, run } = suite('store');
const folders = new StoreFolders();

after(() => folders.remove());

test('random commits and reopens equal a map', async () => {
  const change = fc.record({
    key: fc.constantFrom('a/1', 'a/2', 'b/1', 'b/000000000003', 'c'),
    value: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
  });
  const command = fc.oneof(fc.array(change, { minLength: 1, maxLength: 6 }), fc.constant('reopen'));
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 12 }), async (commands) => {
      const folder = folders.fresh();
      const model = new Map<string, string>();
      let store = openStore(folder);
      let commits = 0n;
      for (const item of commands) {
        if (typeof item === 'string') {
          await store.close();
          store = openStore(folder);
          continue;
        }
        const changes: Change[] = item.map(({ key, value }) => ({
          key,
          value: value === undefined ? undefined : Buffer.from(value),
        }));
        await store.commit(changes);
        commits += 1n;
        for (const { key, value } of item) {
          if (value === undefined) model.delete(key);
          else model.set(key, value);
        }
      }
      assert.equal(
        contents(store),
        [...model].sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      assert.is(store.position.index, commits);
      await store.close();
    }),
    { numRuns: 25, seed },
  );
});

test('each start has a higher epoch, whatever the clock says', async () => {
  const folder = folders.fresh();
  const first = openStore(folder, 1_000);
  await first.commit([{ key: 'a', value: Buffer.from('1') }]);
  assert.is(first.position.epoch, 1_000n);
  await first.close();
  const second = openStore(folder, 10);
  assert.is(second.epoch, 1_001n);
  assert.is(second.position.epoch, 1_000n, 'nothing was written in it yet');
  await second.close();
});

test('the log is a chain of what was committed', async () => {
  const folder = folders.fresh();
  const store = openStore(folder);
  for (let at = 0; at < 20; at += 1) {
    await store.commit([{ key: `k/${at}`, value: Buffer.from(String(at)) }]);
  }
  let previous: Uint8Array = new Uint8Array(16);
  let count = 0;
  const entries = store.entriesFrom(1n, 1_000_000);
  if (entries === 'trimmed') throw new Error('a short log is kept');
  for (const { bytes } of entries) {
    assert.ok(followsChain(previous, bytes));
    previous = Uint8Array.from(bytes.subarray(8, 24));
    count += 1;
  }
  assert.is(count, 20);
  assert.equal(Buffer.from(store.chain), Buffer.from(previous));
  await store.close();
});

test('a flipped bit is never served', async () => {
  const folder = folders.fresh();
  const store = openStore(folder);
  const text = 'a value that can be found in the file';
  await store.commit([{ key: 'k', value: Buffer.from(text) }]);
  await store.close();
  const file = join(folder, 'data.mdb');
  const bytes = readFileSync(file);
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at + 3] = (bytes[at + 3] ?? 0) ^ 1;
  }
  writeFileSync(file, bytes);
  let poison: unknown;
  const damaged = new Store({
    folder,
    nowSeconds: 1,
    freshId,
    onPoisoned: (error) => {
      poison = error;
    },
  });
  assert.throws(() => damaged.get('k'), /does not match its checksum/);
  assert.ok(poison, 'the process is told to end');
  await damaged.close();
  try {
    await examineFolder(folder);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UnusableStore);
    assert.match((error as Error).message, /is damaged/);
  }
});

test('a truncated file is found out in a process of its own', async () => {
  const folder = folders.fresh();
  const store = openStore(folder);
  for (let at = 0; at < 50; at += 1) {
    await store.commit([{ key: `k/${at}`, value: Buffer.alloc(20_000, at) }]);
  }
  await store.close();
  truncateSync(join(folder, 'data.mdb'), 64 * 1024);
  try {
    await examineFolder(folder);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UnusableStore);
  }
});

test('a clean stop spares the look, and a change of the file brings it back', async () => {
  const folder = folders.fresh();
  const store = openStore(folder);
  await store.commit([{ key: 'k', value: Buffer.from('v') }]);
  await store.close();
  noteCleanStop(folder);
  await examineFolder(folder);
  // The note is gone now, so the file is looked at and found good.
  await examineFolder(folder);
});

test('a file in which nothing was made yet is no damage', async () => {
  const folder = folders.fresh();
  const { open } = await import('lmdb');
  const raw = open<Buffer, string>({
    path: folder,
    noSubdir: false,
    encoding: 'binary',
    maxDbs: 8,
  });
  await raw.close();
  await examineFolder(folder);
  const store = openStore(folder);
  await store.commit([{ key: 'k', value: Buffer.from('v') }]);
  await store.close();
  await examineFolder(folder);
});

test('data of a newer version is refused in one line', async () => {
  const folder = folders.fresh();
  const store = openStore(folder);
  await store.commit([{ key: 'k', value: Buffer.from('v') }]);
  await store.close();
  const { open } = await import('lmdb');
  const { sealPlain } = await import('../../../../control/store/codec.ts');
  const raw = open<Buffer, string>({
    path: folder,
    noSubdir: false,
    encoding: 'binary',
    maxDbs: 8,
  });
  await raw.put('store', sealPlain(Buffer.from(JSON.stringify({ schema: 99 }))));
  await raw.close();
  assert.throws(() => openStore(folder), /written by a newer Miroir/);
});

test('one process holds the folder, and a socket left behind does not keep it', async () => {
  const folder = folders.fresh();
  const held = await holdDataDir(folder);
  try {
    await holdDataDir(folder);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /in use by another control process/);
  }
  await held.release();
  const again = await holdDataDir(folder);
  await again.release();
  const deep = join(folder, 'x'.repeat(100), 'y'.repeat(60));
  const far = await holdDataDir(deep);
  await far.release();
});

test('what a killed process had acknowledged is there', async () => {
  const folder = folders.fresh();
  const program = `
    import { Store } from ${JSON.stringify(join(buildRoot, 'control/store/index.js'))};
    const store = new Store({ folder: ${JSON.stringify(folder)}, nowSeconds: 1, freshId: () => 'aa', onPoisoned: () => process.exit(9) });
    for (let at = 0; ; at += 1) {
      await store.commit([{ key: 'n/' + String(at).padStart(9, '0'), value: Buffer.from(String(at)) }]);
      process.stdout.write(at + '\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let acknowledged = -1;
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      acknowledged = Number(chunk.toString().trim().split('\n').at(-1));
      if (acknowledged >= 100) child.kill('SIGKILL');
    });
    child.on('close', () => resolve());
  });
  assert.ok(acknowledged >= 100);
  await examineFolder(folder);
  const store = openStore(folder);
  const values = contents(store);
  assert.ok(values.length > acknowledged, `${values.length} values, ${acknowledged} acknowledged`);
  for (const [at, [, value]] of values.entries()) assert.is(value, String(at));
  await store.close();
});

run();
