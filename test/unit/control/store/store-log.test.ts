/**
 * Goal: the log of a replica is what was written of it, whatever is appended, truncated, applied and reopened;
 * the state is the one of the applied entries; old entries go, but none that is needed.
 * Method: the store against arrays and a Map under random writes (fast-check), then single cases.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  decodeEntry,
  encodeEntry,
  examineFolder,
  followsChain,
  readHead,
  type Store,
} from '../../../../control/store/index.ts';
import { seed, suite } from '../../../kit/suite.ts';
import { change, contents, openStore, StoreFolders } from './store-kit.ts';

const { test, after, run } = suite('store log');
const folders = new StoreFolders();
after(() => folders.remove());

const NO_CHAIN = new Uint8Array(16);

/** Encodes entries that follow each other, one for each text. */
function entriesAfter(chain: Uint8Array, epoch: bigint, texts: readonly string[]): Buffer[] {
  let previous = chain;
  return texts.map((text, at) => {
    const { bytes, chain: next } = encodeEntry(epoch, previous, [change(`k/${at % 3}`, text)]);
    previous = next;
    return bytes;
  });
}

/** What a replica is: its entries and how many of them the state holds. */
class Model {
  entries: Buffer[] = [];
  applied = 0;
  fence = 0n;

  chain(): Uint8Array {
    const last = this.entries.at(-1);
    return last === undefined ? NO_CHAIN : readHead(last).chain;
  }

  state(): [string, string][] {
    const values = new Map<string, string>();
    for (const bytes of this.entries.slice(0, this.applied)) {
      for (const { key, value } of decodeEntry(bytes).changes) {
        values.set(key, Buffer.from(value ?? []).toString());
      }
    }
    return [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

function same(store: Store, model: Model): void {
  assert.equal(contents(store), model.state());
  assert.is(store.position.index, BigInt(model.entries.length));
  assert.is(store.appliedIndex, BigInt(model.applied));
  assert.is(store.fence, model.fence);
  assert.equal(Buffer.from(store.chain), Buffer.from(model.chain()));
  const kept = store.entriesFrom(1n, Number.MAX_SAFE_INTEGER);
  if (kept === 'trimmed') throw new Error('so few entries are kept');
  assert.equal(
    kept.map(({ bytes }) => bytes.toString('hex')),
    model.entries.map((bytes) => bytes.toString('hex')),
  );
  for (const [at, bytes] of model.entries.entries()) {
    assert.equal(
      Buffer.from(store.placeAt(BigInt(at + 1))?.chain ?? []),
      Buffer.from(readHead(bytes).chain),
    );
  }
}

test('random writes equal a list of entries', async () => {
  const write = fc.record({
    dropped: fc.nat({ max: 3 }),
    texts: fc.array(fc.string({ maxLength: 20 }), { maxLength: 4 }),
    commit: fc.nat({ max: 6 }),
    raise: fc.boolean(),
  });
  const command = fc.oneof({ weight: 4, arbitrary: write }, fc.constant('reopen' as const));
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 10 }), async (commands) => {
      const folder = folders.fresh();
      const model = new Model();
      let store = openStore(folder);
      const { storeId } = store;
      for (const item of commands) {
        if (item === 'reopen') {
          await store.close();
          store = openStore(folder);
          assert.is(store.storeId, storeId);
          same(store, model);
          continue;
        }
        const kept = Math.max(model.applied, model.entries.length - item.dropped);
        model.entries.length = kept;
        if (item.raise) model.fence += 1n;
        const entries = entriesAfter(model.chain(), model.fence, item.texts);
        model.entries.push(...entries);
        const commitIndex = model.applied + item.commit;
        model.applied = Math.min(model.entries.length, commitIndex);
        await store.write({
          fence: model.fence,
          truncateFrom: BigInt(kept + 1),
          entries,
          commitIndex: BigInt(commitIndex),
        });
        same(store, model);
      }
      await store.close();
      await examineFolder(folder);
    }),
    { numRuns: 8, seed, endOnFailure: true },
  );
});

test('entries are read in portions of a size, and never past the end', async () => {
  const store = openStore(folders.fresh());
  const entries = entriesAfter(NO_CHAIN, 1n, ['x'.repeat(1_000), 'y'.repeat(1_000), 'z']);
  await store.write({ fence: 1n, entries, commitIndex: 0n });
  const indexes = (from: bigint, bytesMax: number) => {
    const read = store.entriesFrom(from, bytesMax);
    return read === 'trimmed' ? read : read.map(({ index }) => Number(index));
  };
  assert.equal(indexes(1n, 1), [1], 'at least one');
  assert.equal(indexes(2n, 1_500), [2, 3]);
  assert.equal(indexes(4n, 1_500), []);
  assert.is(indexes(0n, 1_500), 'trimmed', 'nothing is before the first');
  assert.is(store.placeAt(4n), undefined);
  assert.is(store.placeAt(0n)?.epoch, 0n);
  await store.close();
});

test('an entry that does not follow, and a truncation of what is applied, end the process', async () => {
  const [first] = entriesAfter(NO_CHAIN, 1n, ['a']);
  if (first === undefined) throw new Error('one entry');
  for (const wrong of [
    { entries: [first], commitIndex: 0n },
    { truncateFrom: 1n, entries: [], commitIndex: 0n },
    { fence: 0n, entries: [], commitIndex: 0n },
  ]) {
    const store = openStore(folders.fresh());
    await store.write({ fence: 1n, entries: [first], commitIndex: 1n });
    const isRefused = await store.write(wrong).then(
      () => false,
      () => true,
    );
    assert.ok(isRefused, Object.keys(wrong).join(' '));
    await store.close();
  }
});

test('a long log loses its beginning, and keeps its chain and what is not applied', async () => {
  const folder = folders.fresh();
  const store = openStore(folder);
  const text = 'x'.repeat(8 * 1024 * 1024);
  for (let at = 1; at <= 12; at += 1) {
    const entries = entriesAfter(store.chain, 1n, [text]);
    await store.write({ fence: 1n, entries, commitIndex: 0n });
  }
  assert.not.type(store.entriesFrom(1n, 1), 'string', 'what is not applied is kept');
  await store.write({ entries: [], commitIndex: 12n });
  assert.is(store.entriesFrom(1n, 1), 'trimmed');
  const rest = store.entriesFrom(6n, 1);
  if (rest === 'trimmed') throw new Error('64 MiB are kept');
  const base = store.placeAt(5n);
  assert.ok(base && rest[0] && followsChain(base.chain, rest[0].bytes));
  assert.is(store.placeAt(4n), undefined);
  await store.close();
  await examineFolder(folder);
});

run();
