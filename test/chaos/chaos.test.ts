/**
 * Goal: a few cycles of the chaos run in every test run, with stand-in nodes where no Meilisearch is found.
 * Method: as `npm run chaos`, with one seed; the whole of it takes a quarter of an hour and is run by hand.
 */
import * as assert from 'uvu/assert';
import { suite } from '../kit/suite.ts';
import { row } from './report.ts';
import { runCycles } from './run.ts';
import { World } from './world.ts';

const MINUTES = 60_000;
const CYCLES = 3;
const { test, run, after } = suite('chaos');
let world: World | undefined;

after(async () => {
  await world?.stop();
}, MINUTES);

test(
  'a few cycles of killed, frozen and cut off processes leave nothing behind',
  async () => {
    const config = { sharding: { shards: 32 } };
    world = await World.start({ nodeCount: 2, factor: 2, groups: 1, spread: 'all', config });
    const results = await runCycles(world, {
      seed: 11,
      cycles: CYCLES,
      limitMs: 3 * MINUTES,
      factor: 2,
      groups: 1,
      onCycle: () => {},
    });
    for (const result of results) assert.equal(result.violations, [], row(result));
    assert.is(results.length, CYCLES);
    assert.ok(results.every(({ acknowledgedCount }) => acknowledgedCount > 0));
  },
  6 * MINUTES,
);

run();
