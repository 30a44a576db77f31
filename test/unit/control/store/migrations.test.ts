/**
 * Goal: data of every older schema opens with everything in it.
 * Method: files written by the programs of their time (golden/). Schema 1: commit `at` wrote `value <at>`,
 * padded with spaces, to k/<at mod 50>, or removed it when at mod 7 is 6; `trimmed` had lost the beginning of
 * its log. The log of schema 1 is dropped: there were no replicas to read it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { examineFolder } from '../../../../control/store/index.ts';
import { projectRoot } from '../../../kit/paths.ts';
import { suite } from '../../../kit/suite.ts';
import { change, contents, openStore, StoreFolders } from './store-kit.ts';

const { test, after, run } = suite('store migrations');
const folders = new StoreFolders();
after(() => folders.remove());

function golden(name: string): string {
  const folder = folders.fresh();
  mkdirSync(folder, { recursive: true });
  const file = join(projectRoot, 'test/unit/control/store/golden', `${name}.mdb.gz`);
  writeFileSync(join(folder, 'data.mdb'), gunzipSync(readFileSync(file)));
  return folder;
}

function expected(count: number, bytes: number): [string, string][] {
  const values = new Map<string, string>();
  for (let at = 0; at < count; at += 1) {
    const key = `k/${String(at % 50).padStart(3, '0')}`;
    if (at % 7 === 6) values.delete(key);
    else values.set(key, `value ${at}`.padEnd(bytes));
  }
  return [...values].sort(([a], [b]) => (a < b ? -1 : 1));
}

for (const { name, count, bytes } of [
  { name: 'schema-1-short', count: 12, bytes: 0 },
  { name: 'schema-1-trimmed', count: 40, bytes: 512 * 1024 },
]) {
  test(`${name} opens, goes on and opens again`, async () => {
    const folder = golden(name);
    await examineFolder(folder);
    const store = openStore(folder);
    assert.equal(contents(store), expected(count, bytes));
    assert.is(store.position.index, BigInt(count));
    assert.is(store.appliedIndex, BigInt(count));
    assert.is(store.fence, 1_700_000_000n);
    assert.match(store.storeId, /^[0-9a-f]{32}$/);
    assert.is(store.entriesFrom(BigInt(count), 1), 'trimmed');
    assert.equal(store.entriesFrom(BigInt(count) + 1n, 1), []);
    const { storeId } = store;
    await store.commit([change('k/new', 'one')]);
    await store.close();
    await examineFolder(folder);
    const again = openStore(folder);
    assert.is(again.storeId, storeId);
    assert.is(again.get('k/new')?.toString(), 'one');
    await again.close();
  });
}

run();
