/**
 * Goal: a copy that is behind catches up by write-protocol rules 15 to 21, whatever it missed and whatever
 * clients write meanwhile, and counts only when it is equal.
 * Method: the machine over model nodes (world.ts); one test per rule or hole, with writes put between the
 * steps of a recovery.
 */
import * as assert from 'uvu/assert';
import type { Effect } from '../../../../control/state/index.ts';
import { suite } from '../../../kit/suite.ts';
import { World } from './world.ts';
import type { Write } from './writes.ts';

const { test, run } = suite('recovery');

/** Node b misses these writes. */
function away(world: World, ...writes: readonly Write[]): void {
  world.setUp('b', false);
  for (const write of writes) {
    world.write(write);
    world.run(3);
  }
  assert.is(world.copy('b'), 'behind');
  world.setUp('b', true);
}

function assertEqual(world: World): void {
  assert.is(world.copy('b'), 'in-sync');
  assert.equal(world.colors('b'), world.colors('a'));
  assert.equal(
    world.words.filter((words) => words.includes('differ')),
    [],
  );
}

function planned(world: World): string[] {
  return world.words.filter((words) => words.endsWith(' on b'));
}

test('a copy that missed "blue to red" and then "delete red" comes back equal', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue', 2: 'green', 3: 'blue' } });
  world.run();
  away(world, { kind: 'paint', from: 'blue', to: 'red' }, { kind: 'deleteColor', color: 'red' });
  assert.equal(world.colors('b'), ['1=blue', '2=green', '3=blue']);
  world.run();
  assertEqual(world);
  assert.equal(world.colors('b'), ['2=green']);
  assert.equal(planned(world), ['ids on b']);
});

test('writes that name their documents cost a delta', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue', 2: 'green' } });
  world.run();
  away(
    world,
    { kind: 'put', documents: { 3: 'red' } },
    { kind: 'update', documents: { 1: 'black' } },
    { kind: 'delete', ids: ['2'] },
  );
  world.run();
  assertEqual(world);
  assert.equal(world.colors('b'), ['1=black', '3=red']);
  assert.equal(planned(world), ['delta on b']);
});

test('a node that lost everything is made anew and filled whole', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue', 2: 'green' } });
  world.run();
  const node = world.node('b');
  node.documents.clear();
  node.tasks = [];
  world.run();
  // Nothing is written to it before it was checked.
  assert.equal(planned(world), []);
  world.setUp('b', false);
  world.setUp('b', true);
  world.run();
  assertEqual(world);
  assert.equal(planned(world), ['rebuild on b', 'full on b']);
  assert.equal(world.index.needs, {});
});

/** Lets a client write just before the first effect of a kind is answered. */
function writeAt(world: World, kind: Effect['kind'], ...writes: readonly Write[]): void {
  let isDone = false;
  world.onEffect = (effect) => {
    if (isDone || effect.kind !== kind) return;
    isDone = true;
    for (const write of writes) world.write(write);
  };
}

for (const kind of [
  'recoveryList',
  'recoveryRead',
  'recoveryWrite',
  'recoveryCompare',
  'readNode',
] as const) {
  const between: readonly (readonly [string, readonly Write[]])[] = [
    ['a replaced document', [{ kind: 'put', documents: { 1: 'white', 9: 'white' } }]],
    ['a changed document', [{ kind: 'update', documents: { 1: 'gold', 7: 'gold' } }]],
    ['a deletion by id', [{ kind: 'delete', ids: ['1', '2'] }]],
    ['a deletion by filter', [{ kind: 'deleteColor', color: 'green' }]],
    [
      'an edit and a deletion',
      [
        { kind: 'paint', from: 'green', to: 'red' },
        { kind: 'deleteColor', color: 'red' },
      ],
    ],
  ];
  for (const [name, writes] of between) {
    test(`${name} while a copy is filled, at ${kind}`, () => {
      const world = new World();
      world.write({ kind: 'put', documents: { 1: 'blue', 2: 'green', 3: 'green' } });
      world.run();
      away(world, { kind: 'put', documents: { 1: 'black', 4: 'black' } });
      writeAt(world, kind, ...writes);
      world.run(80);
      assert.equal(world.refusals, []);
      assertEqual(world);
    });
  }
}

test('a copy is not filled while a send to it is open, nor from a copy that is held', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue' } });
  world.run();
  // The send to b is unknown: b is suspect, then behind, only when its tasks were read.
  const seq = world.grant({ kind: 'put', documents: { 1: 'red' } }) ?? -1;
  const uid = world.node('a').enqueue(`m1.00.${seq}.0`, () => {});
  world.apply({
    kind: 'report',
    seq,
    results: [
      { nodeId: 'a', part: 0, partCount: 1, outcome: { kind: 'enqueued', uid } },
      { nodeId: 'b', part: 0, partCount: 1, outcome: { kind: 'unknown', reason: 'reset' } },
    ],
    isComplete: false,
    ticket: 0,
    now: world.now,
  });
  assert.is(world.copy('b'), 'suspect');
  world.apply({ kind: 'tick', now: world.now });
  assert.is(world.state.recovery.workers.size, 0);
});

test('a late task ends a recovery, and nothing of what was noted is forgotten', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue', 2: 'green' } });
  world.run();
  away(world, { kind: 'paint', from: 'blue', to: 'red' });
  let isDone = false;
  world.onEffect = (effect) => {
    if (isDone || effect.kind !== 'recoveryRead') return;
    isDone = true;
    // A send of long ago that nobody waits for any more.
    world.node('b').enqueue('m1.00.1.0', (documents) => documents.delete('2'));
    world.read('b');
    assert.is(world.copy('b'), 'behind');
    assert.is(world.notes('b')?.isKeyless, true);
    assert.is(world.notes('b')?.fill, null);
  };
  world.run(80);
  assert.ok(isDone);
  assertEqual(world);
});

test('content that differs at the end is an alarm, and everything is written anew', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue', 2: 'green' } });
  world.run();
  away(world, { kind: 'put', documents: { 3: 'red' } });
  // A document that no list names: same version, other content.
  const rotten = world.node('b').documents.get('2');
  if (rotten !== undefined) world.node('b').documents.set('2', { ...rotten, color: 'rotten' });
  world.run(100);
  assert.is(world.words.filter((words) => words.includes('differ')).length, 1);
  assert.equal(planned(world), ['delta on b', 'full on b']);
  assert.is(world.copy('b'), 'in-sync');
  assert.equal(world.colors('b'), world.colors('a'));
});

test('steady writes do not keep a copy from counting', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue' } });
  world.run();
  away(world, { kind: 'put', documents: { 2: 'black' } });
  // There is always a write that nodes have not applied, and one that has only just begun.
  let held = 0;
  world.onEffect = (effect) => {
    if (effect.kind === 'internalGranted') held += 1;
  };
  for (let round = 0; round < 60 && world.copy('b') !== 'in-sync'; round += 1) {
    const write: Write = { kind: 'update', documents: { [10 + (round % 5)]: `c${round}` } };
    world.write(write);
    world.nodes.forEach((node) => {
      node.work();
    });
    world.write({ kind: 'update', documents: { [20 + (round % 5)]: `d${round}` } });
    world.read('a');
    world.read('b');
    world.drain();
    world.nowMs += 20;
    world.apply({ kind: 'tick', now: world.now });
  }
  assert.is(world.copy('b'), 'in-sync');
  assert.ok(held > 1);
  world.run();
  assertEqual(world);
});

test('a hold that ends too early loses nothing of what waited for it', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue' } });
  world.run();
  away(world, { kind: 'put', documents: { 2: 'black' } });
  let holds = 0;
  for (let round = 0; round < 40; round += 1) {
    world.onEffect = (effect) => {
      if (effect.kind !== 'recoveryRead' || !hasHold(world)) return;
      // These wait for the hold, which does not last until the copy counts.
      world.write({ kind: 'update', documents: { 1: `e${round}`, [`n${round}`]: 'new' } });
      world.nowMs += 2_500;
      holds += 1;
    };
    world.write({ kind: 'update', documents: { [10 + (round % 5)]: `c${round}` } });
    world.nodes.forEach((node) => {
      node.work();
    });
    world.write({ kind: 'update', documents: { [20 + (round % 5)]: `d${round}` } });
    world.read('a');
    world.read('b');
    world.drain();
    world.nowMs += 20;
    world.apply({ kind: 'tick', now: world.now });
  }
  world.onEffect = () => {};
  assert.ok(holds > 0);
  world.run(80);
  assertEqual(world);
});

function hasHold(world: World): boolean {
  return [...world.state.recovery.workers.values()].some(({ hold }) => hold !== null);
}

test('an operation on the index ends a recovery, which begins anew after it', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue' } });
  world.run();
  away(world, { kind: 'put', documents: { 2: 'black' } });
  let isDone = false;
  world.onEffect = (effect) => {
    if (isDone || effect.kind !== 'recoveryRead') return;
    isDone = true;
    world.begin({ kind: 'settingsUpdate', body: { stopWords: ['the'] } });
  };
  world.run(60);
  assert.ok(isDone);
  assertEqual(world);
});

test('tombstones go when every copy has seen the deletion', () => {
  const world = new World();
  world.write({ kind: 'put', documents: { 1: 'blue', 2: 'green' } });
  world.run();
  away(world, { kind: 'delete', ids: ['1'] });
  assert.ok(world.state.tombstones.size > 0);
  world.run();
  assertEqual(world);
  assert.is(world.state.tombstones.size, 0);
});

run();
