/**
 * Goal: of a node's markers only one is on its way at a time, so that an older one never comes last.
 * Method: a node misses writes twice and is filled twice; the places of the markers asked for are counted.
 */
import * as assert from 'uvu/assert';
import { suite } from '../../../kit/suite.ts';
import { World } from './world.ts';

const { test, run } = suite('markers');

/** Node b misses a write and is filled. */
function fill(world: World, color: string): void {
  world.setUp('b', false);
  world.write({ kind: 'put', documents: { 1: color } });
  world.run(3);
  world.setUp('b', true);
  world.run();
  assert.is(world.copy('b'), 'in-sync');
}

test('a marker waits until the one before is written, or long enough', () => {
  const world = new World();
  const asked: number[] = [];
  world.onEffect = (effect) => {
    if (effect.kind === 'writeMarker' && effect.nodeId === 'b') asked.push(effect.seq);
  };
  fill(world, 'blue');
  assert.is(asked.length, 1);
  fill(world, 'red');
  assert.is(asked.length, 1, 'the first one may still be on its way');
  world.apply({ kind: 'markerWritten', nodeId: 'b', seq: asked[0] ?? -1, now: world.now });
  world.run(1);
  assert.is(asked.length, 2);
  assert.ok((asked[1] ?? -1) > (asked[0] ?? -1));
  fill(world, 'green');
  world.nowMs += 60_000;
  world.run(1);
  assert.is(asked.length, 3, 'the second one is given up');
});

run();
