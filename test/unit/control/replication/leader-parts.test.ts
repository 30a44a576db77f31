/**
 * Goal: a leader reads what it committed before that is on disk in the state; it knows for how long a leader
 * that was replaced may go on; and what it shows follows the entries that were applied, names exchanged
 * included.
 * Method: each part with made-up surroundings.
 */
import * as assert from 'uvu/assert';
import { encodeJson } from '../../../../control/machine/index.ts';
import { EarlierLeaders } from '../../../../control/replication/earlier-leaders.ts';
import type { EngineRecord } from '../../../../control/replication/engine.ts';
import { LeaderStore } from '../../../../control/replication/leader-store.ts';
import { CommittedView } from '../../../../control/replication/view.ts';
import type { Change } from '../../../../control/store/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('parts of a leader');

test('what is committed is read before it is applied, removals as well', async () => {
  const disk = new Map([
    ['a', Buffer.from('old')],
    ['ab', Buffer.from('old')],
    ['b', Buffer.from('old')],
  ]);
  const applied = { epoch: 1, index: 4 };
  let index = 4n;
  const driver = {
    commit: async () => {
      index += 1n;
      return { epoch: 1n, index };
    },
    state: { log: { applied } },
  };
  const store = new LeaderStore(diskOf(disk), driver as never);
  await store.commit([
    { key: 'a', value: Buffer.from('new') },
    { key: 'b', value: undefined },
    { key: 'ac', value: Buffer.from('new') },
    { key: 'c', value: Buffer.from('new') },
  ]);
  const shown = (prefix: string) =>
    [...store.range(prefix)].map(({ key, value }) => `${key}=${value}`);
  assert.equal(shown(''), ['a=new', 'ab=old', 'ac=new', 'c=new']);
  assert.equal(shown('a'), ['a=new', 'ab=old', 'ac=new']);
  assert.is(store.get('a')?.toString(), 'new');
  assert.is(store.get('b'), undefined);
  // Another program's read after it was applied is of the disk.
  applied.index = 5;
  store.applied();
  assert.is(store.get('a')?.toString(), 'old');
});

test('rounds of proof are shared, and one that came later is not answered by an earlier one', async () => {
  const rounds: (() => void)[] = [];
  const driver = { confirmLeading: () => new Promise<void>((resolve) => rounds.push(resolve)) };
  const store = new LeaderStore(diskOf(new Map()), driver as never);
  const done: string[] = [];
  const verify = (name: string) => store.verify().then(() => done.push(name));
  const all = [verify('a'), verify('b'), verify('c')];
  assert.is(rounds.length, 1);
  rounds[0]?.();
  await all[0];
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(done, ['a']);
  assert.is(rounds.length, 2);
  rounds[1]?.();
  await Promise.all(all);
  assert.equal(done, ['a', 'b', 'c']);
});

test('only a leader that was replaced by another may still call nodes', () => {
  const record = (leader: string, epoch: number) => ({ leader, epoch }) as EngineRecord;
  const until = (...records: EngineRecord[]) => {
    const earlier = new EarlierLeaders(6_000, 0);
    for (const [at, item] of records.entries()) earlier.note(item, 100 + at);
    return earlier.callUntilMs;
  };
  const unknown = 8_000;
  assert.is(until(record('a', 1)), unknown);
  assert.is(until(record('a', 1), record('', 1), record('b', 2)), unknown);
  assert.is(until(record('a', 1), record('a', 2)), unknown);
  assert.is(until(record('a', 1), record('b', 2)), 8_101);
  assert.is(until(record('a', 1), record('b', 2), record('', 2), record('c', 3)), 8_101);
});

test('the view follows entries, and two indexes may exchange their names', () => {
  const state = new Map<string, Buffer>();
  const store = diskOf(state);
  const index = (id: string, uid: string | null): Change => ({
    key: `i/${id}`,
    value: encodeJson({ id, headUid: uid, visibleUid: uid, owners: '', copyStates: '' }),
  });
  const view = new CommittedView(store);
  assert.ok(view.isEmpty);
  assert.equal([...view.apply([index('1', 'a'), index('2', 'b')]).uids], ['a', 'b']);
  view.apply([index('1', 'b'), index('2', 'a')]);
  assert.is(view.entryOf('a')?.index.id, '2');
  assert.is(view.entryOf('b')?.index.id, '1');
  assert.equal([...view.apply([{ key: 'i/1', value: undefined }]).uids], ['b']);
  assert.is(view.entryOf('b'), undefined);
  assert.equal([...view.visible.keys()], ['a']);
});

function diskOf(pairs: ReadonlyMap<string, Buffer>) {
  return {
    get: (key: string) => pairs.get(key),
    *range(prefix: string) {
      for (const [key, value] of pairs) if (key.startsWith(prefix)) yield { key, value };
    },
    snapshot: () => {
      throw new Error('not asked for here');
    },
  };
}

run();
