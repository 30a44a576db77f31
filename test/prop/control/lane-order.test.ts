/**
 * Goal: conflicting writes reach every node's queue in lane order, whatever is lost or dies, and in the end
 * every write has one outcome, the catalog says what the nodes hold, and the disk holds what memory does.
 * Method: the reducers in a made-up world (model-world.ts), seeds x random steps, then a drain; the order is
 * judged by a second, dumb idea of conflict that knows nothing of the lane.
 */
import * as assert from 'uvu/assert';
import { seed, suite } from '../../kit/suite.ts';
import { World } from './model-world.ts';
import type { BegunWrite } from './model-writes.ts';

const SEEDS = 120;
const STEPS = 250;
const { test, run } = suite('lane order');

/** Deterministic numbers in [0, 1). */
function generator(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const isDocuments = (write: BegunWrite): boolean => write.input.kind.startsWith('documents');

function conflict(left: BegunWrite, right: BegunWrite): boolean {
  if (!left.names.some((name) => right.names.includes(name))) return false;
  if (!isDocuments(left) || !isDocuments(right)) return true;
  if (left.input.touchesAllShards || right.input.touchesAllShards) return true;
  return left.keys.some((key) => right.keys.includes(key));
}

/** On every node, tasks of conflicting writes stand in lane order. */
function checkOrder(world: World): void {
  for (const node of world.nodes.values()) {
    for (const [at, later] of node.tasks.entries()) {
      for (const earlier of node.tasks.slice(0, at)) {
        if (earlier.seq <= later.seq) continue;
        const both = [world.begun.get(earlier.seq), world.begun.get(later.seq)];
        const [first, second] = both;
        if (first === undefined || second === undefined) continue;
        // The index itself is made by the first write; the ground of that one comes before all.
        assert.not.ok(
          conflict(first, second),
          `${node.id}: ${earlier.seq} (${first.input.kind}) before ${later.seq} (${second.input.kind})`,
        );
      }
    }
  }
}

function checkEnd(world: World): void {
  const { state } = world;
  assert.is(state.open.size, 0, 'every write is over');
  for (const summary of state.summaries) {
    assert.ok(['succeeded', 'failed'].includes(summary.status), `task ${summary.uid} is final`);
  }
  const names = (map: ReadonlyMap<string, string>): string =>
    JSON.stringify([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  assert.is(names(state.visible), names(state.head), 'readers see what writers see');
  for (const [uid, id] of state.visible) {
    for (const nodeId of state.indexes.get(id)?.nodeIds ?? []) {
      assert.ok(world.nodes.get(nodeId)?.indexes.has(uid), `${nodeId} holds ${uid}`);
    }
  }
  for (const node of world.nodes.values()) {
    for (const uid of node.indexes.keys()) {
      const owners = state.indexes.get(state.visible.get(uid) ?? '')?.nodeIds ?? [];
      assert.ok(owners.includes(node.id), `${node.id} holds ${uid} and owns part of it`);
    }
  }
}

/** Documents are only ever sent to an index that is there. */
function checkNodeTasks(world: World): void {
  for (const node of world.nodes.values()) {
    const lost = node.tasks.find((task) => task.tag !== null && task.status === 'failed');
    assert.is(lost, undefined, 'no document task fails for want of its index');
  }
}

function checkReload(world: World): void {
  const before = JSON.stringify([...world.disk].sort(([a], [b]) => (a < b ? -1 : 1)));
  const { summaries, groups } = world.state;
  world.crash();
  assert.equal(world.state.summaries, summaries);
  assert.equal(
    world.state.groups.map((group) => group.name),
    groups.map((group) => group.name),
  );
  assert.is(JSON.stringify([...world.disk].sort(([a], [b]) => (a < b ? -1 : 1))), before);
}

function play(at: number, faults: boolean): World {
  const world = new World(generator(at));
  for (let turn = 0; turn < STEPS; turn += 1) world.turn(faults);
  world.drain();
  checkOrder(world);
  checkEnd(world);
  checkNodeTasks(world);
  checkReload(world);
  return world;
}

test('without faults every write succeeds or fails as one node would fail it', () => {
  let begun = 0;
  for (let at = 0; at < SEEDS / 3; at += 1) {
    const world = play(seed + at, false);
    begun += world.begun.size;
    assert.equal(world.alarms, []);
  }
  assert.ok(begun > SEEDS, 'the world did something');
});

test('with lost answers, silent sidecars and a dying control', () => {
  let abandoned = 0;
  for (let at = 0; at < SEEDS; at += 1) {
    try {
      const world = play(seed * 7 + at, true);
      abandoned += [...world.disk.values()].filter((value) =>
        value.includes('miroir_write_abandoned'),
      ).length;
    } catch (error) {
      throw new Error(`seed ${seed * 7 + at}: ${(error as Error).message}`);
    }
  }
  assert.ok(abandoned > 0, 'some writes were given up');
});

run();
