/**
 * Goal: a replica alone reads what it committed at once, though the state on disk takes it up later, and a crash
 * at any moment loses nothing of it.
 * Method: random commits against a map, two at a time and with pauses; now and then what lies on disk is copied, as
 * a crash would leave it, and opened; the log is applied as control does at its start.
 */
import { cpSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { SoleStore, type Store } from '../../../../control/store/index.ts';
import { suite } from '../../../kit/suite.ts';
import { Random } from '../../../sim/random.ts';
import { change, openStore, StoreFolders } from './store-kit.ts';

const { test, after, run } = suite('sole store');
const folders = new StoreFolders();

after(() => folders.remove());

test('what is committed is read, in the order of its keys, before and after the disk has it', async () => {
  let folder = folders.fresh();
  const random = new Random(7);
  const expected = new Map<string, string>();
  let disk = openStore(folder);
  let store = new SoleStore(disk);
  let aheadCount = 0;
  for (let round = 0; round < 300; round += 1) {
    const commits = [round, round + 0.5].map((name) => {
      const key = `k/${random.below(40)}`;
      const value = random.chance(0.2) ? undefined : `${name}`;
      if (value === undefined) expected.delete(key);
      else expected.set(key, value);
      return store.commit([change(key, value)]);
    });
    await Promise.all(commits);
    if (disk.appliedIndex < disk.position.index) aheadCount += 1;
    assert.equal(contentOf(store), sorted(expected), `round ${round}`);
    const key = `k/${random.below(40)}`;
    assert.is(store.get(key)?.toString(), expected.get(key), `round ${round}`);
    if (random.chance(0.05)) await new Promise((resolve) => setTimeout(resolve, 40));
    if (random.chance(0.05)) {
      const { index } = disk.position;
      const left = folder;
      folder = folders.fresh();
      cpSync(left, folder, { recursive: true });
      await store.close();
      disk = await reopen(folder);
      assert.is(disk.position.index, index);
      store = new SoleStore(disk);
      assert.equal(contentOf(store), sorted(expected), `after a crash in round ${round}`);
    }
  }
  assert.ok(aheadCount > 100, 'the disk was behind most of the time');
  await store.settle();
  assert.is(disk.appliedIndex, disk.position.index);
  await store.close();
});

test('a snapshot holds what was committed when it was asked for', async () => {
  const disk = openStore(folders.fresh());
  const store = new SoleStore(disk);
  await store.commit([change('a', '1')]);
  assert.is(disk.appliedIndex, 0n);
  for await (const _ of store.snapshot({ clusterId: 'c' })) break;
  assert.is(disk.appliedIndex, 1n);
  await store.close();
});

async function reopen(folder: string): Promise<Store> {
  const next = openStore(folder);
  if (next.appliedIndex < next.position.index) {
    await next.write({ entries: [], commitIndex: next.position.index });
  }
  return next;
}

function contentOf(store: SoleStore): [string, string][] {
  return [...store.range('k/')].map(({ key, value }) => [key, value.toString()]);
}

function sorted(expected: ReadonlyMap<string, string>): [string, string][] {
  return [...expected].sort(([one], [other]) => (one < other ? -1 : 1));
}

run();
